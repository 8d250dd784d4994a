package io.superweight.quantize;

import io.superweight.InputException;
import io.superweight.compute.Buffer;
import io.superweight.compute.Device;
import io.superweight.compute.Matrix;
import io.superweight.model.ActivationTransform;
import io.superweight.model.Architecture;
import io.superweight.model.Head;
import io.superweight.model.Probe;
import io.superweight.model.Site;
import io.superweight.model.SiteValues;
import io.superweight.model.Transformer;
import io.superweight.model.Variant;
import io.superweight.model.WeightTransform;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * SmoothQuant (Xiao et al. 2022): each input channel of the projections behind a norm is divided by
 * {@code s = max|X|^α / max|W|^(1 − α)}, and the weights that read it multiplied by it, so that
 * activations are easier to round and the product stays the same. Division by s is what folding 1/s
 * into the norm's weight does.
 *
 * <p>The inputs of queries, keys and values and of gate and up are smoothed, as in the published
 * code; the output and down projections, which no norm precedes, are not.
 */
public final class SmoothQuant {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

  /** Of the published code: a channel that never speaks has this magnitude at least. */
  private static final float LEAST = 1e-5f;

  /** Factors by site, {@code [hidden]}. */
  private final Map<Site, float[]> factors;

  /** Whether the inputs of the down projections are smoothed, too. */
  private final boolean down;

  private SmoothQuant(Map<Site, float[]> factors, boolean down) {
    this.factors = factors;
    this.down = down;
  }

  /**
   * Measures a model on calibration text.
   *
   * @param alpha how much of the difficulty goes to the weights; the paper takes 0.85
   * @param down whether the down projections' inputs are smoothed, too: their factors go into the
   *     rows of up, in which the input is linear where the MLP is gated
   * @param skipped first tokens of each text that are not looked at: those that are not rounded
   * @throws InputException of kind UNSUPPORTED where no norm with a weight precedes the
   *     projections, so that there is nothing to fold the factors into (OLMo 1, OLMo-2)
   */
  public static SmoothQuant calibrate(
      Transformer model, double alpha, boolean down, int skipped, List<int[]> text) {
    requireFoldable(model);
    if (down) {
      requireGated(model);
    }
    Map<Site, float[]> largest = new HashMap<>();
    Probe probe =
        new Probe() {
          @Override
          public boolean wants(Site site) {
            return smoothed(site) || (down && site.kind() == Site.Kind.DOWN_IN);
          }

          @Override
          public void observe(Site site, SiteValues values) {
            float[] most = largest.computeIfAbsent(site, s -> new float[values.cols()]);
            float[] row = new float[values.cols()];
            for (int t = 0; t < values.rows(); t++) {
              values.row(t, row);
              for (int c = 0; values.tokens()[t] >= skipped && c < row.length; c++) {
                most[c] = Math.max(most[c], Math.abs(row[c]));
              }
            }
          }
        };
    model.forward(text, List.of(Variant.INTACT), List.of(probe), Head.SKIP);
    Map<Site, float[]> weights = new HashMap<>();
    model
        .matrices()
        .forEach((part, matrix) -> {
          Site site = inputOf(part, down);
          if (site != null) {
            float[] most = weights.computeIfAbsent(site, s -> new float[matrix.cols()]);
            widen(most, model, matrix);
          }
        });
    for (int layer = 0; layer < model.layers(); layer++) {
      Site attention = Site.of(Site.Kind.ATTN_IN, layer);
      Site mlp = Site.of(Site.Kind.MLP_IN, layer);
      // One norm for both, as Falcon has it, takes one set of factors.
      if (model.architecture().parallelResidual()
          && Arrays.equals(largest.get(attention), largest.get(mlp))) {
        float[] both = weights.get(attention);
        for (int c = 0; c < both.length; c++) {
          both[c] = Math.max(both[c], weights.get(mlp)[c]);
        }
        weights.put(mlp, both);
      }
    }
    Map<Site, float[]> factors = new HashMap<>();
    largest.forEach((site, x) -> {
      float[] w = weights.get(site);
      float[] s = new float[x.length];
      for (int c = 0; c < s.length; c++) {
        double factor = Math.pow(x[c], alpha) / Math.pow(Math.max(w[c], LEAST), 1 - alpha);
        s[c] = (float) Math.max(factor, LEAST);
      }
      factors.put(site, s);
    });
    return new SmoothQuant(factors, down);
  }

  private static void requireFoldable(Transformer model) {
    Architecture architecture = model.architecture();
    boolean weightless =
        architecture.parts().get("attn.norm") == null || architecture.family().equals("olmo");
    if (architecture.norm().placement() == Architecture.NormPlacement.POST || weightless) {
      throw new InputException(
          InputException.Kind.UNSUPPORTED,
          "smooth: "
              + architecture.family()
              + " has no norm with weights before its projections, so SmoothQuant has nothing to"
              + " fold its factors into; leave smooth out, or hold the super activation (sa=largest)");
    }
  }

  private static void widen(float[] most, Transformer model, Matrix matrix) {
    Device device = model.device();
    try (Device.Scope scope = device.scope()) {
      Buffer buffer = scope.allocate(matrix.rows(), matrix.cols());
      device.decode(matrix, buffer);
      MemorySegment data = device.host(buffer);
      float[] row = new float[matrix.cols()];
      for (int r = 0; r < matrix.rows(); r++) {
        MemorySegment.copy(data, FLOAT, 4L * r * row.length, row, 0, row.length);
        for (int c = 0; c < row.length; c++) {
          most[c] = Math.max(most[c], Math.abs(row[c]));
        }
      }
    }
  }

  private static boolean smoothed(Site site) {
    return site.kind() == Site.Kind.ATTN_IN || site.kind() == Site.Kind.MLP_IN;
  }

  /** Where the input of a matrix flows, if it is smoothed; null for others. */
  private static Site inputOf(String part, boolean down) {
    int layer = Integer.parseInt(part.substring(7, part.indexOf('.', 7)));
    String name = part.substring(part.indexOf('.', 7) + 1);
    return switch (name) {
      case "attn.q", "attn.k", "attn.v", "attn.qkv" -> Site.of(Site.Kind.ATTN_IN, layer);
      case "attn.o" -> null;
      case "mlp.down" -> down ? Site.of(Site.Kind.DOWN_IN, layer) : null;
      default ->
          name.endsWith("down") || !name.startsWith("mlp.")
              ? null
              : Site.of(Site.Kind.MLP_IN, layer);
    };
  }

  private static Site ofDown(String up) {
    return inputOf(up.replace(".mlp.up", ".mlp.down"), true);
  }

  private static void requireGated(Transformer model) {
    boolean biased =
        model.checkpoint().names().stream()
            .anyMatch(name -> name.matches(".*(up_proj|ffn_up|gate_up_proj)\\.bias"));
    if (!model.architecture().mlp().gated()
        || model.architecture().mlp().experts().isPresent()
        || biased) {
      throw new InputException(
          InputException.Kind.UNSUPPORTED,
          "smooth-down: the factors go into the rows of up, which must be a dense, gated MLP's"
              + " without bias; "
              + model.architecture().family()
              + " has another one: leave smooth-down out");
    }
  }

  /** Divides what flows. */
  public ActivationTransform activations() {
    return new ActivationTransform() {
      @Override
      public boolean wants(Site site) {
        return smoothed(site) && factors.containsKey(site); // down's come divided
      }

      @Override
      public void transform(Site site, SiteValues values) {
        float[] s = factors.get(site);
        float[] row = new float[s.length];
        for (int t = 0; t < values.rows(); t++) {
          values.row(t, row);
          for (int c = 0; c < row.length; c++) {
            row[c] /= s[c];
          }
          MemorySegment.copy(row, 0, values.data(), FLOAT, 4L * t * row.length, row.length);
        }
      }
    };
  }

  /** Multiplies what reads it. */
  public WeightTransform weights() {
    return new WeightTransform() {
      @Override
      public boolean wants(String part) {
        Site site = inputOf(part, down);
        return site != null && factors.containsKey(site);
      }

      @Override
      public void transform(String part, Buffer weights, Device device) {
        float[] s = factors.get(inputOf(part, down));
        float[] rows = down && part.endsWith(".mlp.up") ? factors.get(ofDown(part)) : null;
        MemorySegment data = device.host(weights);
        float[] row = new float[s.length];
        for (int r = 0; r < weights.rows(); r++) {
          MemorySegment.copy(data, FLOAT, 4L * r * row.length, row, 0, row.length);
          for (int c = 0; c < row.length; c++) {
            row[c] *= rows == null ? s[c] : s[c] / rows[r];
          }
          MemorySegment.copy(row, 0, data, FLOAT, 4L * r * row.length, row.length);
        }
        device.store(weights, data);
      }
    };
  }
}
