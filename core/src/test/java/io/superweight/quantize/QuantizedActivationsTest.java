package io.superweight.quantize;

import static org.assertj.core.api.Assertions.assertThat;

import io.superweight.Fixtures;
import io.superweight.model.Site;
import io.superweight.quantize.ActivationQuantizer.Scale;
import io.superweight.quantize.ActivationQuantizer.Sinks;
import io.superweight.quantize.ActivationQuantizer.SuperActivation;
import io.superweight.statistics.Selection;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class QuantizedActivationsTest {
  private static final Site SITE = Site.of(Site.Kind.MLP_IN, 3);

  private static float[] rounded(ActivationQuantizer how, float[] x, int rows) {
    float[] copy = x.clone();
    new QuantizedActivations(how)
        .round(
            SITE,
            MemorySegment.ofArray(copy),
            rows,
            x.length / rows,
            IntStream.range(0, rows).toArray());
    return copy;
  }

  private static ActivationQuantizer how(
      Scale scale, SuperActivation held, Map<Site, Set<Integer>> channels, Sinks sinks) {
    return new ActivationQuantizer(
        8, scale, Set.of(Site.Kind.MLP_IN), held, channels, sinks, 1, 10);
  }

  private static float[] random(long seed, int count) {
    Random random = new Random(seed);
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  @Test
  void everyElementIsPyTorchsToTheBitWithTheLargestReplacedByTheMedianAndPutBack()
      throws Exception {
    JsonNode root =
        JsonMapper.shared().readTree(Files.readString(Fixtures.path("quantize/activations.json")));
    for (JsonNode node : root.get("cases")) {
      float[] x = floats(node.get("x").asString());
      float[] wanted = floats(node.get("y").asString());
      ActivationQuantizer how =
          how(
              node.get("scale").asString().equals("tensor") ? Scale.TENSOR : Scale.TOKEN,
              node.get("hold").asString().equals("plain")
                  ? SuperActivation.PLAIN
                  : SuperActivation.LARGEST,
              Map.of(),
              Sinks.PLAIN);
      assertThat(rounded(how, x, node.get("rows").asInt())).isEqualTo(wanted);
    }
  }

  private static float[] floats(String hex) {
    return MemorySegment.ofArray(HexFormat.of().parseHex(hex))
        .toArray(ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN));
  }

  @Test
  void theMedianIsTheLowerOfTheTwoInTheMiddle() {
    for (int seed = 0; seed < 50; seed++) {
      float[] x = random(seed, 1 + seed * 3);
      x[0] = seed % 2 == 0 ? 0f : -0f;
      float[] sorted = x.clone();
      Arrays.sort(sorted);
      assertThat(Selection.median(x)).isEqualTo(sorted[(x.length - 1) / 2]);
    }
  }

  @Test
  void firstTokensThatAreKeptPreciseHaveNoPartInTheScaleOfTheOthers() {
    float[] x = random(3, 5 * 8);
    x[2] = 5000f;
    float[] got = rounded(how(Scale.TENSOR, SuperActivation.PLAIN, Map.of(), Sinks.PRECISE), x, 5);
    assertThat(Arrays.copyOf(got, 8)).isEqualTo(Arrays.copyOf(x, 8));
    float[] rest = Arrays.copyOfRange(x, 8, x.length);
    float[] alone =
        rounded(how(Scale.TENSOR, SuperActivation.PLAIN, Map.of(), Sinks.PLAIN), rest, 4);
    assertThat(Arrays.copyOfRange(got, 8, got.length)).isEqualTo(alone);
  }

  @Test
  void firstTokensOutOfTheScaleAreCutOffAtTheLargestOfTheOthers() {
    float[] x = random(4, 5 * 8);
    x[2] = 5000f;
    float[] got =
        rounded(how(Scale.TENSOR, SuperActivation.PLAIN, Map.of(), Sinks.OUT_OF_SCALE), x, 5);
    float largest = 0;
    for (int i = 8; i < x.length; i++) {
      largest = Math.max(largest, Math.abs(x[i]));
    }
    assertThat(got[2]).isCloseTo(largest, org.assertj.core.api.Assertions.within(1e-5f));
  }

  @Test
  void aKnownChannelIsHeldAtItsLargestTokenAndNoOther() {
    float[] x = random(5, 6 * 8);
    x[8 + 3] = -900f;
    x[16 + 5] = 700f; // not known
    ActivationQuantizer known =
        how(Scale.TOKEN, SuperActivation.KNOWN, Map.of(SITE, Set.of(3)), Sinks.PLAIN);
    float[] got = rounded(known, x, 6);
    assertThat(got[8 + 3]).isEqualTo(-900f);
    // The other tokens are as without holding; the held one's token has a scale without it.
    float[] plain = rounded(how(Scale.TOKEN, SuperActivation.PLAIN, Map.of(), Sinks.PLAIN), x, 6);
    for (int t = 0; t < 6; t++) {
      float[] a = Arrays.copyOfRange(got, 8 * t, 8 * t + 8);
      float[] b = Arrays.copyOfRange(plain, 8 * t, 8 * t + 8);
      if (t == 1) {
        assertThat(a).isNotEqualTo(b);
      } else {
        assertThat(a).isEqualTo(b);
      }
    }
  }

  @Test
  void outlierTokensAreToldByTheMedianTokenAndLeftAsTheyAre() {
    float[] x = random(6, 9 * 16);
    x[4 * 16 + 3] = 400f;
    x[7 * 16 + 9] = -90f;
    float[] got = rounded(how(Scale.TENSOR, SuperActivation.PLAIN, Map.of(), Sinks.OUTLIERS), x, 9);
    float[] others = new float[7 * 16];
    int at = 0;
    for (int t = 0; t < 9; t++) {
      if (t == 4 || t == 7) {
        assertThat(Arrays.copyOfRange(got, 16 * t, 16 * t + 16))
            .isEqualTo(Arrays.copyOfRange(x, 16 * t, 16 * t + 16));
      } else {
        System.arraycopy(x, 16 * t, others, 16 * at++, 16);
      }
    }
    float[] alone =
        rounded(how(Scale.TENSOR, SuperActivation.PLAIN, Map.of(), Sinks.PLAIN), others, 7);
    assertThat(Arrays.copyOf(got, 16)).isEqualTo(Arrays.copyOf(alone, 16));
  }

  @Test
  void zerosStayZeros() {
    assertThat(
            rounded(
                how(Scale.TENSOR, SuperActivation.LARGEST, Map.of(), Sinks.PLAIN),
                new float[12],
                3))
        .containsOnly(0f);
  }
}
