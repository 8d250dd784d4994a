package io.superweight.tensor;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * Encodes blocks of 256 elements. Each part of 32 elements (Q4_K, Q5_K: scale and minimum) or 16
 * (Q6_K: scale) tries a row of grids, as ggml's {@code make_qkx2_quants} and {@code make_qx_quants}
 * do; the values that suit each grid give a scale by least squares, and the one of least weighted
 * error stays. The scales of the parts are then themselves rounded to 6 or 8 bits. Here, unlike
 * there, the neighbours of each rounded scale and minimum are tried too.
 */
final class KBlocks {
  static final int ELEMENTS = 256;

  /** Grids that are tried at once, as many as fill vectors of 8. */
  static final int TRIALS = 24;

  /** Neighbours that are tried at once. */
  static final int NEIGHBOURS = 16;

  private static final VarHandle EIGHT =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

  private static final long LOW_FOUR = 0x0f0f_0f0f_0f0f_0f0fL;

  private final DType dtype;
  private final int levels;
  private final boolean minimum;
  private final int fromZero;
  private final GridSearch search;

  private final byte[] block;
  private final float[] weights = new float[ELEMENTS];
  private final float[] trialUnits = new float[NEIGHBOURS];
  private final float[] trialRatios = new float[NEIGHBOURS];
  private final float[] scales = new float[16];
  private final float[] minima = new float[8];
  private final int[] scaleCodes = new int[16];
  private final int[] minimumCodes = new int[8];
  private final float[] steps = new float[TRIALS];
  private final float[] trialScales = new float[NEIGHBOURS];
  private final float[] trialMinima = new float[NEIGHBOURS];
  private final float[] weighted = new float[NEIGHBOURS];
  private final float[] squares = new float[NEIGHBOURS];
  private final byte[] codes = new byte[ELEMENTS];

  private KBlocks(DType dtype, GridSearch search) {
    this.dtype = dtype;
    this.search = search;
    this.block = new byte[dtype.blockBytes()];
    this.minimum = dtype != DType.Q6_K;
    this.levels = dtype == DType.Q4_K ? 15 : dtype == DType.Q5_K ? 31 : 32;
    // How many levels the values' range takes: ggml's trials, then those of a grid that begins at
    // 0,
    // which suits a part with an outlier.
    for (int i = 0; i < TRIALS; i++) {
      steps[i] =
          switch (dtype) {
            case Q4_K -> i < 21 ? -1 + 0.1f * i + 15 : 15 + 0.4f * (i - 22);
            case Q5_K -> i < 16 ? -0.5f + 0.1f * i + 31 : 31 + 0.1f * (i - 20);
            default -> i == 0 ? 32 : 32 + 0.1f * (Math.min(i, 19) - 10);
          };
    }
    this.fromZero = dtype == DType.Q4_K ? 21 : 16;
  }

  static KBlocks of(DType dtype) {
    boolean vectors = ModuleLayer.boot().findModule("jdk.incubator.vector").isPresent();
    return new KBlocks(dtype, vectors ? new VectorGridSearch() : new PlainGridSearch());
  }

  static KBlocks plain(DType dtype) {
    return new KBlocks(dtype, new PlainGridSearch());
  }

  /** Encodes {@code x[at … at + 256)}. */
  void encode(float[] x, int at, byte[] out, int to) {
    if (minimum) {
      weigh(x, at);
      withMinimum(x, at);
    } else {
      symmetric(x, at);
    }
    System.arraycopy(block, 0, out, to, block.length);
  }

  private void withMinimum(float[] x, int at) {
    byte[] out = block;
    float maxScale = 0;
    float maxMinimum = 0;
    for (int j = 0; j < 8; j++) {
      search.affine(x, at + 32 * j, weights, 32 * j, levels, steps, fromZero);
      scales[j] = search.scale();
      minima[j] = search.minimum();
      maxScale = Math.max(maxScale, scales[j]);
      maxMinimum = Math.max(maxMinimum, minima[j]);
    }
    float inverseMinimum = maxMinimum > 0 ? 63 / maxMinimum : 0;
    short minimumBits = Float.floatToFloat16(maxMinimum / 63);
    float dmin = Float.float16ToFloat(minimumBits);
    for (int j = 0; j < 8; j++) {
      minimumCodes[j] = Math.clamp(nearest(inverseMinimum * minima[j]), 0, 63);
    }
    int largest = maxScale > 0 ? 63 - largestCode(x, at, maxScale, dmin) : 63;
    float inverseScale = maxScale > 0 ? largest / maxScale : 0;
    short scaleBits = Float.floatToFloat16(maxScale / largest);
    float d = Float.float16ToFloat(scaleBits);
    for (int j = 0; j < 8; j++) {
      scaleCodes[j] = Math.clamp(nearest(inverseScale * scales[j]), 0, 63);
      neighbours(x, at + 32 * j, j, d, dmin);
      float scale = d * scaleCodes[j];
      float inverse = scale > 0 ? 1 / scale : 0;
      search.codes(x, at + 32 * j, 32, dmin * minimumCodes[j], inverse, 0, levels, codes, 32 * j);
    }
    int bits = dtype == DType.Q4_K ? 16 : 48;
    Arrays.fill(out, (byte) 0);
    put(out, 0, scaleBits);
    put(out, 2, minimumBits);
    for (int j = 0; j < 8; j++) {
      int s = scaleCodes[j];
      int m = minimumCodes[j];
      if (j < 4) {
        out[4 + j] |= (byte) s;
        out[8 + j] |= (byte) m;
      } else {
        out[8 + j] = (byte) (s & 15 | m << 4);
        out[j] |= (byte) (s >> 4 << 6);
        out[4 + j] |= (byte) (m >> 4 << 6);
      }
    }
    for (int j = 0; j < 8; j += 2) {
      for (int i = 0; i < 32; i++) {
        int low = codes[32 * j + i];
        int high = codes[32 * j + 32 + i];
        out[bits + 16 * j + i] = (byte) (low & 15 | high << 4);
        if (bits == 48) {
          out[16 + i] |= (byte) (low >> 4 << j | high >> 4 << j + 1);
        }
      }
    }
  }

  /**
   * Tries to give the largest scale a smaller code than it might have, so that the rounding of all
   * scales falls otherwise: an outlier's part leaves the others few codes. Returns by how much.
   */
  private int largestCode(float[] x, int at, float largestScale, float dmin) {
    clearErrors();
    for (int i = 0; i < NEIGHBOURS; i++) {
      int code = 63 - i;
      trialUnits[i] = Float.float16ToFloat(Float.floatToFloat16(largestScale / code));
      trialRatios[i] = code / largestScale;
    }
    for (int j = 0; j < 8; j++) {
      float low = dmin * minimumCodes[j];
      float scale = scales[j];
      for (int i = 0; i < NEIGHBOURS; i++) {
        float code = trialRatios[i] * scale + CommonSearch.ROUNDER - CommonSearch.ROUNDER;
        trialScales[i] = trialUnits[i] * code;
        trialMinima[i] = low;
      }
      errors(x, at + 32 * j, 32 * j);
    }
    return best();
  }

  private void clearErrors() {
    Arrays.fill(weighted, 0);
    Arrays.fill(squares, 0);
  }

  private void errors(float[] x, int at, int weightsAt) {
    search.errors(
        x, at, 32, weights, weightsAt, trialScales, trialMinima, 0, levels, weighted, squares);
  }

  /**
   * The trial of the least weighted error among those whose plain error is no larger than the
   * first's; the first of several.
   */
  private int best() {
    int best = 0;
    for (int t = 1; t < NEIGHBOURS; t++) {
      if (weighted[t] < weighted[best] && squares[t] <= squares[0]) {
        best = t;
      }
    }
    return best;
  }

  /** Root mean square of the part, plus the magnitude of the element: ggml's weights. */
  private void weigh(float[] x, int at) {
    for (int j = 0; j < ELEMENTS; j += 32) {
      // Four sums, so that none waits for the one before.
      float a = 0;
      float b = 0;
      float c = 0;
      float d = 0;
      for (int i = at + j; i < at + j + 32; i += 4) {
        a = Math.fma(x[i], x[i], a);
        b = Math.fma(x[i + 1], x[i + 1], b);
        c = Math.fma(x[i + 2], x[i + 2], c);
        d = Math.fma(x[i + 3], x[i + 3], d);
      }
      float average = (float) Math.sqrt((a + b + (c + d)) / 32);
      for (int i = 0; i < 32; i++) {
        weights[j + i] = average + Math.abs(x[at + j + i]);
      }
    }
  }

  /** Tries the rounded scale, its two neighbours, and with each five minima. */
  private void neighbours(float[] x, int at, int j, float d, float dmin) {
    if (d == 0) {
      return;
    }
    for (int i = 0; i < NEIGHBOURS; i++) {
      int scale = neighbourScale(scaleCodes[j], i);
      trialScales[i] = d * scale;
      trialMinima[i] = dmin * neighbourMinimum(minimumCodes[j], i);
    }
    clearErrors();
    errors(x, at, 32 * j);
    int best = best();
    int scale = neighbourScale(scaleCodes[j], best);
    minimumCodes[j] = neighbourMinimum(minimumCodes[j], best);
    scaleCodes[j] = scale;
  }

  private static int neighbourScale(int code, int trial) {
    return trial == 15 ? code : Math.clamp(code + (trial / 5 + 1) % 3 - 1, 0, 63);
  }

  private static int neighbourMinimum(int code, int trial) {
    return trial == 15 ? code : Math.clamp(code + (trial + 2) % 5 - 2, 0, 63);
  }

  private void symmetric(float[] x, int at) {
    byte[] out = block;
    float extreme = 0;
    for (int j = 0; j < 16; j++) {
      search.symmetric(x, at + 16 * j, levels, steps);
      scales[j] = search.scale();
      if (Math.abs(scales[j]) > Math.abs(extreme)) {
        extreme = scales[j];
      }
    }
    Arrays.fill(out, (byte) 0);
    if (Math.abs(extreme) < 1e-15f) {
      return;
    }
    for (int t = 0; t < NEIGHBOURS; t++) {
      trialUnits[t] = Float.float16ToFloat(Float.floatToFloat16(extreme / (-128 + t)));
      trialRatios[t] = (-128 + t) / extreme;
    }
    int largest = -128 + search.unit(x, at, scales, trialUnits, trialRatios);
    float inverse = largest / extreme;
    short bits = Float.floatToFloat16(1 / inverse);
    float d = Float.float16ToFloat(bits);
    for (int j = 0; j < 16; j++) {
      scaleCodes[j] = Math.clamp(nearest(inverse * scales[j]), -128, 127);
      if (d != 0) {
        scaleCodes[j] = search.neighbour(x, at + 16 * j, d, scaleCodes[j]);
      }
      float scale = d * scaleCodes[j];
      search.codes(x, at + 16 * j, 16, 0, scale != 0 ? 1 / scale : 0, -32, 31, codes, 16 * j);
    }
    for (int half = 0; half < 2; half++) {
      for (int i = 0; i < 32; i += 8) { // eight bytes at once
        long q0 = sixBits(128 * half + i);
        long q1 = sixBits(128 * half + 32 + i);
        long q2 = sixBits(128 * half + 64 + i);
        long q3 = sixBits(128 * half + 96 + i);
        EIGHT.set(out, 64 * half + i, q0 & LOW_FOUR | (q2 & LOW_FOUR) << 4);
        EIGHT.set(out, 64 * half + 32 + i, q1 & LOW_FOUR | (q3 & LOW_FOUR) << 4);
        long high = highTwo(q0) | highTwo(q1) << 2 | highTwo(q2) << 4 | highTwo(q3) << 6;
        EIGHT.set(out, 128 + 32 * half + i, high);
      }
    }
    for (int j = 0; j < 16; j++) {
      out[192 + j] = (byte) scaleCodes[j];
    }
    put(out, 208, bits);
  }

  /** Eight codes plus 32, each in a byte. */
  private long sixBits(int at) {
    return (long) EIGHT.get(codes, at) & 0x3f3f_3f3f_3f3f_3f3fL ^ 0x2020_2020_2020_2020L;
  }

  private static long highTwo(long sixBits) {
    return sixBits >>> 4 & 0x0303_0303_0303_0303L;
  }

  /** To the nearest integer, ties to even. */
  private static int nearest(float value) {
    return (int) Math.rint(value);
  }

  private static void put(byte[] out, int at, short bits) {
    out[at] = (byte) bits;
    out[at + 1] = (byte) (bits >> 8);
  }
}
