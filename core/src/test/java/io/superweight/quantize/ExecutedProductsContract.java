package io.superweight.quantize;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.superweight.Fixtures;
import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.Checkpoints;
import io.superweight.compute.Buffer;
import io.superweight.compute.Device;
import io.superweight.compute.Matrix;
import io.superweight.compute.Precision;
import io.superweight.edit.EditedModel;
import io.superweight.find.VerificationText;
import io.superweight.model.ActivationTransform;
import io.superweight.model.Coordinate;
import io.superweight.model.ExecutedProducts;
import io.superweight.model.Head;
import io.superweight.model.Site;
import io.superweight.model.SiteValues;
import io.superweight.model.Transformer;
import io.superweight.model.Variant;
import io.superweight.model.WeightTransform;
import io.superweight.tokenizer.Tokenizers;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What executed products owe to the simulation; each device that has them runs these tests. */
public abstract class ExecutedProductsContract {
  /** A new device in float32; the test closes it. */
  protected abstract Device device(int threads, Precision precision);

  private interface Work {
    void on(Transformer model);
  }

  private void with(Path path, int threads, Work work) {
    try (Checkpoint checkpoint = Checkpoints.open(path);
        Device device = device(threads, Precision.F32);
        Transformer model = Transformer.load(checkpoint, device)) {
      work.on(model);
    }
  }

  private static Path fixture(String name) {
    return Fixtures.path("hf-tiny").resolve(name);
  }

  private static int[] ids(Transformer model, int count) {
    SplittableRandom seeded = new SplittableRandom(5);
    return IntStream.range(0, count).map(i -> seeded.nextInt(model.vocabularySize())).toArray();
  }

  private static EditedModel applied(Transformer model, String text, List<Coordinate> held) {
    return new Quantizer(model, held, List.of(ids(model, 32)))
        .apply(text, Quantization.parse(text, Indivisible.TAIL), EditedModel.ORIGINAL);
  }

  /** The matrix that a variant's transforms make of a stored one. */
  private static final class Made implements ExecutedProducts.Source {
    private final String part;
    private final Matrix stored;
    private final List<WeightTransform> transforms;
    private final Device device;
    private final Buffer room;

    Made(
        String part,
        Matrix stored,
        List<WeightTransform> transforms,
        Device device,
        Device.Scope scope) {
      this.part = part;
      this.stored = stored;
      this.transforms = transforms;
      this.device = device;
      this.room = scope.allocate(stored.rows(), stored.cols());
    }

    @Override
    public int rows() {
      return stored.rows();
    }

    @Override
    public int cols() {
      return stored.cols();
    }

    @Override
    public Buffer before(WeightTransform end) {
      device.decode(stored, room);
      for (WeightTransform transform : transforms) {
        if (transform == end) {
          break;
        }
        if (transform.wants(part)) {
          transform.transform(part, room, device);
        }
      }
      return room;
    }

    @Override
    public Buffer after() {
      return before(null);
    }
  }

  private static double[] product(SiteValues x, SiteValues w) {
    double[] y = new double[x.rows() * w.rows()];
    for (int m = 0; m < x.rows(); m++) {
      for (int n = 0; n < w.rows(); n++) {
        double sum = 0;
        for (int k = 0; k < x.cols(); k++) {
          sum += (double) x.get(m, k) * w.get(n, k);
        }
        y[m * w.rows() + n] = sum;
      }
    }
    return y;
  }

  private static SiteValues view(Buffer x, int[] tokens) {
    return new SiteValues(0, 0, x.data(), x.rows(), x.cols(), tokens);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "int8:act=token",
        "int8:act=tensor",
        "int8:act=token,on=in+o",
        "int8:block=channel,act=token,on=in+o",
        "int4:block=channel,clip=z:2,act=token,on=in+o,bits=5,hold",
        "int8:clip=z:3,act=token,on=in+o,hold",
        "int3:act=token,on=in+o,hold",
        "int8:act=tensor,on=in+o,sa=largest",
        "int8:act=tensor,on=in+o,sa=known,clip=z:2,hold",
        "int8:act=token,on=in+o,sa=largest",
        "int8:act=tensor,on=in+o,sinks=precise",
        "int8:act=tensor,on=in+o,sinks=out-of-scale,sink-tokens=3",
        "int8:act=tensor,on=in+o,sinks=outliers:3,sa=largest,clip=z:2,hold",
        "int8:act=token,on=in+o,smooth=0.5,smooth-down",
        "int8:act=token,on=products+attn"
      })
  void aProductIsTheSimulationsWithinFloat32Rounding(String text) {
    // phi3-mini has fused matrices, llama1-mha columns that no block of 32 divides.
    for (String name : List.of("llama1-mha", "phi3-mini")) {
      with(
          fixture(name),
          2,
          model -> {
            List<Coordinate> held =
                List.of(
                    Coordinate.down(1, 3, 5), Coordinate.down(1, 3, 6), Coordinate.down(0, 0, 0));
            Variant simulated = applied(model, text, held).variant();
            Variant executed = applied(model, text + ",exec=int8", held).variant();
            assertThat(simulated.executed()).isEmpty();
            model
                .matrices()
                .forEach((part, matrix) -> compare(model, part, matrix, simulated, executed));
          });
    }
  }

  private static void compare(
      Transformer model, String part, Matrix stored, Variant simulated, Variant executed) {
    Random random = new Random(part.hashCode());
    Device device = model.device();
    ExecutedProducts products = executed.executed().orElseThrow();
    int[] firstTokens = {0, 1, 2, 3, 4, 5, 6};
    int[] laterTokens = {4, 5, 6, 7};
    int rows = firstTokens.length + laterTokens.length;
    try (Device.Scope scope = device.scope()) {
      float[] values = new float[rows * stored.cols()];
      for (int i = 0; i < values.length; i++) {
        values[i] = (float) random.nextGaussian();
      }
      values[2 * stored.cols() + 5] = 40; // an outlier, its token and all
      values[8 * stored.cols() + 1] = -25;
      Buffer x = scope.upload(values, stored.cols());
      Buffer y = scope.allocate(rows, stored.rows());
      List<ExecutedProducts.Rows> sequences =
          List.of(
              new ExecutedProducts.Rows(0, firstTokens),
              new ExecutedProducts.Rows(firstTokens.length, laterTokens));
      for (int time = 0; time < 2; time++) { // codes made, codes kept
        products.multiply(
            part,
            new Made(part, stored, executed.weights(), device, scope),
            x,
            y,
            sequences,
            device);
      }
      assertThat(view(x, new int[0]).toArray()).as("x is read only").isEqualTo(values);

      Buffer w = new Made(part, stored, simulated.weights(), device, scope).after();
      Site site = QuantizedProducts.site(part);
      for (ExecutedProducts.Rows sequence : sequences) {
        SiteValues of = view(x.rows(sequence.from(), sequence.tokens().length), sequence.tokens());
        simulated.transforms().stream()
            .filter(t -> t instanceof QuantizedActivations && t.wants(site))
            .forEach(t -> t.transform(site, of));
      }
      double[] wanted = product(view(x, new int[0]), view(w, new int[0]));
      SiteValues got = view(y, new int[0]);
      double size = 0;
      for (int k = 0; k < stored.cols(); k++) {
        size = Math.max(size, Math.abs(view(w, new int[0]).get(0, k)));
      }
      for (int i = 0; i < wanted.length; i++) {
        assertThat((double) got.get(i / stored.rows(), i % stored.rows()))
            .as("%s, %s", part, i)
            .isCloseTo(wanted[i], within(2e-6 * (Math.abs(wanted[i]) + 40 * size)));
      }
    }
  }

  @ParameterizedTest
  @CsvSource({
    "llama1-mha, int8:act=token",
    "gemma2, int8:act=tensor",
    "qwen2, 'int8:block=channel,act=token,on=in+o,sa=largest'",
    "phi3-mini, int8:act=token",
    "gpt2, 'int8:act=token,on=in+o'",
    "olmo2, 'int8:act=tensor,sinks=precise'",
    "falcon-7b-style, 'int8:act=token,on=in'"
  })
  void logitsAreNearTheSimulationsAndFurtherFromTheModels(String name, String text) {
    with(
        fixture(name),
        2,
        model -> {
          float[] intact = logits(model, Variant.INTACT);
          float[] simulated = logits(model, applied(model, text, List.of()).variant());
          float[] executed =
              logits(model, applied(model, text + ",exec=int8", List.of()).variant());
          // A code that falls to the other side of a half moves what follows by a step.
          assertThat(distance(executed, simulated)).isLessThan(0.2 * distance(intact, simulated));
        });
  }

  private static float[] logits(Transformer model, Variant variant) {
    return model.forward(List.of(ids(model, 24)), List.of(variant), List.of(), Head.ALL_LOGITS)
        .logits()[0][0];
  }

  private static double distance(float[] a, float[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += (a[i] - b[i]) * (double) (a[i] - b[i]);
    }
    return Math.sqrt(sum);
  }

  @Test
  void whatCannotBeANumberComesOutAsNone() {
    with(
        fixture("llama1-mha"),
        1,
        model -> {
          Variant executed = applied(model, "int8:act=token,exec=int8", List.of()).variant();
          String part = "layers.0.mlp.down";
          Matrix stored = model.matrices().get(part);
          try (Device.Scope scope = model.device().scope()) {
            float[] values = new float[4 * stored.cols()];
            values[0] = Float.NaN;
            values[stored.cols()] = Float.POSITIVE_INFINITY;
            values[2 * stored.cols()] = 1;
            Buffer x = scope.upload(values, stored.cols());
            Buffer y = scope.allocate(4, stored.rows());
            executed
                .executed()
                .orElseThrow()
                .multiply(
                    part,
                    new Made(part, stored, executed.weights(), model.device(), scope),
                    x,
                    y,
                    List.of(new ExecutedProducts.Rows(0, new int[] {0, 1, 2, 3})),
                    model.device());
            SiteValues got = view(y, new int[0]);
            for (int n = 0; n < stored.rows(); n++) {
              assertThat(got.get(0, n)).isNaN();
              assertThat(Float.isFinite(got.get(1, n))).isFalse();
              assertThat(Float.isFinite(got.get(2, n))).isTrue();
              assertThat(got.get(3, n)).isZero();
            }
          }
        });
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "int8:act=token",
        "int8:block=channel,act=token,on=in+o",
        "int8:act=tensor,on=in,sa=largest"
      })
  void logProbabilitiesOfProseAreAsNearAsThoseOfASimulationWhoseLastBitsDiffer(String text) {
    with(
        Fixtures.books12m(),
        2,
        model -> {
          int[] ids =
              Tokenizers.of(model.checkpoint())
                  .encode(String.join(" ", VerificationText.builtIn().documents().subList(0, 3)));
          Variant simulated = applied(model, text, List.of()).variant();
          List<ActivationTransform> nudged = new ArrayList<>(simulated.transforms());
          nudged.add(nudge());
          double[][][] scores =
              model
                  .forward(
                      List.of(Arrays.copyOf(ids, 256)),
                      List.of(
                          Variant.INTACT,
                          simulated,
                          applied(model, text + ",exec=int8", List.of()).variant(),
                          new Variant("nudged", List.of(), nudged, simulated.weights())),
                      List.of(),
                      Head.SCORE)
                  .logProbabilities();
          double executed = apart(scores[2][0], scores[1][0]);
          double other = apart(scores[3][0], scores[1][0]);
          double quantized = apart(scores[1][0], scores[0][0]);
          System.out.printf(
              "%s, %s: nats a token %.6f simulated, %.6f executed; apart by %.1e, simulations by %.1e, the model by %.1e%n",
              model.device().description(),
              text,
              -Arrays.stream(scores[1][0]).average().orElseThrow(),
              -Arrays.stream(scores[2][0]).average().orElseThrow(),
              executed,
              other,
              quantized);
          assertThat(executed).isLessThan(1.5 * other).isLessThan(0.7 * quantized);
        });
  }

  /** Moves embeddings in their last bits. */
  private static ActivationTransform nudge() {
    return new ActivationTransform() {
      @Override
      public boolean wants(Site site) {
        return site.kind() == Site.Kind.EMBED;
      }

      @Override
      public void transform(Site site, SiteValues values) {
        Random random = new Random(3);
        for (int t = 0; t < values.rows(); t++) {
          for (int c = 0; c < values.cols(); c++) {
            values.set(t, c, values.get(t, c) * (1 + (random.nextFloat() - 0.5f) * 1e-6f));
          }
        }
      }
    };
  }

  private static double apart(double[] a, double[] b) {
    return IntStream.range(0, a.length)
        .mapToDouble(i -> Math.abs(a[i] - b[i]))
        .average()
        .orElseThrow();
  }

  @Test
  void theBitsOfAProductDependNeitherOnThreadsNorOnWhatStandsBesideIt() {
    List<float[]> results = new ArrayList<>();
    for (int threads : new int[] {1, 2, 4}) {
      with(
          Fixtures.books12m(),
          threads,
          model -> {
            Variant executed =
                applied(model, "int8:act=token,on=in,exec=int8", List.of()).variant();
            results.add(
                model.forward(
                        List.of(ids(model, 70)),
                        List.of(Variant.INTACT, executed),
                        List.of(),
                        Head.ALL_LOGITS)
                    .logits()[1][0]);
          });
    }
    assertThat(results.get(1)).isEqualTo(results.get(0));
    assertThat(results.get(2)).isEqualTo(results.get(0));
  }
}
