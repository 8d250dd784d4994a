package io.superweight.convert;

import io.superweight.tensor.DType;
import io.superweight.tensor.Dequantizer;
import io.superweight.tensor.Shape;
import io.superweight.tensor.Tensor;
import java.util.List;
import java.util.Optional;

/**
 * A tensor of a file to be written, as rows of float32 that are read from where they lie.
 * Thread-safe.
 */
public final class OutputTensor {
  /** Reads a row of the tensor, seen as a matrix, to {@code out[at …]}. */
  @FunctionalInterface
  public interface Rows {
    void read(long row, float[] out, int at);
  }

  private final String name;
  private final DType stored;
  private final Shape shape;
  private final Rows rows;
  private final Tensor whole;

  private OutputTensor(String name, DType stored, Shape shape, Rows rows, Tensor whole) {
    this.name = name;
    this.stored = stored;
    this.shape = shape;
    this.rows = rows;
    this.whole = whole;
  }

  /** A tensor as it lies in a checkpoint, under another name. */
  public static OutputTensor of(String name, Tensor tensor) {
    return new OutputTensor(name, tensor.dtype(), tensor.shape(), rowsOf(tensor, 0), tensor);
  }

  /**
   * A tensor whose rows come from elsewhere.
   *
   * @param stored the type that holds its values without loss
   */
  public static OutputTensor of(String name, DType stored, Shape shape, Rows rows) {
    return new OutputTensor(name, stored, shape, rows, null);
  }

  /** Matrices on top of one another, all as wide: of a rank more than theirs if so wished. */
  static OutputTensor stacked(String name, Shape shape, List<Tensor> tensors) {
    Tensor first = tensors.getFirst();
    long each = first.shape().elements() / first.shape().dimension(first.shape().rank() - 1);
    List<Rows> readers = tensors.stream().map(tensor -> rowsOf(tensor, 0)).toList();
    return new OutputTensor(
        name,
        first.dtype(),
        shape,
        (row, out, at) -> readers.get((int) (row / each)).read(row % each, out, at),
        null);
  }

  /** A matrix turned round. */
  static OutputTensor turned(String target, Tensor tensor, WholeMatrices whole) {
    int rows = Math.toIntExact(tensor.shape().dimension(1));
    int cols = Math.toIntExact(tensor.shape().dimension(0));
    OutputTensor lying = of(tensor.name(), tensor);
    return of(
        target,
        tensor.dtype(),
        Shape.of(rows, cols),
        (row, out, at) -> {
          float[] all = whole.get(target, lying::all);
          for (int i = 0; i < cols; i++) {
            out[at + i] = all[i * rows + (int) row];
          }
        });
  }

  /**
   * A piece of a vector, its elements in another order.
   *
   * @param from the first element
   * @param source where an element lies in the piece; empty where the order is the same
   */
  static OutputTensor vector(
      String name,
      DType stored,
      Tensor tensor,
      int from,
      int size,
      java.util.Optional<java.util.function.LongUnaryOperator> source) {
    Rows rows = rowsOf(tensor, 0);
    int all = (int) tensor.shape().elements();
    return of(
        name,
        stored,
        Shape.of(size),
        (row, out, at) -> {
          float[] values = new float[all];
          rows.read(0, values, 0);
          for (int i = 0; i < size; i++) {
            int index = i;
            out[at + i] = values[from + source.map(s -> (int) s.applyAsLong(index)).orElse(index)];
          }
        });
  }

  /** The rows of a tensor of a checkpoint, each value plus {@code offset}. */
  static Rows rowsOf(Tensor tensor, float offset) {
    int cols = cols(tensor.shape());
    return (row, out, at) -> {
      Dequantizer.decode(tensor.dtype(), tensor.data(), row * cols, cols, out, at);
      if (offset != 0) {
        for (int i = at; i < at + cols; i++) {
          out[i] += offset;
        }
      }
    };
  }

  /** The same values in other rows: row r is that one's {@code source(r)}. */
  OutputTensor permuted(java.util.function.LongUnaryOperator source) {
    return new OutputTensor(
        name, stored, shape, (row, out, at) -> rows.read(source.applyAsLong(row), out, at), null);
  }

  /** The name in the file. */
  public String name() {
    return name;
  }

  /** The type that its values come in. */
  public DType stored() {
    return stored;
  }

  public Shape shape() {
    return shape;
  }

  /** Elements of a row. */
  public int cols() {
    return cols(shape);
  }

  private static int cols(Shape shape) {
    return shape.rank() == 0 ? 1 : Math.toIntExact(shape.dimension(shape.rank() - 1));
  }

  /** Rows, over all outer dimensions. */
  public long rowCount() {
    return cols() == 0 ? 0 : shape.elements() / cols();
  }

  /** Reads a row. */
  public void read(long row, float[] out, int at) {
    rows.read(row, out, at);
  }

  /** All elements, row by row. */
  float[] all() {
    int count = Math.toIntExact(rowCount());
    float[] values = new float[Math.multiplyExact(count, cols())];
    for (int row = 0; row < count; row++) {
      read(row, values, row * cols());
    }
    return values;
  }

  /** The tensor of the checkpoint whose bytes these are; empty where they are rearranged. */
  public Optional<Tensor> asItLies() {
    return Optional.ofNullable(whole);
  }
}
