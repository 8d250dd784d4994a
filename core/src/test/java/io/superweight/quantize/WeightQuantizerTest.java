package io.superweight.quantize;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.superweight.Fixtures;
import io.superweight.InputException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class WeightQuantizerTest {
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** One case of the fixture: what PyTorch made of a matrix. */
  record Case(
      String matrix,
      int rows,
      int cols,
      String quantize,
      Indivisible indivisible,
      long clipped,
      boolean torchStatistics,
      String sha256,
      double[] values) {
    @Override
    public String toString() {
      return matrix + " " + quantize + " " + indivisible;
    }
  }

  static Stream<Case> exact() throws Exception {
    return cases().filter(c -> !c.torchStatistics);
  }

  static Stream<Case> ofTorchStatistics() throws Exception {
    return cases().filter(Case::torchStatistics);
  }

  private static Stream<Case> cases() throws Exception {
    JsonNode root =
        JsonMapper.shared().readTree(Files.readString(Fixtures.path("quantize/cases.json")));
    return root.get("cases")
        .valueStream()
        .map(node -> {
          JsonNode matrix = root.get("matrices").get(node.get("matrix").asString());
          return new Case(
              node.get("matrix").asString(),
              matrix.get("rows").asInt(),
              matrix.get("cols").asInt(),
              node.get("quantize").asString(),
              switch (node.get("indivisible").asString()) {
                case "tail" -> Indivisible.TAIL;
                case "per-tensor" -> Indivisible.PER_TENSOR;
                default -> Indivisible.ERROR;
              },
              node.get("clipped").asLong(),
              node.get("torch_statistics").asBoolean(),
              node.get("sha256").asString(),
              node.path("values").valueStream().mapToDouble(JsonNode::asDouble).toArray());
        });
  }

  private static float[] matrix(Case of) throws Exception {
    byte[] bytes = Files.readAllBytes(Fixtures.path("quantize/" + of.matrix + ".f32"));
    return MemorySegment.ofArray(bytes).toArray(FLOAT);
  }

  private static WeightQuantizer quantizer(Case of) {
    return Quantization.parse(of.quantize, of.indivisible).weights().orElseThrow();
  }

  @ParameterizedTest
  @MethodSource("exact")
  void everyElementIsThePublishedArithmeticsToTheBit(Case of) throws Exception {
    float[] weights = matrix(of);
    WeightQuantizer.Outcome outcome =
        quantizer(of).apply(MemorySegment.ofArray(weights), of.rows, of.cols, of.matrix);
    byte[] bytes = new byte[4 * weights.length];
    MemorySegment.copy(weights, 0, MemorySegment.ofArray(bytes), FLOAT, 0, weights.length);
    assertThat(outcome.clipped()).isEqualTo(of.clipped);
    assertThat(HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes)))
        .isEqualTo(of.sha256);
    assertThat(outcome.fallback()).isEqualTo(of.indivisible == Indivisible.PER_TENSOR);
  }

  @ParameterizedTest
  @MethodSource("ofTorchStatistics")
  void sumsInFloat64ChangeNoMoreThanTheLastBitsOfPyTorchsOwn(Case of) throws Exception {
    float[] weights = matrix(of);
    WeightQuantizer.Outcome outcome =
        quantizer(of).apply(MemorySegment.ofArray(weights), of.rows, of.cols, of.matrix);
    assertThat(outcome.clipped()).isEqualTo(of.clipped);
    for (int i = 0; i < of.values.length; i++) {
      assertThat((double) weights[i]).isCloseTo(of.values[i], within(1e-6));
    }
  }

  private static float[] random(long seed, int count) {
    Random random = new Random(seed);
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  private static float[] applied(String text, Indivisible indivisible, float[] w, int rows) {
    float[] copy = w.clone();
    Quantization.parse(text, indivisible)
        .weights()
        .orElseThrow()
        .apply(MemorySegment.ofArray(copy), rows, w.length / rows, "w");
    return copy;
  }

  @Test
  void blocksOfEqualWeightsStayAsTheyAre() {
    float[] w = random(1, 64);
    for (int i = 16; i < 32; i++) {
      w[i] = 0.3f;
    }
    for (String text : new String[] {"rtn4:block=16", "rtn2:block=16,shift", "nf4:block=16"}) {
      float[] got = applied(text, Indivisible.ERROR, w, 4);
      for (int i = 16; i < 32; i++) {
        assertThat(got[i]).as(text).isEqualTo(0.3f);
      }
    }
    assertThat(applied("int8", Indivisible.ERROR, new float[12], 3)).containsOnly(0f);
  }

  @Test
  void aBlockOfOneWeightIsExactWhateverItIs() {
    float[] w = random(2, 30);
    assertThat(applied("rtn2:block=1,clip=z:0", Indivisible.ERROR, w, 5)).isEqualTo(w);
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 3, 4, 5, 6, 7, 8})
  void noWeightMovesByMoreThanHalfAStep(int bits) {
    float[] w = random(bits, 40 * 48);
    float[] got = applied("rtn" + bits + ":block=channel", Indivisible.ERROR, w, 40);
    for (int r = 0; r < 40; r++) {
      float min = Float.MAX_VALUE;
      float max = -Float.MAX_VALUE;
      for (int c = 0; c < 48; c++) {
        min = Math.min(min, w[r * 48 + c]);
        max = Math.max(max, w[r * 48 + c]);
      }
      float step = (max - min) / ((1 << bits) - 1);
      for (int c = 0; c < 48; c++) {
        assertThat(Math.abs(got[r * 48 + c] - w[r * 48 + c])).isLessThan(step * 0.5001f);
      }
    }
  }

  @Test
  void runsCrossRowsAndGroupsDoNot() {
    float[] w = random(5, 6 * 20);
    float[] runs = applied("rtn4:block=40", Indivisible.ERROR, w, 6);
    float[] rows = applied("rtn4:block=channel", Indivisible.ERROR, w, 6);
    float[] groups = applied("rtn4:block=group20", Indivisible.ERROR, w, 6);
    float[] tiles = applied("rtn4:block=2x20", Indivisible.ERROR, w, 6);
    assertThat(groups).isEqualTo(rows);
    assertThat(tiles).isEqualTo(runs);
    assertThat(runs).isNotEqualTo(rows);
  }

  @Test
  void aSizeThatDoesNotDivideIsRefusedUnlessSomebodySaysWhatThen() {
    float[] w = random(6, 7 * 10);
    assertThatThrownBy(() -> applied("rtn4:block=64", Indivisible.ERROR, w, 7))
        .isInstanceOf(InputException.class)
        .hasMessageContaining("[7, 10]")
        .hasMessageContaining("--indivisible tail");
    assertThat(applied("rtn4:block=64", Indivisible.PER_TENSOR, w, 7))
        .isEqualTo(applied("rtn4:block=tensor", Indivisible.ERROR, w, 7));
    assertThat(applied("rtn4:block=64", Indivisible.TAIL, w, 7))
        .isNotEqualTo(applied("rtn4:block=tensor", Indivisible.ERROR, w, 7));
  }

  @Test
  void weightsThatAreNotFiniteAreRefused() {
    float[] w = random(7, 64);
    for (float bad : new float[] {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY}) {
      w[20] = bad;
      assertThatThrownBy(() -> applied("rtn4:block=16", Indivisible.ERROR, w, 4))
          .isInstanceOf(InputException.class)
          .hasMessageContaining("not finite");
    }
  }

  @Test
  void aRangeTooSmallToDivideByChangesNothing() {
    float[] w = new float[16];
    w[3] = Float.MIN_VALUE;
    assertThat(applied("rtn8:block=16", Indivisible.ERROR, w, 1)).isEqualTo(w);
  }
}
