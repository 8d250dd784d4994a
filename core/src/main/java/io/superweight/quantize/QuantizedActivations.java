package io.superweight.quantize;

import io.superweight.model.ActivationTransform;
import io.superweight.model.Site;
import io.superweight.model.SiteValues;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Set;
import java.util.stream.IntStream;

/** Rounds activations where they flow, as {@link ActivationQuantizer} says: fake quantization. */
public final class QuantizedActivations implements ActivationTransform {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

  private final ActivationQuantizer how;

  public QuantizedActivations(ActivationQuantizer how) {
    this.how = how;
  }

  @Override
  public boolean wants(Site site) {
    return how.sites().contains(site.kind());
  }

  /** Only where each token has a scale of its own, and nothing is looked for in all of them. */
  @Override
  public boolean causal() {
    return how.scale() == ActivationQuantizer.Scale.TOKEN
        && how.superActivation() == ActivationQuantizer.SuperActivation.PLAIN;
  }

  @Override
  public void transform(Site site, SiteValues values) {
    round(site, values.data(), values.rows(), values.cols(), values.tokens());
  }

  /** Rounds {@code [rows, cols]} in place. */
  void round(Site site, MemorySegment data, int rows, int cols, int[] tokens) {
    float[] x = new float[Math.multiplyExact(rows, cols)];
    MemorySegment.copy(data, FLOAT, 0, x, 0, x.length);
    int[] held = held(site, x, rows, cols, tokens);
    float[] original = new float[held.length];
    if (held.length > 0) {
      float median = Selection.median(x);
      for (int i = 0; i < held.length; i++) {
        original[i] = x[held[i]];
        x[held[i]] = median;
      }
    }
    int most = (1 << (how.bits() - 1)) - 1;
    boolean whole = how.scale() == ActivationQuantizer.Scale.TENSOR;
    float[] ofToken = new float[rows];
    IntStream.range(0, rows).parallel().forEach(t -> ofToken[t] = largest(x, t * cols, cols));
    boolean[] precise = new boolean[rows];
    float tensor = 0;
    float outlier =
        how.sinks() == ActivationQuantizer.Sinks.OUTLIERS
            ? (float) how.outlierRatio() * Selection.median(ofToken)
            : Float.POSITIVE_INFINITY;
    for (int t = 0; t < rows; t++) {
      boolean first = tokens[t] < how.sinkTokens();
      precise[t] =
          ofToken[t] > outlier || (first && how.sinks() == ActivationQuantizer.Sinks.PRECISE);
      boolean counts =
          !precise[t] && !(first && how.sinks() == ActivationQuantizer.Sinks.OUT_OF_SCALE);
      tensor = counts ? Math.max(tensor, ofToken[t]) : tensor;
    }
    float shared = tensor / most;
    IntStream.range(0, rows)
        .parallel()
        .filter(t -> !precise[t])
        .forEach(t -> roundRow(x, t * cols, cols, whole ? shared : ofToken[t] / most, most));
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
      x[i] = Math.clamp((float) Math.rint(x[i] / scale), -most, most) * scale;
    }
  }

  private static float largest(float[] x, int from, int count) {
    float largest = 0;
    for (int i = from; i < from + count; i++) {
      largest = Math.max(largest, Math.abs(x[i]));
    }
    return largest;
  }

  /** The elements that are replaced and put back. */
  private int[] held(Site site, float[] x, int rows, int cols, int[] tokens) {
    return switch (how.superActivation()) {
      case PLAIN -> new int[0];
      case LARGEST ->
          site.kind() == Site.Kind.ATTN_WEIGHTS
              ? new int[0]
              : new int[] {largestOf(x, 0, x.length, 1)};
      case KNOWN -> {
        Set<Integer> channels = how.channels().getOrDefault(site, Set.of());
        yield channels.stream().sorted().mapToInt(c -> largestOf(x, c, x.length, cols)).toArray();
      }
    };
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
