package io.superweight.quantize;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.superweight.Fixtures;
import io.superweight.InputException;
import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.Checkpoints;
import io.superweight.compute.Buffer;
import io.superweight.compute.Device;
import io.superweight.compute.Matrix;
import io.superweight.compute.cpu.CpuDevice;
import io.superweight.edit.EditedModel;
import io.superweight.model.ActivationTransform;
import io.superweight.model.Coordinate;
import io.superweight.model.Head;
import io.superweight.model.Probe;
import io.superweight.model.Site;
import io.superweight.model.SiteValues;
import io.superweight.model.Transformer;
import io.superweight.model.Variant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class QuantizerTest {
  private static final Coordinate SUPER = Coordinate.down(1, 161, 288);

  private interface Work {
    void on(Transformer model);
  }

  private static void with(java.nio.file.Path path, Work work) {
    try (Checkpoint checkpoint = Checkpoints.open(path);
        Device device = CpuDevice.create();
        Transformer model = Transformer.load(checkpoint, device)) {
      work.on(model);
    }
  }

  private static void fixture(String name, Work work) {
    with(Fixtures.path("hf-tiny").resolve(name), work);
  }

  private static int[] ids(Transformer model, int count) {
    SplittableRandom seeded = new SplittableRandom(5);
    return IntStream.range(0, count).map(i -> seeded.nextInt(model.vocabularySize())).toArray();
  }

  private static float[] logits(Transformer model, Variant variant) {
    return model.forward(List.of(ids(model, 24)), List.of(variant), List.of(), Head.ALL_LOGITS)
        .logits()[0][0];
  }

  private static Quantization parsed(String text) {
    return Quantization.parse(text, Indivisible.TAIL);
  }

  private static EditedModel applied(Transformer model, String text) {
    return new Quantizer(model, List.of(), List.of(ids(model, 32)))
        .apply(text, parsed(text), EditedModel.ORIGINAL);
  }

  /** Wants to see attention's weights and leaves them as they are. */
  private static ActivationTransform watching(List<Double> sums) {
    return new ActivationTransform() {
      @Override
      public boolean wants(Site site) {
        return site.kind() == Site.Kind.ATTN_WEIGHTS;
      }

      @Override
      public void transform(Site site, SiteValues values) {
        for (int t = 0; t < values.rows(); t++) {
          double sum = 0;
          for (int j = 0; j < values.cols(); j++) {
            sum += values.get(t, j);
          }
          sums.add(sum);
        }
      }
    };
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "llama1-mha",
        "llama3-gqa-bf16",
        "gemma2",
        "mistral-sliding",
        "gpt2",
        "falcon-7b-style"
      })
  void attentionHeadByHeadGivesTheLogitsOfAttentionAtOnce(String name) {
    fixture(
        name,
        model -> {
          List<Double> sums = new ArrayList<>();
          float[] open = logits(model, new Variant("open", List.of(), List.of(watching(sums))));
          float[] whole = logits(model, Variant.INTACT);
          float largest = 0;
          for (float value : whole) {
            largest = Math.max(largest, Math.abs(value));
          }
          for (int i = 0; i < whole.length; i++) {
            assertThat(open[i]).isCloseTo(whole[i], within(2e-5f * largest));
          }
          assertThat(sums).isNotEmpty().allSatisfy(s -> assertThat(s).isCloseTo(1, within(1e-5)));
        });
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "llama1-mha",
        "qwen2",
        "phi3-mini",
        "mixtral-moe",
        "gemma2",
        "gpt2",
        "falcon-7b-style"
      })
  void smoothQuantAloneLeavesTheLogitsAsTheyAre(String name) {
    fixture(
        name,
        model -> {
          Variant smooth = applied(model, "none:smooth=0.5").variant();
          assertThat(smooth.weights()).isNotEmpty();
          float[] got = logits(model, smooth);
          float[] wanted = logits(model, Variant.INTACT);
          float largest = 0;
          for (float value : wanted) {
            largest = Math.max(largest, Math.abs(value));
          }
          for (int i = 0; i < wanted.length; i++) {
            assertThat(got[i]).isCloseTo(wanted[i], within(1e-4f * largest));
          }
        });
  }

  @ParameterizedTest
  @ValueSource(strings = {"llama1-mha", "qwen2", "phi3-mini", "gemma2"})
  void smoothQuantOfDownProjectionsLeavesTheLogitsAsTheyAre(String name) {
    fixture(
        name,
        model -> {
          float[] got = logits(model, applied(model, "none:smooth=0.5,smooth-down").variant());
          float[] wanted = logits(model, Variant.INTACT);
          float largest = 0;
          for (float value : wanted) {
            largest = Math.max(largest, Math.abs(value));
          }
          for (int i = 0; i < wanted.length; i++) {
            assertThat(got[i]).isCloseTo(wanted[i], within(1e-4f * largest));
          }
        });
  }

  @ParameterizedTest
  @ValueSource(strings = {"gpt2", "mixtral-moe", "llama-bias-linear"})
  void smoothQuantOfDownProjectionsIsRefusedWhereUpCannotTakeTheFactors(String name) {
    fixture(
        name,
        model ->
            assertThatThrownBy(() -> applied(model, "int8:act=token,smooth=0.5,smooth-down"))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("leave smooth-down out"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"olmo-0724", "olmo2"})
  void smoothQuantIsRefusedWhereNoNormTakesItsFactors(String name) {
    fixture(
        name,
        model ->
            assertThatThrownBy(() -> applied(model, "int8:act=token,smooth=0.85"))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("no norm with weights")
                .hasMessageContaining("sa=largest"));
  }

  @Test
  void whatATransformMakesOfAnInputStaysOutOfTheResidualStream() {
    // OLMo-2 projects from the stream itself.
    fixture(
        "olmo2",
        model -> {
          Map<String, float[]> seen = new TreeMap<>();
          Probe probe =
              new Probe() {
                @Override
                public boolean wants(Site site) {
                  return site.layer() == 0
                      && (site.kind() == Site.Kind.RESID_PRE
                          || site.kind() == Site.Kind.RESID_POST);
                }

                @Override
                public void observe(Site site, SiteValues values) {
                  seen.put(site.kind().name(), values.toArray());
                }
              };
          ActivationTransform nothing =
              new ActivationTransform() {
                @Override
                public boolean wants(Site site) {
                  return site.kind() == Site.Kind.ATTN_IN || site.kind() == Site.Kind.MLP_IN;
                }

                @Override
                public void transform(Site site, SiteValues values) {
                  for (int t = 0; t < values.rows(); t++) {
                    for (int c = 0; c < values.cols(); c++) {
                      values.set(t, c, 0);
                    }
                  }
                }
              };
          model.forward(
              List.of(ids(model, 9)),
              List.of(new Variant("none", List.of(), List.of(nothing))),
              List.of(probe),
              Head.SKIP);
          // Nothing goes in, so nothing comes out, and the stream is as it was.
          assertThat(seen.get("RESID_POST")).isEqualTo(seen.get("RESID_PRE"));
        });
  }

  @Test
  void eightBitsOfWeightsAreNearTheModelAndTwoBitsAreNot() {
    with(
        Fixtures.books12m(),
        model -> {
          float[] wanted = logits(model, Variant.INTACT);
          double eight = distance(wanted, logits(model, applied(model, "rtn8:block=64").variant()));
          double four = distance(wanted, logits(model, applied(model, "rtn4:block=64").variant()));
          double two = distance(wanted, logits(model, applied(model, "rtn2:block=64").variant()));
          assertThat(eight).isPositive().isLessThan(four);
          assertThat(four).isLessThan(two);
        });
  }

  private static double distance(float[] a, float[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += (a[i] - b[i]) * (double) (a[i] - b[i]);
    }
    return sum;
  }

  @Test
  void heldWeightsKeepTheirValuesToTheBitAndTheReportSaysWhatTheyWouldHaveBecome() {
    with(
        Fixtures.books12m(),
        model -> {
          Quantizer quantizer = new Quantizer(model, List.of(SUPER), List.of());
          TensorReport report =
              quantizer.report(parsed("rtn2:block=tensor,clip=z:3,hold")).orElseThrow().stream()
                  .filter(r -> r.part().equals(SUPER.part()))
                  .findFirst()
                  .orElseThrow();
          TensorReport.Held held = report.held().getFirst();
          assertThat(held.original()).isEqualTo(model.weight(SUPER));
          assertThat(held.noEffect()).isFalse();
          assertThat(Math.abs(held.quantized())).isLessThan(Math.abs(held.original()));
          assertThat(report.outcome().clipped()).isPositive();
          EditedModel made =
              quantizer.apply("q", parsed("rtn2:block=tensor,clip=z:3,hold"), EditedModel.ORIGINAL);
          assertThat(made.notes())
              .anyMatch(n -> n.contains("held " + SUPER + " 0.42188 instead of"));
        });
  }

  @Test
  void holdingAWeightThatIsExactAnywayIsSaidToHaveNoEffect() {
    with(
        Fixtures.books12m(),
        model -> {
          Quantizer quantizer = new Quantizer(model, List.of(SUPER), List.of());
          EditedModel made =
              quantizer.apply("q", parsed("rtn4:block=1,hold"), EditedModel.ORIGINAL);
          assertThat(made.notes()).anyMatch(n -> n.contains("has no effect"));
        });
  }

  @Test
  void anEditedWeightIsHeldAtItsEditedValue() {
    with(
        Fixtures.books12m(),
        model -> {
          QuantizedWeights rounded =
              QuantizedWeights.of(
                  model, parsed("rtn2:block=tensor").weights().orElseThrow(), List.of(SUPER));
          Matrix stored = model.matrices().get(SUPER.part());
          try (Device.Scope scope = model.device().scope()) {
            Buffer buffer = scope.allocate(stored.rows(), stored.cols());
            model.device().decode(stored, buffer);
            model.device().put(buffer, SUPER.row(), SUPER.col(), 0.7531f);
            rounded.transform(SUPER.part(), buffer, model.device());
            float[] row = new float[stored.cols()];
            new SiteValues(
                    0, 0, model.device().host(buffer), stored.rows(), stored.cols(), new int[0])
                .row(SUPER.row(), row);
            assertThat(row[SUPER.col()]).isEqualTo(0.7531f);
            assertThat(row[SUPER.col() + 1])
                .isNotEqualTo(model.weight(Coordinate.down(1, SUPER.row(), SUPER.col() + 1)));
          }
        });
  }

  @Test
  void equalQuantizationsHaveEqualKeysAndOthersHaveOthers() {
    with(
        Fixtures.books12m(),
        model -> {
          assertThat(applied(model, "rtn4").key()).isEqualTo(applied(model, "rtn4:block=64").key());
          assertThat(applied(model, "int8:act=token,on=attn+mlp+down").key())
              .isEqualTo(applied(model, "int8:act=token,on=in").key());
          List<String> keys = new ArrayList<>();
          for (String text :
              List.of(
                  "rtn4",
                  "rtn4:block=128",
                  "rtn4:block=channel",
                  "rtn3",
                  "rtn4:clip=z:9",
                  "rtn4:clip=z:8",
                  "rtn4:delta=paper",
                  "rtn4:delta=divided",
                  "rtn4:shift",
                  "nf4",
                  "int4:block=64",
                  "int8:act=token",
                  "int8:act=tensor",
                  "int8:act=token,on=in",
                  "int8:act=token,sa=largest",
                  "int8:act=token,sinks=precise",
                  "int8:act=token,sinks=precise,sink-tokens=2",
                  "int8:act=token,smooth=0.5",
                  "int8:act=token,smooth=0.6",
                  "int8:act=token,bits=7")) {
            keys.add(applied(model, text).key());
          }
          assertThat(keys).doesNotHaveDuplicates();
        });
  }

  @Test
  void aPerTokenVariantGivesTheSameScoresAloneAndBesideOthers() {
    with(
        Fixtures.books12m(),
        model -> {
          Variant w8a8 = applied(model, "int8:act=token").variant();
          Variant rtn = applied(model, "rtn4").variant();
          float[] alone = logits(model, w8a8);
          float[] together =
              model.forward(
                      List.of(ids(model, 24)),
                      List.of(Variant.INTACT, rtn, w8a8),
                      List.of(),
                      Head.ALL_LOGITS)
                  .logits()[2][0];
          assertThat(together).isEqualTo(alone);
        });
  }

  @Test
  void reconstructionErrorNeverChoosesWorseThanNoClipping() {
    with(
        Fixtures.books12m(),
        model -> {
          WeightQuantizer quantizer = parsed("rtn4:block=1024").weights().orElseThrow();
          ClipSearch.Result found =
              ClipSearch.run(model, quantizer, List.of(SUPER), List.of(ids(model, 64)));
          double best =
              found.best() instanceof Clip.ZScore(double z)
                  ? found.errors().get(z)
                  : found.errors().get(Double.POSITIVE_INFINITY);
          assertThat(best)
              .isPositive()
              .isEqualTo(java.util.Collections.min(found.errors().values()));
        });
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "rtn9",
        "rtn",
        "q4",
        "",
        "rtn4:block=0",
        "rtn4:block=x",
        "rtn4:clip=9",
        "rtn4:clip=z",
        "rtn4:clip=block:2",
        "rtn4:hold=1",
        "rtn4,,hold",
        "rtn4:block=64,block=32",
        "nf5",
        "none",
        "none:block=64,act=token",
        "rtn4:sinks=precise",
        "int8:shift",
        "rtn4:shift,delta=paper",
        "int8:act=row",
        "int8:act=token,on=everything",
        "int8:smooth=2",
        "int8:act=token,bits=9",
        "rtn4:act",
        "rtn4:block=3x",
        "rtn4:clip=z:-1",
        "rtn4:clip=z:1e999"
      })
  void whatIsNotInTheLanguageIsRefusedInOneLine(String text) {
    assertThatThrownBy(() -> parsed(text))
        .isInstanceOf(InputException.class)
        .hasMessageStartingWith("--quantize ")
        .hasMessageNotContaining("\n");
  }
}
