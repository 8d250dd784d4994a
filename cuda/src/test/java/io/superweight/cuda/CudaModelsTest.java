package io.superweight.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import io.superweight.Fixtures;
import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.Checkpoints;
import io.superweight.compute.Device;
import io.superweight.compute.Precision;
import io.superweight.compute.cpu.CpuDevice;
import io.superweight.find.Candidate;
import io.superweight.find.FindOptions;
import io.superweight.find.FindResult;
import io.superweight.find.Finder;
import io.superweight.model.ActivationTransform;
import io.superweight.model.GoldenFixturesTest;
import io.superweight.model.Head;
import io.superweight.model.Site;
import io.superweight.model.SiteValues;
import io.superweight.model.Transformer;
import io.superweight.model.Variant;
import io.superweight.tokenizer.Tokenizer;
import io.superweight.tokenizer.Tokenizers;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Whole models on the GPU: Hugging Face's numbers in float32, the CPU's findings in both. */
final class CudaModelsTest extends GoldenFixturesTest {
  @Override
  protected Device device() {
    return Gpu.open(Precision.F32);
  }

  @Test
  void theEmbeddedModelHasTheSameSuperWeightsAsOnTheCpu() {
    Gpu.assumePresent();
    sameFindings(Fixtures.books12m());
  }

  @Test
  void smolLm2HasTheSameSuperWeightsAsOnTheCpu() {
    Gpu.assumePresent();
    sameFindings(Fixtures.smolLm2());
  }

  private static void sameFindings(Path path) {
    List<String> expected = found(path, CpuDevice.create(4, Precision.F32));
    assertThat(expected).isNotEmpty();
    for (Precision precision : Precision.values()) {
      assertThat(found(path, Gpu.open(precision))).as("%s", precision).isEqualTo(expected);
    }
  }

  /** Coordinates, roles and sets. */
  private static List<String> found(Path path, Device opened) {
    try (Device device = opened;
        Checkpoint checkpoint = Checkpoints.open(path);
        Tokenizer tokenizer = Tokenizers.of(checkpoint);
        Transformer model = Transformer.load(checkpoint, device)) {
      FindResult result = Finder.find(model, tokenizer, FindOptions.DEFAULT);
      List<String> lines = new ArrayList<>();
      for (Candidate candidate : result.candidates()) {
        lines.add(candidate.coordinate() + " " + candidate.role());
      }
      result.sets().forEach(set -> lines.add(set.members().toString()));
      return lines;
    }
  }

  @Test
  void scoresVariantsTransformsAndTextAreThoseOfTheCpu() throws IOException {
    Gpu.assumePresent();
    for (String name :
        List.of("llama1-mha", "llama3-gqa-bf16", "qwen2-moe", "gemma2", "gpt2", "phi3-mini")) {
      Path folder = Fixtures.path("hf-tiny").resolve(name);
      if (!Files.isDirectory(folder)) {
        continue;
      }
      JsonNode golden =
          JsonMapper.shared().readTree(Files.readString(folder.resolve("golden.json")));
      List<int[]> prompts = new ArrayList<>();
      golden
          .get("prompts")
          .forEach(p -> prompts.add(p.valueStream().mapToInt(JsonNode::asInt).toArray()));
      double[][][][] scores = new double[4][][][];
      int[][][] text = new int[2][][];
      for (int which = 0; which < 4; which++) {
        try (Device device =
                which == 0 || which == 3
                    ? CpuDevice.create(4, which == 0 ? Precision.F32 : Precision.BF16)
                    : Gpu.open(which == 1 ? Precision.F32 : Precision.BF16);
            Checkpoint checkpoint = Checkpoints.open(folder);
            Transformer model = Transformer.load(checkpoint, device)) {
          String part =
              model.matrices().keySet().stream().filter(p -> p.endsWith("down")).findFirst().get();
          List<Variant> variants =
              List.of(
                  Variant.INTACT,
                  Variant.zeroed("zeroed", Set.of(new io.superweight.model.Coordinate(part, 3, 5))),
                  new Variant("halved", List.of(), List.of(new Halving())));
          var result = model.forward(prompts, variants, List.of(), Head.SCORE);
          scores[which] = result.logProbabilities();
          if (which < 2) {
            text[which] = model.generate(variants, prompts.getFirst(), 5);
          }
        }
      }
      double[] worst = new double[4];
      for (int which = 1; which < 4; which++) {
        for (int v = 0; v < scores[0].length; v++) {
          for (int q = 0; q < scores[0][v].length; q++) {
            for (int t = 0; t < scores[0][v][q].length; t++) {
              worst[which] =
                  Math.max(worst[which], Math.abs(scores[which][v][q][t] - scores[0][v][q][t]));
            }
          }
        }
      }
      System.out.printf(
          Locale.ROOT,
          "%-16s |Δ log p| in nats: f32 %.1e, bf16 %.1e (CPU in bf16 %.1e)%n",
          name,
          worst[1],
          worst[2],
          worst[3]);
      assertThat(worst[1]).as("%s in f32", name).isLessThan(1e-4);
      // More is rounded than on the CPU: norms, gates and attention, too.
      assertThat(worst[2]).as("%s in bf16", name).isLessThan(1e-4 + 4 * worst[3]);
      assertThat(Arrays.deepEquals(text[1], text[0])).as("%s: text", name).isTrue();
    }
  }

  /** A transform that writes: half of what the first layer's MLP gives. */
  private static final class Halving implements ActivationTransform {
    @Override
    public boolean wants(Site site) {
      return site.kind() == Site.Kind.MLP_OUT && site.layer() == 0;
    }

    @Override
    public void transform(Site site, SiteValues values) {
      for (int r = 0; r < values.rows(); r++) {
        for (int c = 0; c < values.cols(); c++) {
          values.set(r, c, values.get(r, c) / 2);
        }
      }
    }
  }
}
