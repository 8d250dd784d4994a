package io.superweight.convert;

import io.superweight.compute.cpu.x86.AssembledEncoders;
import io.superweight.convert.GgufContent.Element;
import io.superweight.tensor.BlockEncoder;
import io.superweight.tensor.DType;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * Rows as compressed-tensors packs them ({@code pack-quantized}, 0.20): symmetric integers with a
 * scale for each group, {@code round(w / scale)} half to even, so many to a 32-bit word, the first
 * in the lowest bits. A weight comes back as {@code code · scale}, rounded to the scale's type.
 *
 * <p>Of some scales, from the one that the library takes ({@code max |w| / 7.5} at 4 bits) to seven
 * tenths of it, a group takes the one with the least squared error. Where a group has held weights,
 * only scales that give them back count, as far as there are any.
 *
 * @param bits 4 or 8
 * @param group elements that share a scale; 0 for a whole row
 * @param scaleType F32, F16 or BF16
 * @param held weights of this tensor that should come back exactly
 */
record PackedIntegers(int bits, int group, DType scaleType, List<Element> held) implements RowForm {
  private static final ValueLayout.OfInt I32 =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** Adding and taking it away rounds a small float32 to the nearest whole number, half to even. */
  private static final float ROUNDING = 0x1.8p23f;

  private static final float[] SHRUNK = {1, 0.95f, 0.9f, 0.85f, 0.8f, 0.75f, 0.7f};

  PackedIntegers {
    held = List.copyOf(held);
  }

  private int least() {
    return -(1 << bits - 1);
  }

  private int most() {
    return (1 << bits - 1) - 1;
  }

  /** Groups of a row. */
  int groups(int cols) {
    return group == 0 ? 1 : cols / group;
  }

  private int width(int cols) {
    return group == 0 ? cols : group;
  }

  /** Words of a row. */
  int words(int cols) {
    return (cols * bits + 31) / 32;
  }

  @Override
  public long bytes(int cols) {
    return 4L * words(cols);
  }

  @Override
  public Encoder encoder(Optional<AssembledEncoders> assembled) {
    return (row, values, cols, out, at) -> {
      float[] scales = new float[groups(cols)];
      scales(row, values, cols, scales, 0);
      int each = 32 / bits;
      int width = width(cols);
      for (int word = 0; word < words(cols); word++) {
        int packed = 0;
        for (int i = 0; i < each && word * each + i < cols; i++) {
          int c = word * each + i;
          packed |= (code(values[c], scales[c / width]) - least()) << bits * i;
        }
        out.set(I32, at + 4L * word, packed);
      }
    };
  }

  private int code(float value, float scale) {
    return (int) Math.clamp(Math.rint(value / scale), least(), most());
  }

  /** What comes back of a value. */
  float decoded(float value, float scale) {
    return rounded(code(value, scale) * scale);
  }

  private float rounded(float value) {
    return switch (scaleType) {
      case F16 -> Float.float16ToFloat(Float.floatToFloat16(value));
      case BF16 -> Float.intBitsToFloat(BlockEncoder.bfloat16(value) << 16);
      default -> value;
    };
  }

  /** The neighbour of a value of the scale's type, so many steps away. */
  private float neighbour(float value, int steps) {
    return switch (scaleType) {
      case F16 -> Float.float16ToFloat((short) (Float.floatToFloat16(value) + steps));
      case BF16 -> Float.intBitsToFloat((BlockEncoder.bfloat16(value) + steps) << 16);
      default -> Float.intBitsToFloat(Float.floatToRawIntBits(value) + steps);
    };
  }

  /** The scales of a row's groups. */
  void scales(long row, float[] values, int cols, float[] out, int at) {
    int width = width(cols);
    boolean[] kept = null;
    for (Element element : held) {
      if (element.row() == row) {
        kept = kept == null ? new boolean[cols] : kept;
        kept[element.col()] = true;
      }
    }
    for (int g = 0; g < groups(cols); g++) {
      int from = g * width;
      boolean any = false;
      for (int i = from; kept != null && i < from + width; i++) {
        any |= kept[i];
      }
      out[at + g] = any ? holding(values, from, width, kept) : best(values, from, width);
    }
  }

  private float best(float[] values, int from, int width) {
    float largest = 0;
    for (int i = from; i < from + width; i++) {
      largest = Math.max(largest, Math.abs(values[i]));
    }
    if (largest == 0) {
      return 1;
    }
    float base = largest / ((1 << bits) - 1) * 2;
    // At 8 bits shrinking only cuts off.
    int shrunk = bits == 8 ? 1 : SHRUNK.length;
    float scale = 0;
    float least = Float.POSITIVE_INFINITY;
    for (int i = 0; i <= shrunk; i++) {
      float tried = rounded(i < shrunk ? base * SHRUNK[i] : largest / most());
      if (tried > 0 && Float.isFinite(tried)) {
        float error = error(values, from, width, tried);
        if (error < least) {
          least = error;
          scale = tried;
        }
      }
    }
    // Values so small that the type has no scale for them come back as its least steps.
    return scale > 0 ? scale : neighbour(0, 1);
  }

  private float error(float[] values, int from, int width, float scale) {
    float inverse = 1 / scale;
    if (!Float.isFinite(inverse)) {
      return Float.MAX_VALUE;
    }
    float low = least();
    float high = most();
    float sum = 0;
    for (int i = from; i < from + width; i++) {
      float code = Math.max(low, Math.min(high, values[i] * inverse));
      code = code + ROUNDING - ROUNDING;
      float difference = code * scale - values[i];
      sum += difference * difference;
    }
    return sum;
  }

  /** The scale that gives held weights back best, and of such the one that stores the rest best. */
  private float holding(float[] values, int from, int width, boolean[] kept) {
    float[] chosen = {best(values, from, width)};
    double[] errors = errors(values, from, width, kept, chosen[0]);
    for (int i = from; i < from + width; i++) {
      for (int code = 1; kept[i] && values[i] != 0 && code <= -least(); code++) {
        if (values[i] > 0 && code > most()) {
          continue;
        }
        for (int steps = -1; steps <= 1; steps++) {
          float tried = neighbour(Math.abs(values[i]) / code, steps);
          if (!(tried > 0) || !Float.isFinite(tried)) {
            continue;
          }
          double[] found = errors(values, from, width, kept, tried);
          if (Arrays.compare(found, errors) < 0) {
            errors = found;
            chosen[0] = tried;
          }
        }
      }
    }
    return chosen[0];
  }

  /** Squared errors of held weights, then of the others. */
  private double[] errors(float[] values, int from, int width, boolean[] kept, float scale) {
    double[] sums = new double[2];
    for (int i = from; i < from + width; i++) {
      double difference = (double) decoded(values[i], scale) - values[i];
      sums[kept[i] ? 0 : 1] += difference * difference;
    }
    return sums;
  }
}
