package io.superweight.compute.cpu;

import io.superweight.compute.Activation;
import io.superweight.compute.AttentionSpec;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** The plain Java floor: runs everywhere, and says what each operation means. */
final class ScalarKernels implements Kernels {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT;

  /** Partial sums of a dot product: element k goes to sum {@code k mod LANES}. */
  private static final int LANES = 16;

  @Override
  public String description() {
    return "scalar";
  }

  @Override
  public void add(MemorySegment y, MemorySegment x, float factor, long count) {
    each(y, x, count, (a, b) -> a + factor * b);
  }

  @Override
  public void scale(MemorySegment x, float factor, long count) {
    each(x, count, value -> value * factor);
  }

  @Override
  public void clamp(MemorySegment x, float limit, long count) {
    each(x, count, value -> Math.min(Math.max(value, -limit), limit));
  }

  @Override
  public void softcap(MemorySegment x, float cap, long count) {
    each(x, count, value -> capped(value, cap));
  }

  private static float capped(float x, float cap) {
    return cap * (float) Math.tanh(x / cap);
  }

  @Override
  public void activate(Activation activation, MemorySegment x, long count) {
    each(x, count, value -> activated(activation, value));
  }

  @Override
  public void gate(Activation activation, MemorySegment gate, MemorySegment up, long count) {
    each(gate, up, count, (a, b) -> activated(activation, a) * b);
  }

  private interface Function {
    float of(float value);
  }

  private interface Function2 {
    float of(float a, float b);
  }

  /**
   * Elements that are copied into an array at a time: a JVM that has just started is slow at
   * reading a segment.
   */
  private static final int PIECE = 4096;

  private static void each(MemorySegment x, long count, Function function) {
    float[] values = new float[(int) Math.min(count, PIECE)];
    for (long from = 0; from < count; from += PIECE) {
      int length = (int) Math.min(PIECE, count - from);
      MemorySegment.copy(x, FLOAT, 4 * from, values, 0, length);
      for (int i = 0; i < length; i++) {
        values[i] = function.of(values[i]);
      }
      MemorySegment.copy(values, 0, x, FLOAT, 4 * from, length);
    }
  }

  private static void each(MemorySegment y, MemorySegment x, long count, Function2 function) {
    float[] a = new float[(int) Math.min(count, PIECE)];
    float[] b = new float[a.length];
    for (long from = 0; from < count; from += PIECE) {
      int length = (int) Math.min(PIECE, count - from);
      MemorySegment.copy(y, FLOAT, 4 * from, a, 0, length);
      MemorySegment.copy(x, FLOAT, 4 * from, b, 0, length);
      for (int i = 0; i < length; i++) {
        a[i] = function.of(a[i], b[i]);
      }
      MemorySegment.copy(a, 0, y, FLOAT, 4 * from, length);
    }
  }

  private static float activated(Activation activation, float x) {
    return switch (activation) {
      case SILU -> (float) (x / (1 + Math.exp(-(double) x)));
      case GELU -> (float) (0.5 * x * ErrorFunction.erfc(-x * Math.sqrt(0.5)));
      case GELU_TANH ->
          (float)
              (0.5
                  * x
                  * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * (double) x * x))));
      case RELU -> Math.max(x, 0);
      case RELU_SQUARED -> Math.max(x, 0) * Math.max(x, 0);
    };
  }

  @Override
  public void rope(
      MemorySegment x,
      int cols,
      int headDim,
      MemorySegment cos,
      MemorySegment sin,
      int pairs,
      boolean interleaved) {
    float[] row = values(x, cols);
    float[] c = values(cos, pairs);
    float[] s = values(sin, pairs);
    int step = interleaved ? 2 : 1;
    int partner = interleaved ? 1 : pairs;
    for (int head = 0; head < cols; head += headDim) {
      for (int i = 0; i < pairs; i++) {
        int at = head + i * step;
        float a = row[at];
        float b = row[at + partner];
        row[at] = a * c[i] - b * s[i];
        row[at + partner] = b * c[i] + a * s[i];
      }
    }
    MemorySegment.copy(row, 0, x, FLOAT, 0, cols);
  }

  @Override
  public void rmsNorm(
      MemorySegment x,
      MemorySegment weight,
      float offset,
      float epsilon,
      MemorySegment y,
      int cols) {
    float[] row = values(x, cols);
    double squares = 0;
    for (float value : row) {
      squares += (double) value * value;
    }
    float inverse = (float) (1 / Math.sqrt(squares / cols + epsilon));
    float[] w = weight == null ? null : values(weight, cols);
    for (int i = 0; i < cols; i++) {
      float normal = row[i] * inverse;
      row[i] = w == null ? normal : normal * (w[i] + offset);
    }
    MemorySegment.copy(row, 0, y, FLOAT, 0, cols);
  }

  @Override
  public void layerNorm(
      MemorySegment x,
      MemorySegment weight,
      MemorySegment bias,
      float epsilon,
      MemorySegment y,
      int cols) {
    double sum = 0;
    for (int i = 0; i < cols; i++) {
      sum += x.getAtIndex(FLOAT, i);
    }
    double mean = sum / cols;
    double squares = 0;
    for (int i = 0; i < cols; i++) {
      double value = x.getAtIndex(FLOAT, i) - mean;
      squares += value * value;
    }
    double inverse = 1 / Math.sqrt(squares / cols + epsilon);
    for (int i = 0; i < cols; i++) {
      float normal = (float) ((x.getAtIndex(FLOAT, i) - mean) * inverse);
      float scaled = weight == null ? normal : normal * weight.getAtIndex(FLOAT, i);
      y.setAtIndex(FLOAT, i, bias == null ? scaled : scaled + bias.getAtIndex(FLOAT, i));
    }
  }

  @Override
  public void attention(
      MemorySegment q,
      MemorySegment k,
      MemorySegment v,
      MemorySegment out,
      int qStride,
      int kvStride,
      int queries,
      int position,
      AttentionSpec spec) {
    int d = spec.headDim();
    int keys = position + queries;
    int firstKey = spec.window() == 0 ? 0 : Math.max(0, position - spec.window() + 1);
    float[] query = new float[d];
    float[] sum = new float[d];
    float[] scores = new float[keys];
    // Every query sees most of the rows, so each is read once.
    float[] key = rows(k, firstKey, keys, kvStride, d);
    float[] value = rows(v, firstKey, keys, kvStride, d);
    for (int i = 0; i < queries; i++) {
      int last = position + i;
      int first = spec.window() == 0 ? 0 : Math.max(0, last - spec.window() + 1);
      load(q, (long) i * qStride, query);
      float max = Float.NEGATIVE_INFINITY;
      for (int j = first; j <= last; j++) {
        float score = ScalarProduct.dot(query, key, (j - firstKey) * d, d) * spec.scale();
        scores[j] = spec.softcap() == 0 ? score : capped(score, spec.softcap());
        max = Math.max(max, scores[j]);
      }
      double total = 0;
      for (int j = first; j <= last; j++) {
        scores[j] = (float) Math.exp(scores[j] - max);
        total += scores[j];
      }
      java.util.Arrays.fill(sum, 0);
      for (int j = first; j <= last; j++) {
        add(scores[j], value, (j - firstKey) * d, sum);
      }
      for (int c = 0; c < d; c++) {
        sum[c] = (float) (sum[c] / total);
      }
      MemorySegment.copy(sum, 0, out, FLOAT, 4L * i * qStride, d);
    }
  }

  private static void add(float factor, float[] values, int from, float[] sum) {
    for (int c = 0; c < sum.length; c++) {
      sum[c] = Math.fma(factor, values[from + c], sum[c]);
    }
  }

  /** Rows {@code from} to {@code to}, {@code [to - from, d]} without gaps. */
  private static float[] rows(MemorySegment x, int from, int to, int stride, int d) {
    float[] rows = new float[(to - from) * d];
    for (int row = from; row < to; row++) {
      MemorySegment.copy(x, FLOAT, 4L * row * stride, rows, (row - from) * d, d);
    }
    return rows;
  }

  @Override
  public float softmax(
      MemorySegment scores, int from, int to, int count, float scale, float softcap) {
    float[] row = values(scores, count);
    float max = Float.NEGATIVE_INFINITY;
    for (int j = from; j < to; j++) {
      float score = row[j] * scale;
      row[j] = softcap == 0 ? score : capped(score, softcap);
      max = Math.max(max, row[j]);
    }
    double total = 0;
    for (int j = 0; j < count; j++) {
      row[j] = from <= j && j < to ? (float) Math.exp(row[j] - max) : 0;
      total += row[j];
    }
    MemorySegment.copy(row, 0, scores, FLOAT, 0, count);
    return (float) total;
  }

  @Override
  public int argMax(MemorySegment x, int cols) {
    int best = 0;
    float max = x.getAtIndex(FLOAT, 0);
    for (int i = 1; i < cols; i++) {
      float value = x.getAtIndex(FLOAT, i);
      if (value > max) {
        max = value;
        best = i;
      }
    }
    return best;
  }

  @Override
  public double logSumExp(MemorySegment x, int cols) {
    double max = max(x, cols);
    double sum = 0;
    for (int i = 0; i < cols; i++) {
      sum += Math.exp(x.getAtIndex(FLOAT, i) - max);
    }
    return max + Math.log(sum);
  }

  @Override
  public double divergence(MemorySegment p, MemorySegment q, int cols) {
    double pLog = logSumExp(p, cols);
    double qLog = logSumExp(q, cols);
    double sum = 0;
    for (int i = 0; i < cols; i++) {
      double logP = p.getAtIndex(FLOAT, i) - pLog;
      double probability = Math.exp(logP);
      if (probability > 0) {
        sum += probability * (logP - (q.getAtIndex(FLOAT, i) - qLog));
      }
    }
    return sum;
  }

  private static float max(MemorySegment x, int cols) {
    float max = Float.NEGATIVE_INFINITY;
    for (int i = 0; i < cols; i++) {
      max = Math.max(max, x.getAtIndex(FLOAT, i));
    }
    return max;
  }

  private static float[] values(MemorySegment x, int count) {
    float[] values = new float[count];
    load(x, 0, values);
    return values;
  }

  /** Fills {@code to} with floats {@code from} onward. */
  private static void load(MemorySegment x, long from, float[] to) {
    MemorySegment.copy(x, FLOAT, 4 * from, to, 0, to.length);
  }
}
