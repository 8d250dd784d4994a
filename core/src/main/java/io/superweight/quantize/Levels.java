package io.superweight.quantize;

/** The values that a block's weights are rounded to. */
public sealed interface Levels {

  /** The number of bits that tell a weight's level. */
  int bits();

  /**
   * Round-to-nearest between the block's least and greatest value: {@code round((w − min) / Δ) · Δ
   * + min}, half to even.
   *
   * @param bits 2 to 8
   * @param step how Δ comes from the range
   * @param shifted the published code's {@code scale_shift}: codes go from −0.49 to 2ᴺ − 0.5, so
   *     that the outermost levels are as wide as the others
   */
  record MinMax(int bits, Step step, boolean shifted) implements Levels {
    public MinMax {
      requireBits(bits);
      if (shifted && step != Step.CODE) {
        throw new IllegalArgumentException("shifted codes have a step of their own");
      }
    }
  }

  /**
   * Symmetric round-to-nearest: {@code Δ = max |w| / (2ᴺ⁻¹ − 1)}, no zero point; what INT8 products
   * take.
   *
   * @param bits 2 to 8
   */
  record Symmetric(int bits) implements Levels {
    public Symmetric {
      requireBits(bits);
    }
  }

  /**
   * Quantiles of the normal distribution (QLoRA's NF4, and NF3), as the published code has them.
   */
  record NormalFloat(int bits) implements Levels {
    private static final float[] NF4 = {
      -1.0f,
      -0.6961928009986877f,
      -0.5250730514526367f,
      -0.39491748809814453f,
      -0.28444138169288635f,
      -0.18477343022823334f,
      -0.09105003625154495f,
      0.0f,
      0.07958029955625534f,
      0.16093020141124725f,
      0.24611230194568634f,
      0.33791524171829224f,
      0.44070982933044434f,
      0.5626170039176941f,
      0.7229568362236023f,
      1.0f
    };

    private static final float[] NF3 = {
      -1f,
      -0.5350227355957031f,
      -0.2469314038753510f,
      0f,
      0.1833375245332718f,
      0.3819939494132996f,
      0.6229856610298157f,
      1f
    };

    public NormalFloat {
      if (bits != 3 && bits != 4) {
        throw new IllegalArgumentException("there are tables for 3 and 4 bits");
      }
    }

    /** The nearest level of a value within −1 to 1; of two equally near ones the lower. */
    float nearest(float value) {
      float[] table = bits == 4 ? NF4 : NF3;
      int best = 0;
      for (int i = 1; i < table.length; i++) {
        if (Math.abs(value - table[i]) < Math.abs(value - table[best])) {
          best = i;
        }
      }
      return table[best];
    }
  }

  /** How the distance of two levels comes from a block's range. */
  enum Step {
    /** The inverse, {@code (2ᴺ − 1) / (max − min)}, as the published code computes it. */
    CODE,
    /**
     * {@code (max − min) / (2ᴺ − 1)}, by which is divided: the same but for a last bit, which
     * decides where values lie halfway between two levels.
     */
    DIVIDED,
    /** {@code (2ᴺ⁻¹ − 1) / (max − min)}, as many levels as the paper's formula has: half. */
    PAPER
  }

  private static void requireBits(int bits) {
    if (bits < 2 || bits > 8) {
      throw new IllegalArgumentException("2 to 8 bits");
    }
  }
}
