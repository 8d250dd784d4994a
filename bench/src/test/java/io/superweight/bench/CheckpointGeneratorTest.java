package io.superweight.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.superweight.InputException;
import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.Checkpoints;
import io.superweight.compute.cpu.CpuDevice;
import io.superweight.model.Coordinate;
import io.superweight.model.Head;
import io.superweight.model.Probe;
import io.superweight.model.Site;
import io.superweight.model.SiteValues;
import io.superweight.model.Transformer;
import io.superweight.model.Variant;
import io.superweight.tensor.DType;
import io.superweight.tokenizer.BosPolicy;
import io.superweight.tokenizer.Tokenizers;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CheckpointGeneratorTest {
  private static final LlamaShape TINY = LlamaShape.TINY;

  @TempDir Path folder;

  @Test
  void thePlantedWeightsMakeTheSpikeAndZeroingThemRemovesIt() {
    for (long seed : new long[] {1, 2}) {
      Path out = folder.resolve("seed" + seed);
      Planted planted = CheckpointGenerator.generate(TINY, out, seed, DType.BF16);
      List<Coordinate> both =
          planted.weights().stream().map(w -> Coordinate.parse(w.coordinate())).toList();
      List<Variant> variants =
          List.of(
              Variant.INTACT,
              Variant.zeroed("first", both.subList(0, 1)),
              Variant.zeroed("second", both.subList(1, 2)),
              Variant.zeroed("both", both));
      float[][][] last = new float[variants.size()][][];
      float[][][] planting = new float[variants.size()][][];
      try (Checkpoint checkpoint = Checkpoints.open(out);
          CpuDevice device = CpuDevice.create(2);
          Transformer model = Transformer.load(checkpoint, device)) {
        int[] ids =
            Tokenizers.of(checkpoint).encode("Summer is hot. Winter is cold.", BosPolicy.AUTO);
        assertThat(ids[0]).isEqualTo(planted.token());
        model.forward(
            List.of(ids),
            variants,
            List.of(stream(TINY.layers - 1, last), stream(planted.layer(), planting)),
            Head.SKIP);
      }
      int j = planted.channel();
      double spike = Math.abs(last[0][0][j]);
      assertThat(spike).isGreaterThan(100 * median(last[0][0]));
      assertThat(spike).isGreaterThan(100);
      // It persists from the layer that makes it to the last.
      assertThat(spike / Math.abs(planting[0][0][j])).isBetween(0.98, 1.02);
      // Only at the first token.
      for (int t = 1; t < last[0].length; t++) {
        assertThat(Math.abs(last[0][t][j])).isLessThan((float) spike / 20);
      }
      // Each carries its share, and nothing is left without them.
      assertThat(last[1][0][j] / last[0][0][j]).isBetween(0.15f, 0.6f);
      assertThat(last[2][0][j] / last[0][0][j]).isBetween(0.4f, 0.85f);
      assertThat(Math.abs(last[3][0][j])).isLessThan(10);
    }
  }

  @Test
  void oneSeedGivesTheSameBytesWhateverTheShardsAndAnotherSeedGivesOthers() throws IOException {
    CheckpointGenerator.generate(TINY, folder.resolve("a"), 7, DType.BF16);
    CheckpointGenerator.generate(TINY, folder.resolve("again"), 7, DType.BF16);
    CheckpointGenerator.generate(TINY, folder.resolve("shards"), 7, DType.BF16, 6_000_000);
    CheckpointGenerator.generate(TINY, folder.resolve("other"), 8, DType.BF16);
    assertThat(folder.resolve("again/model.safetensors"))
        .hasSameBinaryContentAs(folder.resolve("a/model.safetensors"));
    assertThat(folder.resolve("shards/model.safetensors.index.json")).exists();
    try (Stream<Path> files = Files.list(folder.resolve("shards"))) {
      List<Path> shards = files.filter(file -> file.toString().endsWith(".safetensors")).toList();
      assertThat(shards).hasSizeGreaterThan(2);
      assertThat(shards).allSatisfy(shard -> assertThat(Files.size(shard)).isLessThan(6_100_000));
    }
    try (Checkpoint whole = Checkpoints.open(folder.resolve("a"));
        Checkpoint shards = Checkpoints.open(folder.resolve("shards"));
        Checkpoint other = Checkpoints.open(folder.resolve("other"))) {
      assertThat(shards.names()).isEqualTo(whole.names());
      for (String name : whole.names()) {
        var bytes = whole.require(name).data();
        assertThat(bytes.mismatch(shards.require(name).data())).as(name).isEqualTo(-1);
        if (!name.contains("norm")) {
          assertThat(bytes.mismatch(other.require(name).data())).as(name).isNotEqualTo(-1);
        }
      }
    }
  }

  @Test
  void theNoiseAtAnIndexIsWhatTheFileHolds() {
    CheckpointGenerator.generate(TINY, folder.resolve("a"), 7, DType.BF16);
    List<String> names = TINY.entries(DType.BF16).stream().map(e -> e.name()).toList();
    Set<Float> seen = new TreeSet<>();
    try (Checkpoint checkpoint = Checkpoints.open(folder.resolve("a"));
        CpuDevice device = CpuDevice.create(1);
        Transformer model = Transformer.load(checkpoint, device)) {
      Noise noise = new Noise(7, names.indexOf("lm_head.weight"), 1 / Math.sqrt(TINY.hidden));
      var data = checkpoint.require("lm_head.weight").data();
      double squares = 0;
      int count = 100_000;
      for (int i = 0; i < count; i++) {
        short stored = data.get(java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED, 2L * i);
        float value = Float.intBitsToFloat(stored << 16);
        assertThat(value).isEqualTo(noise.at(i));
        squares += (double) value * value;
        seen.add(value);
      }
      assertThat(squares / count * TINY.hidden).isBetween(0.98, 1.02);
      assertThat(seen).hasSizeGreaterThan(1000);
      assertThat(model.vocabularySize()).isEqualTo(TINY.vocabulary);
    }
  }

  @Test
  void refusesAFolderThatExistsAndADiskThatIsTooSmallAndLeavesNothingBehind() throws IOException {
    Files.createDirectory(folder.resolve("there"));
    assertThatThrownBy(
            () -> CheckpointGenerator.generate(TINY, folder.resolve("there"), 1, DType.BF16))
        .isInstanceOf(InputException.class)
        .hasMessageContaining("delete it or give another name");
    assertThatThrownBy(
            () -> CheckpointGenerator.generate(TINY, folder.resolve("no/where"), 1, DType.BF16))
        .isInstanceOf(InputException.class)
        .hasMessageContaining("make that one first");
    assertThatThrownBy(
            () -> CheckpointGenerator.requireRoom(13_500_000_000L, 13_500_000_000L, Path.of("big")))
        .isInstanceOf(InputException.class)
        .hasMessageContaining("big needs 13.6 GB and its disk has 13.5 GB left");
    CheckpointGenerator.requireRoom(13_500_000_000L, 14_000_000_000L, Path.of("big"));
    try (Stream<Path> files = Files.list(folder)) {
      assertThat(files).containsExactly(folder.resolve("there"));
    }
  }

  @Test
  void shapesHaveTheSizesOfThePublishedModels() {
    assertThat(LlamaShape.B1.parameters()).isEqualTo(1_100_048_384L);
    assertThat(LlamaShape.B7.parameters()).isEqualTo(6_738_415_616L);
    assertThat(LlamaShape.B13.parameters()).isEqualTo(13_015_864_320L);
  }

  private static Probe stream(int layer, float[][][] out) {
    return new Probe() {
      @Override
      public boolean wants(Site site) {
        return site.equals(Site.of(Site.Kind.RESID_POST, layer));
      }

      @Override
      public void observe(Site site, SiteValues values) {
        float[] all = values.toArray();
        out[values.variant()] = new float[values.rows()][];
        for (int t = 0; t < values.rows(); t++) {
          out[values.variant()][t] =
              Arrays.copyOfRange(all, t * values.cols(), (t + 1) * values.cols());
        }
      }
    };
  }

  private static double median(float[] values) {
    double[] sorted = new double[values.length];
    for (int i = 0; i < sorted.length; i++) {
      sorted[i] = Math.abs(values[i]);
    }
    Arrays.sort(sorted);
    return sorted[sorted.length / 2];
  }
}
