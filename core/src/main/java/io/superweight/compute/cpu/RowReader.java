package io.superweight.compute.cpu;

import io.superweight.compute.Matrix;
import io.superweight.tensor.Dequantizer;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * Reads rows of weights as float32, one element after the other: what every faster reader must
 * equal.
 */
final class RowReader {
  static final ValueLayout.OfFloat F32 =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  static final ValueLayout.OfShort U16 =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private RowReader() {}

  /**
   * {@code out[at + i] = W[row, from + i]} for i below {@code count}; whole blocks of a quantized
   * type.
   */
  static void read(Matrix w, int row, int from, int count, float[] out, int at) {
    MemorySegment data = w.data();
    long first = w.transposed() ? (long) from * w.rows() + row : (long) row * w.cols() + from;
    long step = w.transposed() ? w.rows() : 1;
    switch (w.dtype()) {
      case F32 -> {
        for (int i = 0; i < count; i++) {
          out[at + i] = data.get(F32, 4 * (first + i * step));
        }
      }
      case F16 -> {
        for (int i = 0; i < count; i++) {
          out[at + i] = Float.float16ToFloat(data.get(U16, 2 * (first + i * step)));
        }
      }
      case BF16 -> {
        for (int i = 0; i < count; i++) {
          out[at + i] = Float.intBitsToFloat(data.get(U16, 2 * (first + i * step)) << 16);
        }
      }
      default -> Dequantizer.decode(w.dtype(), data, first, count, out, at);
    }
  }
}
