package io.superweight.compute;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Optional;

/**
 * The few operations that a decoder needs, and the only place that knows how numbers are computed.
 *
 * <p>Contract: products and sums are float32 at least. The bits of a result depend on shapes and on
 * the device alone, never on the number of threads or on timing. Calls take effect in the order in
 * which they are made; what is handed to the caller (arrays, {@link #host}) is complete when it is.
 * A device may be used from one thread at a time; it uses its own threads inside.
 *
 * <p>Weights are read where they lie, in host memory. A device with memory of its own takes a copy
 * for each product, unless it was told to {@link #keep} them.
 */
public interface Device extends AutoCloseable {

  /** What the user calls it: {@code "java"}. */
  String name();

  /** One line that says how to make it faster; empty where it is as fast as it gets. */
  default Optional<String> notice() {
    return Optional.empty();
  }

  /** What it is, for reports: {@code "java, Vector API 512 bit, f32, 2 threads"}. */
  String description();

  /** What its products do to their input. */
  Precision precision();

  /** Memory that is freed as one. */
  interface Scope extends AutoCloseable {
    /** Zeroed values {@code [rows, cols]}. */
    Buffer allocate(int rows, int cols);

    /** Values {@code [rows, cols]} that are written before they are read: not zeroed. */
    default Buffer room(int rows, int cols) {
      return allocate(rows, cols);
    }

    /** A copy of {@code values} as {@code [values.length / cols, cols]}. */
    Buffer upload(float[] values, int cols);

    @Override
    void close();
  }

  /** A new scope; the caller closes it. */
  Scope scope();

  /**
   * The values in host memory, valid until the next call of this method. On a CPU device it is the
   * segment itself; elsewhere a copy, and what is written there counts when {@link #store} has put
   * it back.
   */
  MemorySegment host(Buffer buffer);

  /** Puts back what {@link #host} gave for that buffer and somebody has written since. */
  default void store(Buffer buffer, MemorySegment host) {}

  /** Says that nobody will read these values before they are written again. */
  default void discard(Buffer buffer) {}

  /** Whether buffers lie in host memory, so that any mapped segment may be one. */
  default boolean inHostMemory() {
    return true;
  }

  /**
   * How much is worth doing at once.
   *
   * @param chunkRows rows of the residual stream that go through a layer together
   * @param logitRows rows of a block of logits
   * @param logitColumns columns of it
   */
  record Portions(int chunkRows, int logitRows, int logitColumns) {}

  /** What suits the device; results depend on it as they do on shapes. */
  default Portions portions() {
    return new Portions(1024, 1024, 2048);
  }

  /** Copies of weights, or the promise of them; to be closed before the weights are unmapped. */
  interface Kept extends AutoCloseable {
    /** Bytes that each pass copies again, because not all weights fit the device's memory. */
    default long streamedBytes() {
      return 0;
    }

    @Override
    void close();
  }

  /**
   * Says which weights passes will read, and in which order: a device with memory of its own keeps
   * what fits there and brings the rest ahead, group by group. They must not change until the
   * result is closed.
   *
   * @param groups what is read together, a layer for example; the first comes again after the last
   */
  default Kept keep(List<List<Matrix>> groups) {
    return () -> {};
  }

  /** Products of 8-bit integers; empty where the device has none. */
  default Optional<IntegerProducts> integerProducts() {
    return Optional.empty();
  }

  /** {@code y[m, n] = Σ_k x[m, k] · W[n, k]}; x is {@code [M, cols]}, y is {@code [M, rows]}. */
  void matmul(Buffer x, Matrix w, Buffer y);

  /**
   * {@link #matmul} whose result goes through an element-wise function or attention before it
   * reaches the residual stream: a device in {@link Precision#BF16} may round y to bfloat16.
   */
  default void matmulInner(Buffer x, Matrix w, Buffer y) {
    matmul(x, w, y);
  }

  /** Row {@code row} of a matrix in float32, {@code [cols]}, as {@link #matmul} reads it. */
  float[] row(Matrix w, int row);

  /**
   * {@code y[m, column] = Σ_k x[m, k] · weights[k]}: the output channel {@code column} of w
   * computed again with other weights, x rounded as {@link #matmul} with w rounds it.
   */
  void matmulColumn(Buffer x, Matrix w, float[] weights, Buffer y, int column);

  /**
   * A matrix in float32, as {@link #matmul} reads it. Devices whose memory is not the host's
   * override this and the two below.
   *
   * @param out {@code [rows, cols]}, also of a transposed matrix
   */
  default void decode(Matrix w, Buffer out) {
    for (int r = 0; r < w.rows(); r++) {
      float[] row = row(w, r);
      MemorySegment.copy(row, 0, host(out), ValueLayout.JAVA_FLOAT, 4L * r * w.cols(), row.length);
    }
  }

  /** {@code x[rows[i], cols[i]] = values[i]} in the order of i. */
  default void put(Buffer x, int[] rows, int[] cols, float[] values) {
    for (int i = 0; i < values.length; i++) {
      put(x, rows[i], cols[i], values[i]);
    }
  }

  /** {@code x[row, col] = value}. */
  default void put(Buffer x, int row, int col, float value) {
    host(x).set(ValueLayout.JAVA_FLOAT, 4 * ((long) row * x.cols() + col), value);
  }

  /**
   * {@code y[m, n] = Σ_k x[m, k] · w[n, k]} with a matrix that may change from call to call.
   *
   * @param w {@code [N, cols]}
   * @param rounded whether x is rounded to bfloat16 first, whatever w holds
   */
  void matmul(Buffer x, Buffer w, boolean rounded, Buffer y);

  /** {@code out[i, :] = table[ids[i], :]}. */
  void embed(Matrix table, int[] ids, Buffer out);

  /** {@code y[m, :] += bias}, bias {@code [1, cols]}. */
  void addBias(Buffer y, Buffer bias);

  /** {@code y += factor · x}, same shapes. */
  void add(Buffer y, Buffer x, float factor);

  /** {@code x *= factor}. */
  void scale(Buffer x, float factor);

  /** {@code x = min(max(x, −limit), limit)} (OLMo's clip_qkv). */
  void clamp(Buffer x, float limit);

  /** {@code x = cap · tanh(x / cap)} (Gemma 2's logits). */
  void softcap(Buffer x, float cap);

  /** Copies all values, same shapes. */
  void copy(Buffer from, Buffer to);

  /** {@code to[:, toColumn + i] = from[:, fromColumn + i]} for i below {@code count}. */
  void copyColumns(Buffer from, int fromColumn, Buffer to, int toColumn, int count);

  /** {@code out[i, :] = x[rows[i], :]}. */
  void gatherRows(Buffer x, int[] rows, Buffer out);

  /** {@code y[rows[i], :] += factors[i] · x[i, :]}, in the order of i. */
  void scatterAddRows(Buffer x, int[] rows, float[] factors, Buffer y);

  /**
   * Root-mean-square norm of each row: {@code y = x / √(mean(x²) + epsilon) · (weight + offset)};
   * weight may be null for none. x and y may be the same buffer.
   */
  void rmsNorm(Buffer x, Buffer weight, float offset, float epsilon, Buffer y);

  /**
   * LayerNorm of each row; weight and bias may be null for none. x and y may be the same buffer.
   */
  void layerNorm(Buffer x, Buffer weight, Buffer bias, float epsilon, Buffer y);

  /**
   * Rotary position embedding of the first {@code 2 · cos.cols()} channels of each head, in place.
   * Row m is at {@code positions[m]}. Channel i is paired with channel {@code i + cos.cols()}, or
   * where {@code interleaved} channel 2i with 2i + 1.
   *
   * @param x {@code [M, heads · headDim]}
   * @param cos {@code [positions, pairs]}, and sin likewise
   */
  void rope(Buffer x, int headDim, Buffer cos, Buffer sin, int[] positions, boolean interleaved);

  /**
   * Causal softmax attention, sequence by sequence.
   *
   * @param q {@code [M, heads · headDim]}
   * @param k {@code [L, keyValueHeads · headDim]}, and v likewise
   * @param out {@code [M, heads · headDim]}
   */
  void attention(
      Buffer q, Buffer k, Buffer v, Buffer out, List<AttentionSpec.Span> spans, AttentionSpec spec);

  /** {@code x = activation(x)}. */
  void activate(Activation activation, Buffer x);

  /** {@code gate = activation(gate) · up}. */
  void gate(Activation activation, Buffer gate, Buffer up);

  /** {@code result[m] = log softmax(logits[m])[targets[m]]} in nats. */
  double[] logProbabilities(Buffer logits, int[] targets);

  /**
   * Kullback–Leibler divergence {@code Σ p log(p/q)} of each row in nats, p and q being softmaxes
   * of the rows.
   */
  double[] divergence(Buffer logitsP, Buffer logitsQ);

  /**
   * What a block of columns adds to the softmax of rows that are never held whole.
   *
   * @param logits {@code [M, columns]}
   * @param targets {@code [M]}: a column of the block, or −1 for one elsewhere
   */
  LogitBlock logitBlock(Buffer logits, int[] targets);

  /** The first column of the largest value of each row. */
  int[] argMax(Buffer x);

  @Override
  void close();
}
