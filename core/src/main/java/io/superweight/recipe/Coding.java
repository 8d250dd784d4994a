package io.superweight.recipe;

import io.superweight.tensor.BlockEncoder;
import io.superweight.tensor.DType;
import io.superweight.tensor.Dequantizer;
import java.lang.foreign.MemorySegment;
import java.util.Locale;

/** A way to store a matrix: what it takes, and what comes back. */
public sealed interface Coding {
  /** As the tool names it. */
  String name();

  /** Whether rows of so many elements can be stored so. */
  boolean fits(int cols);

  /** Bytes of a row. */
  long rowBytes(int cols);

  /** Stores rows {@code values[rows · cols]} and reads them back, in place. */
  void round(float[] values, int cols);

  /** One of GGUF's types, encoded without an importance matrix. */
  record Gguf(DType type) implements Coding {
    @Override
    public String name() {
      return type.name().toLowerCase(Locale.ROOT);
    }

    @Override
    public boolean fits(int cols) {
      return cols % type.blockElements() == 0;
    }

    @Override
    public long rowBytes(int cols) {
      return type.bytes(cols);
    }

    @Override
    public void round(float[] values, int cols) {
      MemorySegment stored = MemorySegment.ofArray(new byte[Math.toIntExact(type.bytes(cols))]);
      BlockEncoder encoder = new BlockEncoder(type);
      for (int from = 0; from < values.length; from += cols) {
        encoder.encode(values, from, cols, stored, 0);
        Dequantizer.decode(type, stored, 0, cols, values, from);
      }
    }
  }

  /**
   * Symmetric integers, round to nearest, a float16 scale for each group of a row: what
   * llm-compressor, GPTQModel and AutoAWQ store, without the calibration by which they choose.
   */
  record Groups(int bits, int group) implements Coding {
    @Override
    public String name() {
      return "int" + bits + " g" + group;
    }

    @Override
    public boolean fits(int cols) {
      return cols % group == 0;
    }

    @Override
    public long rowBytes(int cols) {
      return ((long) cols * bits + 7) / 8 + 2L * (cols / group);
    }

    @Override
    public void round(float[] values, int cols) {
      int most = (1 << bits - 1) - 1;
      for (int from = 0; from < values.length; from += group) {
        float largest = 0;
        for (int i = from; i < from + group; i++) {
          largest = Math.max(largest, Math.abs(values[i]));
        }
        float scale = Float.float16ToFloat(Float.floatToFloat16(largest / (most + 0.5f)));
        for (int i = from; i < from + group && scale > 0; i++) {
          double code = Math.rint(values[i] / (double) scale);
          values[i] = (float) Math.clamp(code, -most - 1, most) * scale;
        }
      }
    }
  }

  /** 16 bits, which are taken to lose nothing. */
  record Sixteen() implements Coding {
    @Override
    public String name() {
      return "16 bits";
    }

    @Override
    public boolean fits(int cols) {
      return true;
    }

    @Override
    public long rowBytes(int cols) {
      return 2L * cols;
    }

    @Override
    public void round(float[] values, int cols) {}
  }
}
