package io.superweight.find;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.superweight.Fixtures;
import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.Checkpoints;
import io.superweight.compute.Device;
import io.superweight.compute.cpu.CpuDevice;
import io.superweight.find.Card.LayerCard;
import io.superweight.find.Card.SiteCard;
import io.superweight.model.Site;
import io.superweight.model.SiteValues;
import io.superweight.model.Transformer;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class CardTest {
  private static final Prompt PROMPT = Prompt.of(11, 12, 13, 14);

  private static SiteValues values(float[] data, int cols) {
    int rows = data.length / cols;
    int[] tokens = new int[rows];
    for (int i = 0; i < rows; i++) {
      tokens[i] = i;
    }
    MemorySegment segment = java.lang.foreign.Arena.ofAuto().allocate(4L * data.length, 4);
    MemorySegment.copy(MemorySegment.ofArray(data), 0, segment, 0, 4L * data.length);
    return new SiteValues(0, 0, segment, rows, cols, tokens);
  }

  /** Values around ±1, {@code [4, 64]}. */
  private static float[] ordinary() {
    SplittableRandom random = new SplittableRandom(1);
    float[] data = new float[4 * 64];
    for (int i = 0; i < data.length; i++) {
      data[i] = (float) ((random.nextBoolean() ? 1 : -1) * (0.5 + random.nextDouble()));
    }
    return data;
  }

  private static Card card(float[] input, float[] output, float[] residual) {
    CardProbe probe = new CardProbe(1, List.of(PROMPT));
    probe.observe(Site.of(Site.Kind.DOWN_IN, 0), values(input, 64));
    probe.observe(Site.of(Site.Kind.DOWN_OUT, 0), values(output, 64));
    probe.observe(Site.of(Site.Kind.RESID_POST, 0), values(residual, 64));
    return Card.of(List.of(PROMPT), probe.layers());
  }

  @Test
  void aPlantedValueIsFoundWithItsTokenChannelAndHeadroom() {
    float[] input = ordinary();
    input[2 * 64 + 17] = -560.5f;
    SiteCard site = card(input, ordinary(), ordinary()).layers().getFirst().input().orElseThrow();
    assertThat(site.largest().value()).isEqualTo(-560.5f);
    assertThat(site.largest().position()).isEqualTo(2);
    assertThat(site.largest().channel()).isEqualTo(17);
    assertThat(site.largest().token()).isEqualTo("13");
    assertThat(site.headroomF16()).isCloseTo(65504 / 560.5, within(1e-9));
    assertThat(site.headroomFp8()).isCloseTo(448 / 560.5, within(1e-9));
    assertThat(site.headroomBf16()).isGreaterThan(1e35);
    assertThat(site.median()).isBetween(0.9, 1.1);
    assertThat(site.int8MedianSteps()).isBetween(0.2, 0.26); // 1 / (560.5 / 127)
    assertThat(site.int8Zeroed()).isGreaterThan(0.9);
    assertThat(site.int8WorstToken()).isEqualTo(2);
  }

  @Test
  void aLayerWithASpikeInItsInputIsKeptOutOfW8A8AndOthersAreNot() {
    float[] spiked = ordinary();
    spiked[5] = 300;
    Card card = card(spiked, ordinary(), ordinary());
    assertThat(card.keepOutOfW8A8()).containsExactly(0);
    assertThat(card.keepOutOfW8A8PerToken()).containsExactly(0);
    assertThat(card(ordinary(), spiked, spiked).keepOutOfW8A8()).isEmpty();
  }

  @Test
  void oneLargeTokenRuinsTheTensorScaleButNotTheTokenScale() {
    float[] input = ordinary();
    for (int c = 0; c < 64; c++) {
      input[64 + c] *= 1000;
    }
    Card card = card(input, ordinary(), ordinary());
    assertThat(card.keepOutOfW8A8()).containsExactly(0);
    assertThat(card.keepOutOfW8A8PerToken()).isEmpty();
    assertThat(card.sentence()).contains("a scale for each token holds them");
  }

  @Test
  void overflowOfFloat16IsSaidOfOutputsAndResidualsToo() {
    float[] over = ordinary();
    over[9] = 70_000;
    float[] near = ordinary();
    near[9] = -20_000;
    assertThat(card(ordinary(), over, ordinary()).overflowF16()).containsExactly(0);
    assertThat(card(ordinary(), ordinary(), over).overflowF16()).containsExactly(0);
    Card close = card(ordinary(), near, ordinary());
    assertThat(close.overflowF16()).isEmpty();
    assertThat(close.nearF16()).containsExactly(0);
    assertThat(close.sentence()).contains("layer 0 comes within a factor of 4");
  }

  @Test
  void infiniteAndUndefinedValuesAreCountedAndLeftOut() {
    float[] broken = ordinary();
    broken[3] = Float.NaN;
    broken[4] = Float.NEGATIVE_INFINITY;
    SiteCard site = card(broken, ordinary(), ordinary()).layers().getFirst().input().orElseThrow();
    assertThat(site.nonFinite()).isEqualTo(2);
    assertThat(site.overflowsF16()).isTrue();
    assertThat(Math.abs(site.largest().value())).isLessThan(2);
    float[] nothing = new float[256];
    SiteCard zero = card(nothing, nothing, nothing).layers().getFirst().input().orElseThrow();
    assertThat(zero.median()).isZero();
    assertThat(zero.overflowsF16()).isFalse();
  }

  @Test
  void layersAreListedInRuns() {
    assertThat(Card.layers(List.of(3))).isEqualTo("layer 3");
    assertThat(Card.layers(List.of(2, 3, 4, 5, 30))).isEqualTo("layers 2–5, 30");
    assertThat(Card.layers(List.of(1, 2, 9))).isEqualTo("layers 1, 2, 9");
  }

  @ParameterizedTest
  @ValueSource(strings = {"mistral-sliding", "gpt2", "gemma2"})
  void theLargestDownInputsAndOutputsAreThoseOfTheReference(String name) {
    JsonNode golden =
        JsonMapper.shared().readTree(Fixtures.path("hf-tiny/" + name + "/golden.json"));
    try (Checkpoint checkpoint = Checkpoints.open(Fixtures.path("hf-tiny/" + name));
        Device device = CpuDevice.create();
        Transformer model = Transformer.load(checkpoint, device)) {
      for (int p = 0; p < golden.get("prompts").size(); p++) {
        int[] ids = JsonMapper.shared().treeToValue(golden.get("prompts").get(p), int[].class);
        Card card = Card.of(model, List.of(Prompt.of(ids)));
        for (LayerCard layer : card.layers()) {
          // Named as modules: model.layers.3.mlp.down_proj, transformer.h.3.mlp.c_proj, …
          JsonNode expected =
              golden.get("down").get(p).properties().stream()
                  .filter(e -> e.getKey().contains("." + layer.layer() + "."))
                  .findFirst()
                  .orElseThrow()
                  .getValue();
          for (String side : List.of("in", "out")) {
            SiteCard site = (side.equals("in") ? layer.input() : layer.output()).orElseThrow();
            assertThat(site.largest().value())
                .as(name + " prompt " + p + " layer " + layer.layer() + " " + side)
                .isCloseTo(
                    (float) expected.get(side).get("value").asDouble(),
                    within(2e-4f * Math.abs(site.largest().value())));
          }
        }
      }
    }
  }
}
