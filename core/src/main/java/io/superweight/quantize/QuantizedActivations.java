package io.superweight.quantize;

import io.superweight.model.ActivationTransform;
import io.superweight.model.Site;
import io.superweight.model.SiteValues;
import io.superweight.statistics.Selection;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Set;
import java.util.stream.IntStream;

/** Rounds activations where they flow, as {@link ActivationQuantizer} says: fake quantization. */
public final class QuantizedActivations implements ActivationTransform {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

  /** Medians are no less: rows of zeros have nothing that stands out. */
  private static final float LEAST = 1e-9f;

  private final ActivationQuantizer how;
  private final boolean executed;

  public QuantizedActivations(ActivationQuantizer how) {
    this(how, false);
  }

  /**
   * Of a variant.
   *
   * @param executed whether the inputs of projections are rounded by the {@link QuantizedProducts}
   *     that read them. Passes do for this what they do for a transform there (sequences are whole,
   *     and none of their rows is left out), but the values stay as they are
   */
  QuantizedActivations(ActivationQuantizer how, boolean executed) {
    this.how = how;
    this.executed = executed;
  }

  @Override
  public boolean wants(Site site) {
    return how.sites().contains(site.kind());
  }

  @Override
  public boolean changes(Site site) {
    return wants(site) && (!executed || ActivationQuantizer.PRODUCTS.contains(site.kind()));
  }

  @Override
  public void transform(Site site, SiteValues values) {
    round(site, values.data(), values.rows(), values.cols(), values.tokens());
  }

  /**
   * How the rows of a sequence are rounded.
   *
   * @param ofRow the scale of each
   * @param precise which stay as they are
   */
  record Scales(float[] ofRow, boolean[] precise) {
    /**
     * Of a sequence.
     *
     * @param largest the largest magnitude of each row
     * @param tokens the position of each row
     */
    static Scales of(ActivationQuantizer how, float[] largest, int[] tokens) {
      int most = most(how);
      boolean whole = how.scale() == ActivationQuantizer.Scale.TENSOR;
      boolean[] precise = new boolean[largest.length];
      float tensor = 0;
      float outlier =
          how.sinks() == ActivationQuantizer.Sinks.OUTLIERS
              ? (float) how.outlierRatio() * Selection.median(largest)
              : Float.POSITIVE_INFINITY;
      for (int t = 0; t < largest.length; t++) {
        boolean first = tokens[t] < how.sinkTokens();
        precise[t] =
            largest[t] > outlier || (first && how.sinks() == ActivationQuantizer.Sinks.PRECISE);
        boolean counts =
            !precise[t] && !(first && how.sinks() == ActivationQuantizer.Sinks.OUT_OF_SCALE);
        tensor = counts ? Math.max(tensor, largest[t]) : tensor;
      }
      float[] scales = new float[largest.length];
      for (int t = 0; t < scales.length; t++) {
        scales[t] = (whole ? tensor : largest[t]) / most;
      }
      return new Scales(scales, precise);
    }
  }

  /** The largest integer. */
  static int most(ActivationQuantizer how) {
    return (1 << (how.bits() - 1)) - 1;
  }

  /** Rounds {@code [rows, cols]} in place. */
  void round(Site site, MemorySegment data, int rows, int cols, int[] tokens) {
    float[] x = new float[Math.multiplyExact(rows, cols)];
    MemorySegment.copy(data, FLOAT, 0, x, 0, x.length);
    int[] held = held(how, site, x, cols);
    float[] original = new float[held.length];
    if (held.length > 0) {
      float median = Selection.median(x);
      for (int i = 0; i < held.length; i++) {
        original[i] = x[held[i]];
        x[held[i]] = median;
      }
    }
    int most = most(how);
    float[] ofToken = new float[rows];
    IntStream.range(0, rows).parallel().forEach(t -> ofToken[t] = largest(x, t * cols, cols));
    Scales scales = Scales.of(how, ofToken, tokens);
    IntStream.range(0, rows)
        .parallel()
        .filter(t -> !scales.precise[t])
        .forEach(t -> roundRow(x, t * cols, cols, scales.ofRow[t], most));
    for (int i = 0; i < held.length; i++) {
      x[held[i]] = original[i];
    }
    MemorySegment.copy(x, 0, data, FLOAT, 0, x.length);
  }

  private static void roundRow(float[] x, int from, int count, float scale, int most) {
    if (!(scale > 0)) {
      return; // zeros, or no scale at all
    }
    for (int i = from; i < from + count; i++) {
      x[i] = code(x[i], scale, most) * scale;
    }
  }

  /** The integer that a value is rounded to, half to even. */
  static float code(float x, float scale, int most) {
    return Math.clamp((float) Math.rint(x / scale), -most, most);
  }

  static float largest(float[] x, int from, int count) {
    float largest = 0;
    for (int i = from; i < from + count; i++) {
      largest = Math.max(largest, Math.abs(x[i]));
    }
    return largest;
  }

  /** The elements that are replaced and put back. */
  static int[] held(ActivationQuantizer how, Site site, float[] x, int cols) {
    return switch (how.superActivation()) {
      case PLAIN -> new int[0];
      case LARGEST ->
          site.kind() == Site.Kind.ATTN_WEIGHTS
              ? new int[0]
              : new int[] {largestOf(x, 0, x.length, 1)};
      case OUTLYING ->
          site.kind() == Site.Kind.ATTN_WEIGHTS ? new int[0] : new int[] {outlying(x, cols)};
      case KNOWN -> {
        Set<Integer> channels = how.channels().getOrDefault(site, Set.of());
        yield channels.stream().sorted().mapToInt(c -> largestOf(x, c, x.length, cols)).toArray();
      }
    };
  }

  /** The index of the element that is largest beside the median magnitude of its row. */
  private static int outlying(float[] x, int cols) {
    int[] ofRow = new int[x.length / cols];
    double[] beside = new double[ofRow.length];
    IntStream.range(0, ofRow.length)
        .parallel()
        .forEach(t -> {
          float[] row = new float[cols];
          for (int c = 0; c < cols; c++) {
            row[c] = Math.abs(x[t * cols + c]);
          }
          ofRow[t] = largestOf(x, t * cols, (t + 1) * cols, 1);
          beside[t] = (double) Math.abs(x[ofRow[t]]) / Math.max(Selection.median(row), LEAST);
        });
    int best = 0;
    for (int t = 1; t < beside.length; t++) {
      best = beside[t] > beside[best] ? t : best;
    }
    return ofRow[best];
  }

  /** The index of the largest magnitude among every {@code step}-th element. */
  private static int largestOf(float[] x, int from, int end, int step) {
    int best = from;
    for (int i = from; i < end; i += step) {
      if (Math.abs(x[i]) > Math.abs(x[best])) {
        best = i;
      }
    }
    return best;
  }
}
