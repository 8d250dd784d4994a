package io.superweight.convert;

import io.superweight.convert.GgufContent.Element;
import io.superweight.tensor.BlockEncoder;
import io.superweight.tensor.DType;
import io.superweight.tensor.Dequantizer;
import java.lang.foreign.MemorySegment;
import java.util.Collection;
import java.util.List;
import java.util.TreeMap;

/**
 * Weights that are to come back exactly: the scale of the block that holds one is chosen so that a
 * code times it is the weight. Of all scales that do so the one is taken that stores the rest of
 * the block best; where none does, as for most float32 values, the nearest. Within the means of the
 * types of 32 elements; others are left as they are.
 */
public final class HeldWeights {
  /** None. */
  public static final HeldWeights NONE = new HeldWeights(List.of());

  /** Float16 values around the usual scale that are tried with a minimum. */
  private static final int NEIGHBOURS = 48;

  private final List<Element> elements;

  /**
   * @param elements where they lie in the file
   */
  public HeldWeights(Collection<Element> elements) {
    this.elements = List.copyOf(elements);
  }

  List<Element> elements() {
    return elements;
  }

  /** Whether a tensor has such weights. */
  boolean within(String tensor) {
    return elements.stream().anyMatch(element -> element.tensor().equals(tensor));
  }

  /** Whether weights stored as this type can be held. */
  public static boolean holds(DType dtype) {
    return switch (dtype) {
      case Q8_0, Q4_0, Q5_0, Q4_1, Q5_1 -> true;
      default -> !dtype.quantized();
    };
  }

  /**
   * What became of one weight.
   *
   * @param type of the tensor that holds it, by name
   * @param value in the model
   * @param stored as the file gives it back
   * @param others root mean square error of the other elements of its block
   * @param othersUsually the same with the block stored as usual
   * @param storedUsually what the weight would be then
   */
  public record Outcome(
      Element element,
      String type,
      float value,
      float stored,
      float storedUsually,
      double others,
      double othersUsually) {}

  /** What becomes of an element of a tensor in that type, held or not. */
  static Outcome outcome(OutputTensor tensor, DType dtype, Element element, HeldWeights held) {
    int cols = tensor.cols();
    float[] values = new float[cols];
    tensor.read(element.row(), values, 0);
    MemorySegment usual = MemorySegment.ofArray(new byte[(int) dtype.bytes(cols)]);
    if (dtype == tensor.stored() && tensor.asItLies().isPresent()) {
      long from = dtype.bytes(element.row() * cols);
      usual.copyFrom(tensor.asItLies().get().data().asSlice(from, usual.byteSize()));
    } else {
      new BlockEncoder(dtype).encode(values, 0, cols, usual, 0);
    }
    MemorySegment kept =
        MemorySegment.ofArray(usual.toArray(java.lang.foreign.ValueLayout.JAVA_BYTE));
    held.fix(element.tensor(), element.row(), values, dtype, kept);
    float[] before = decode(dtype, usual, cols);
    float[] after = decode(dtype, kept, cols);
    return new Outcome(
        element,
        dtype.name(),
        values[element.col()],
        after[element.col()],
        before[element.col()],
        error(values, after, element.col(), dtype.blockElements()),
        error(values, before, element.col(), dtype.blockElements()));
  }

  private static float[] decode(DType dtype, MemorySegment row, int cols) {
    float[] out = new float[cols];
    Dequantizer.decode(dtype, row, 0, cols, out, 0);
    return out;
  }

  static double error(float[] wanted, float[] found, int except, int block) {
    double sum = 0;
    int from = except / block * block;
    for (int i = from; i < from + block; i++) {
      double difference = i == except ? 0 : (double) wanted[i] - found[i];
      sum += difference * difference;
    }
    return block == 1 ? 0 : Math.sqrt(sum / (block - 1));
  }

  /** Stores the blocks of a row anew that hold such weights. */
  void fix(String tensor, long row, float[] values, DType dtype, MemorySegment encoded) {
    if (elements.isEmpty() || !dtype.quantized() || !holds(dtype)) {
      return;
    }
    TreeMap<Integer, boolean[]> blocks = new TreeMap<>();
    for (Element element : elements) {
      if (element.row() == row && element.tensor().equals(tensor)) {
        blocks.computeIfAbsent(element.col() / 32, b -> new boolean[32])[element.col() % 32] = true;
      }
    }
    blocks.forEach((block, held) ->
        new Search(dtype, values, 32 * block, held)
            .store(encoded.asSlice(block * dtype.blockBytes(), dtype.blockBytes())));
  }

  /** The search for the scale, and the minimum where the type has one, of one block. */
  private static final class Search {
    private final DType dtype;
    private final float[] values;
    private final int at;
    private final boolean[] held;
    private final int least;
    private final int most;
    private final boolean minimum;
    private double heldError = Double.POSITIVE_INFINITY;
    private double otherError = Double.POSITIVE_INFINITY;
    private float scale;
    private float low;

    Search(DType dtype, float[] values, int at, boolean[] held) {
      this.dtype = dtype;
      this.values = values;
      this.at = at;
      this.held = held;
      this.minimum = dtype == DType.Q4_1 || dtype == DType.Q5_1;
      int bits = dtype == DType.Q8_0 ? 8 : dtype == DType.Q5_0 || dtype == DType.Q5_1 ? 5 : 4;
      this.least = minimum ? 0 : -(1 << bits - 1);
      this.most = minimum ? (1 << bits) - 1 : (1 << bits - 1) - 1;
    }

    void store(MemorySegment block) {
      for (int i = 0; i < 32; i++) {
        if (held[i] && minimum) {
          affine(values[at + i]);
        } else if (held[i]) {
          symmetric(values[at + i]);
        }
      }
      if (otherError < Double.POSITIVE_INFINITY) {
        write(block);
      }
    }

    private void symmetric(float weight) {
      for (int code = least; code <= most; code++) {
        if (code != 0) {
          short bits = Float.floatToFloat16(weight / code);
          for (int ulp = -1; ulp <= 1; ulp++) {
            consider(Float.float16ToFloat((short) (bits + ulp)), 0);
          }
        }
      }
    }

    private void affine(float weight) {
      float min = Float.POSITIVE_INFINITY;
      float max = Float.NEGATIVE_INFINITY;
      for (int i = at; i < at + 32; i++) {
        min = Math.min(min, values[i]);
        max = Math.max(max, values[i]);
      }
      short usual = Float.floatToFloat16((max - min) / most);
      for (int ulp = -NEIGHBOURS; ulp <= NEIGHBOURS; ulp++) {
        float d = Float.float16ToFloat((short) Math.max(0, usual + ulp));
        for (int code = 0; code <= most; code++) {
          short bits = Float.floatToFloat16(weight - code * d);
          if (Math.abs(Float.float16ToFloat(bits) - min) <= Math.max(d, Math.abs(min) / 64)) {
            consider(d, Float.float16ToFloat(bits));
          }
        }
      }
    }

    private int code(float value, float d, float m) {
      return d == 0 ? 0 : (int) Math.clamp(Math.rint((value - m) / d), least, most);
    }

    private void consider(float d, float m) {
      if (!Float.isFinite(d) || !Float.isFinite(m)) {
        return;
      }
      double ofHeld = 0;
      double ofOthers = 0;
      for (int i = 0; i < 32; i++) {
        float value = values[at + i];
        double difference = (double) (code(value, d, m) * d + m) - value;
        if (held[i]) {
          ofHeld += difference * difference;
        } else {
          ofOthers += difference * difference;
        }
      }
      if (ofHeld < heldError || (ofHeld == heldError && ofOthers < otherError)) {
        heldError = ofHeld;
        otherError = ofOthers;
        scale = d;
        low = m;
      }
    }

    private void write(MemorySegment block) {
      byte[] bytes = new byte[dtype.blockBytes()];
      put(bytes, 0, Float.floatToFloat16(scale));
      int to = 2;
      if (minimum) {
        put(bytes, 2, Float.floatToFloat16(low));
        to = 4;
      }
      int high = 0;
      for (int i = 0; i < 32; i++) {
        int code = code(values[at + i], scale, low);
        if (dtype == DType.Q8_0) {
          bytes[2 + i] = (byte) code;
          continue;
        }
        int unsigned = code - least;
        high |= (unsigned >> 4) << i;
        int nibbles = dtype == DType.Q5_0 || dtype == DType.Q5_1 ? to + 4 : to;
        bytes[nibbles + i % 16] |= (byte) ((unsigned & 15) << (i < 16 ? 0 : 4));
      }
      if (dtype == DType.Q5_0 || dtype == DType.Q5_1) {
        put(bytes, to, (short) high);
        put(bytes, to + 2, (short) (high >> 16));
      }
      block.copyFrom(MemorySegment.ofArray(bytes));
    }

    private static void put(byte[] bytes, int at, short bits) {
      bytes[at] = (byte) bits;
      bytes[at + 1] = (byte) (bits >> 8);
    }
  }
}
