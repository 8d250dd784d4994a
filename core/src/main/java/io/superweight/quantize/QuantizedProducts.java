package io.superweight.quantize;

import io.superweight.InputException;
import io.superweight.compute.Buffer;
import io.superweight.compute.Device;
import io.superweight.compute.IntegerProducts;
import io.superweight.compute.Matrix;
import io.superweight.edit.EditedModel;
import io.superweight.model.Coordinate;
import io.superweight.model.ExecutedProducts;
import io.superweight.model.Site;
import io.superweight.model.Transformer;
import io.superweight.statistics.Selection;
import io.superweight.tensor.DType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.BiConsumer;
import java.util.stream.IntStream;

/**
 * Executes what {@link QuantizedWeights} and {@link QuantizedActivations} simulate: products of the
 * integers that weights and activations are rounded to, scaled to float32.
 *
 * <p>What is put back is added in float32: {@code y[t, r] += (w − ŵ) · x̂[t, c]} for a held weight,
 * {@code y[t, :] += (x − x̂) · Ŵ[:, c]} for a restored activation. Rows that are not rounded, and
 * products whose input is not, are float32 products with the weights' integers, scaled after.
 *
 * <p>Codes are made when a matrix is first multiplied by, and kept: one byte a weight, a second one
 * where rows or columns are needed in float32.
 */
public final class QuantizedProducts implements ExecutedProducts {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

  private final QuantizedWeights weights;
  private final ActivationQuantizer activations;
  private final Map<String, Codes> codes = new HashMap<>();

  QuantizedProducts(QuantizedWeights weights, ActivationQuantizer activations) {
    this.weights = weights;
    this.activations = activations;
  }

  /**
   * A matrix as integers.
   *
   * @param packed for integer products; null where x is not rounded
   * @param plain Q8_0 blocks of scale 1, columns filled up to whole blocks; null where not needed
   * @param scales of each row
   * @param differences of the held weights from what they were rounded to
   */
  private record Codes(
      IntegerProducts.Packed packed,
      Matrix plain,
      float[] scales,
      List<Coordinate> held,
      float[] differences) {}

  /**
   * Refuses what cannot be executed.
   *
   * @throws InputException of kind UNSUPPORTED
   */
  static void requireExecutable(String label, Transformer model, EditedModel base) {
    if (model.device().integerProducts().isEmpty()) {
      throw refusal(
          label,
          "the device " + model.device().name() + " has no integer products",
          "--device onednn or --device java has");
    }
    if (model.architecture().mlp().experts().isPresent()) {
      throw refusal(
          label,
          "products of experts, which see some tokens of a sequence only, are simulated alone",
          "leave exec=int8 out");
    }
    if (base.variant().executed().isPresent()) {
      throw refusal(
          label, base.label() + " executes its products already", "leave exec=int8 out once");
    }
    model
        .matrices()
        .forEach((part, matrix) -> {
          if (matrix.cols() > IntegerProducts.MOST_COLUMNS) {
            throw refusal(
                label,
                part
                    + " has "
                    + matrix.cols()
                    + " columns, whose sums 32 bits may not hold (at most "
                    + IntegerProducts.MOST_COLUMNS
                    + ")",
                "leave exec=int8 out");
          }
        });
  }

  private static InputException refusal(String label, String what, String remedy) {
    return new InputException(
        InputException.Kind.UNSUPPORTED, "--quantize " + label + ": " + what + "; " + remedy);
  }

  /** What a reader of the numbers should know. */
  String sentence(Transformer model) {
    long bytes = 0;
    Set<String> floating = new HashSet<>();
    for (Map.Entry<String, Matrix> entry : model.matrices().entrySet()) {
      long size = (long) entry.getValue().rows() * entry.getValue().cols();
      boolean rounded = activations.sites().contains(site(entry.getKey()).kind());
      bytes += (rounded ? size : 0) + (needsPlain(rounded) ? size * 34 / 32 : 0);
      if (!rounded) {
        floating.add(entry.getKey().substring(entry.getKey().indexOf('.', 7) + 1));
      }
    }
    return String.format(
        Locale.ROOT,
        "products of 8-bit integers are executed (%s)%s; the integers take %.1f MB of memory.",
        model.device().integerProducts().orElseThrow().description(),
        floating.isEmpty()
            ? ""
            : ", those of "
                + String.join(", ", floating.stream().sorted().toList())
                + ", whose input is not rounded, in float32",
        bytes / 1e6);
  }

  @Override
  public boolean wants(String part) {
    return true;
  }

  @Override
  public void multiply(
      String part, Source w, Buffer x, Buffer y, List<Rows> sequences, Device device) {
    IntegerProducts integers = device.integerProducts().orElseThrow();
    Site site = site(part);
    boolean rounds = activations.sites().contains(site.kind());
    Codes matrix = codes.computeIfAbsent(part, p -> codes(p, w, rounds, device, integers));
    if (!rounds) {
      multiplyFloats(matrix, x, y, device, integers);
      if (matrix.differences.length > 0) {
        Values inputs = inputs(x, device);
        Values outputs = outputs(y, device);
        hold(matrix, inputs::get, outputs);
        device.store(y, outputs.data);
      }
      return;
    }
    float[] largest = integers.largest(x);
    // What is put back is worked out here; null where nothing is.
    Values inputs = restores() || matrix.differences.length > 0 ? inputs(x, device) : null;
    float[] scales = largest.clone();
    boolean[] precise = new boolean[x.rows()];
    List<int[]> restored = new ArrayList<>();
    for (Rows sequence : sequences) {
      round(site, inputs, sequence, scales, precise, restored);
    }
    boolean[] unscaled = new boolean[x.rows()];
    for (int t = 0; t < scales.length; t++) {
      boolean usable = scales[t] > 0 && scales[t] <= Float.MAX_VALUE && largest[t] == largest[t];
      unscaled[t] = !precise[t] && !usable && largest[t] != 0;
      scales[t] = precise[t] || !usable ? 0 : scales[t];
    }
    int most = QuantizedActivations.most(activations);
    integers.multiply(x, scales, most, matrix.packed, matrix.scales, y);
    // Rows that are not rounded.
    apart(precise, x, y, device, (in, out) -> multiplyFloats(matrix, in, out, device, integers));
    if (!restored.isEmpty() || matrix.differences.length > 0) {
      Values outputs = outputs(y, device);
      restore(matrix, inputs, outputs, scales, most, precise, restored);
      Set<Long> restoredAt = new HashSet<>();
      restored.forEach(at -> restoredAt.add((long) at[0] * x.cols() + at[1]));
      Inputs rounded =
          (t, c) -> {
            float value = inputs.get(t, c);
            boolean kept =
                precise[t] || restoredAt.contains((long) t * x.cols() + c) || !(scales[t] > 0);
            return kept ? value : code(value, scales[t], most) * scales[t];
          };
      hold(matrix, rounded, outputs);
      device.store(y, outputs.data);
    }
    // Rows without a scale: what is no number is to come out as none.
    apart(unscaled, x, y, device, (in, out) -> device.matmul(in, w.after(), false, out));
  }

  /**
   * The scales of a sequence's rows, in place of their largest magnitudes.
   *
   * @param restored gets the places {@code {row of x, column}} that are put back
   */
  private void round(
      Site site,
      Values inputs,
      Rows sequence,
      float[] scales,
      boolean[] precise,
      List<int[]> restored) {
    int rows = sequence.tokens().length;
    int from = sequence.from();
    float[] largest = Arrays.copyOfRange(scales, from, from + rows);
    if (restores()) {
      int cols = inputs.cols;
      float[] values = new float[Math.multiplyExact(rows, cols)];
      MemorySegment.copy(inputs.data, FLOAT, 4L * from * cols, values, 0, values.length);
      int[] held = QuantizedActivations.held(activations, site, values, cols);
      float median = Selection.median(values);
      for (int at : held) {
        values[at] = median;
      }
      for (int at : held) {
        int row = at / cols;
        largest[row] = QuantizedActivations.largest(values, row * cols, cols);
        restored.add(new int[] {from + row, at % cols});
      }
    }
    QuantizedActivations.Scales of =
        QuantizedActivations.Scales.of(activations, largest, sequence.tokens());
    System.arraycopy(of.ofRow(), 0, scales, from, rows);
    System.arraycopy(of.precise(), 0, precise, from, rows);
  }

  private static int code(float x, float scale, int most) {
    return (int) QuantizedActivations.code(x, scale, most);
  }

  /** Multiplies some rows in a way of their own: {@code [rows, cols]} of x to rows of y. */
  private static void apart(
      boolean[] which, Buffer x, Buffer y, Device device, BiConsumer<Buffer, Buffer> multiply) {
    int[] rows = IntStream.range(0, which.length).filter(t -> which[t]).toArray();
    if (rows.length > 0) {
      try (Device.Scope local = device.scope()) {
        Buffer in = local.allocate(rows.length, x.cols());
        Buffer out = local.allocate(rows.length, y.cols());
        device.gatherRows(x, rows, in);
        multiply.accept(in, out);
        spread(out, rows, y, device);
      }
    }
  }

  private static void spread(Buffer from, int[] rows, Buffer to, Device device) {
    for (int i = 0; i < rows.length; i++) {
      device.copy(from.rows(i, 1), to.rows(rows[i], 1));
    }
  }

  /** {@code y = x · Ŵᵀ} without what is held, x in float32. */
  private static void multiplyFloats(
      Codes matrix, Buffer x, Buffer y, Device device, IntegerProducts integers) {
    int width = matrix.plain.cols();
    if (width == x.cols()) {
      device.matmul(x, matrix.plain, y);
    } else {
      try (Device.Scope local = device.scope()) {
        Buffer wide = local.allocate(x.rows(), width);
        device.copyColumns(x, 0, wide, 0, x.cols());
        device.matmul(wide, matrix.plain, y);
      }
    }
    integers.scaleColumns(y, matrix.scales);
  }

  /** Adds what rounding took from activations that are put back. */
  private static void restore(
      Codes matrix,
      Values inputs,
      Values outputs,
      float[] scales,
      int most,
      boolean[] precise,
      List<int[]> restored) {
    for (int[] at : restored) {
      int t = at[0];
      int c = at[1];
      if (precise[t]) {
        continue;
      }
      float value = inputs.get(t, c);
      float rounded = scales[t] > 0 ? code(value, scales[t], most) * scales[t] : 0;
      float difference = value - rounded;
      long rowBytes = DType.Q8_0.bytes(matrix.plain.cols());
      long offset = c / 32 * 34L + 2 + c % 32;
      for (int r = 0; r < outputs.cols; r++) {
        byte code = matrix.plain.data().get(ValueLayout.JAVA_BYTE, r * rowBytes + offset);
        outputs.add(t, r, difference * (code * matrix.scales[r]));
      }
    }
  }

  /** What a product sees of its input. */
  private interface Inputs {
    float at(int row, int col);
  }

  /** Adds what rounding took from weights that are put back. */
  private static void hold(Codes matrix, Inputs inputs, Values outputs) {
    for (int i = 0; i < matrix.differences.length; i++) {
      Coordinate weight = matrix.held.get(i);
      for (int t = 0; t < outputs.rows; t++) {
        outputs.add(t, weight.row(), matrix.differences[i] * inputs.at(t, weight.col()));
      }
    }
  }

  /** A buffer's values in host memory, {@code [rows, cols]}. */
  private record Values(MemorySegment data, int rows, int cols) {
    float get(int row, int col) {
      return data.get(FLOAT, at(row, col));
    }

    void add(int row, int col, float what) {
      data.set(FLOAT, at(row, col), get(row, col) + what);
    }

    private long at(int row, int col) {
      return 4 * ((long) row * cols + col);
    }
  }

  /** Those of x, which stay valid. */
  private static Values inputs(Buffer x, Device device) {
    MemorySegment held = device.host(x);
    return new Values(
        device.inHostMemory() ? held : MemorySegment.ofArray(held.toArray(FLOAT)),
        x.rows(),
        x.cols());
  }

  /** Those of y, to be stored after. */
  private static Values outputs(Buffer y, Device device) {
    return new Values(device.host(y), y.rows(), y.cols());
  }

  private boolean restores() {
    return activations.superActivation() != ActivationQuantizer.SuperActivation.PLAIN;
  }

  private boolean needsPlain(boolean rounded) {
    return !rounded
        || restores()
        || activations.sinks() == ActivationQuantizer.Sinks.PRECISE
        || activations.sinks() == ActivationQuantizer.Sinks.OUTLIERS;
  }

  private Codes codes(
      String part, Source w, boolean rounded, Device device, IntegerProducts integers) {
    int rows = w.rows();
    int cols = w.cols();
    List<Coordinate> held = weights.held(part);
    MemorySegment data = device.host(w.before(weights));
    float[] originals = new float[held.size()];
    for (int i = 0; i < originals.length; i++) {
      originals[i] = data.get(FLOAT, 4 * ((long) held.get(i).row() * cols + held.get(i).col()));
    }
    try (Arena arena = Arena.ofShared()) {
      MemorySegment bytes = arena.allocate((long) rows * cols, 64);
      float[] scales = weights.quantizer().codes(data, rows, cols, bytes, part);
      for (int i = 0; i < originals.length; i++) {
        Coordinate weight = held.get(i);
        byte code = bytes.get(ValueLayout.JAVA_BYTE, (long) weight.row() * cols + weight.col());
        originals[i] -= code * scales[weight.row()];
      }
      return new Codes(
          rounded ? integers.pack(bytes, rows, cols) : null,
          needsPlain(rounded) ? plain(bytes, rows, cols) : null,
          scales,
          held,
          originals);
    }
  }

  /** Q8_0 blocks of scale 1. */
  private static Matrix plain(MemorySegment codes, int rows, int cols) {
    int width = (cols + 31) / 32 * 32;
    long rowBytes = DType.Q8_0.bytes(width);
    MemorySegment data = Arena.ofAuto().allocate(rows * rowBytes, 64); // lives with the variant
    IntStream.range(0, rows)
        .parallel()
        .forEach(r -> {
          for (int k = 0; k < cols; k += 32) {
            long block = r * rowBytes + k / 32 * 34L;
            data.set(ValueLayout.JAVA_SHORT_UNALIGNED, block, Float.floatToFloat16(1));
            MemorySegment.copy(codes, (long) r * cols + k, data, block + 2, Math.min(32, cols - k));
          }
        });
    return new Matrix(DType.Q8_0, data, rows, width, false);
  }

  /** Where the input of a matrix flows. */
  static Site site(String part) {
    int layer = new Coordinate(part, 0, 0).layer();
    if (part.endsWith(".attn.o")) {
      return Site.of(Site.Kind.ATTN_MIXED, layer);
    } else if (part.contains(".attn.")) {
      return Site.of(Site.Kind.ATTN_IN, layer);
    }
    return Site.of(part.endsWith(".down") ? Site.Kind.DOWN_IN : Site.Kind.MLP_IN, layer);
  }
}
