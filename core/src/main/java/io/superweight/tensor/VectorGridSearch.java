package io.superweight.tensor;

import static jdk.incubator.vector.VectorOperators.EQ;
import static jdk.incubator.vector.VectorOperators.MAX;
import static jdk.incubator.vector.VectorOperators.MIN;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/** A trial to each lane: no sum crosses lanes, so the bits are those of {@link PlainGridSearch}. */
final class VectorGridSearch extends CommonSearch {
  private static final VectorSpecies<Float> SPECIES =
      FloatVector.SPECIES_PREFERRED.length() > 16
          ? FloatVector.SPECIES_512
          : FloatVector.SPECIES_PREFERRED;
  private static final int LANES = SPECIES.length();

  private static final VectorSpecies<Byte> BYTES =
      VectorSpecies.of(byte.class, VectorShape.forBitSize(Math.max(64, 8 * LANES)));
  private static final boolean BYTES_FIT = BYTES.length() == LANES;

  /** As many trials as fill vectors; the last one is repeated. */
  private static final int TRIALS = (KBlocks.TRIALS + LANES - 1) / LANES * LANES;

  /** 0, −1, 1, −2, 2, …: the first of equals stays. */
  private static final float[] OFFSETS = new float[KBlocks.NEIGHBOURS];

  static {
    for (int t = 0; t < OFFSETS.length; t++) {
      OFFSETS[t] = GridSearch.neighbour(0, t);
    }
  }

  private final float[] inverses = new float[TRIALS];
  private final float[] lows = new float[TRIALS];
  private final float[] errors = new float[TRIALS];
  private final float[] scales = new float[TRIALS];
  private final float[] minima = new float[TRIALS];
  private final float[] neighbourErrors = new float[KBlocks.NEIGHBOURS];

  @Override
  public void affine(
      float[] x, int at, float[] weights, int weightsAt, int levels, float[] steps, int fromZero) {
    if (!beginAffine(x, at, weights, weightsAt)) {
      return;
    }
    for (int t = 0; t < TRIALS; t++) {
      lows[t] = t >= fromZero && max > 0 ? 0 : min;
      inverses[t] = steps[Math.min(t, steps.length - 1)] * (1 / (max - lows[t]));
    }
    for (int t = 0; t < TRIALS; t += LANES) {
      trials(x, at, weights, weightsAt, levels, sumW, sumX, t);
    }
    float inverse = levels * (1 / (max - min));
    float best = 0;
    scale = 1 / inverse;
    for (int i = 0; i < 32; i++) {
      float code = Math.min(Math.max((x[at + i] - min) * inverse, 0), levels) + ROUNDER - ROUNDER;
      float difference = Math.fma(scale, code, min) - x[at + i];
      best = Math.fma(weights[weightsAt + i] * difference, difference, best);
    }
    if (!(best < Float.POSITIVE_INFINITY)) {
      best = Float.POSITIVE_INFINITY;
      scale = 0;
    }
    for (int t = 0; t < KBlocks.TRIALS; t++) {
      if (errors[t] < best) {
        best = errors[t];
        scale = scales[t];
        minimum = -minima[t];
      }
    }
  }

  private void trials(
      float[] x,
      int at,
      float[] weights,
      int weightsAt,
      int levels,
      float sumW,
      float sumX,
      int t) {
    FloatVector inverse = FloatVector.fromArray(SPECIES, inverses, t);
    FloatVector low = FloatVector.fromArray(SPECIES, lows, t);
    FloatVector zero = FloatVector.zero(SPECIES);
    FloatVector most = FloatVector.broadcast(SPECIES, levels);
    FloatVector rounder = FloatVector.broadcast(SPECIES, ROUNDER);
    FloatVector sumL = zero;
    FloatVector sumL2 = zero;
    FloatVector sumXl = zero;
    for (int i = 0; i < 32; i++) {
      FloatVector code =
          FloatVector.broadcast(SPECIES, x[at + i])
              .sub(low)
              .mul(inverse)
              .max(zero)
              .min(most)
              .add(rounder)
              .sub(rounder);
      FloatVector weighted = code.mul(weights[weightsAt + i]);
      sumL = sumL.add(weighted);
      sumL2 = weighted.fma(code, sumL2);
      sumXl = weighted.fma(FloatVector.broadcast(SPECIES, x[at + i]), sumXl);
    }
    FloatVector determinant = sumL2.mul(sumW).sub(sumL.mul(sumL));
    FloatVector s = sumXl.mul(sumW).sub(sumL.mul(sumX)).div(determinant);
    FloatVector m = sumL2.mul(sumX).sub(sumL.mul(sumXl)).div(determinant);
    VectorMask<Float> positive = m.compare(VectorOperators.GT, 0);
    FloatVector trialScale = s.blend(sumXl.div(sumL2), positive);
    FloatVector trialMin = m.blend(zero, positive);
    FloatVector error = zero;
    for (int i = 0; i < 32; i++) {
      FloatVector code =
          FloatVector.broadcast(SPECIES, x[at + i])
              .sub(low)
              .mul(inverse)
              .max(zero)
              .min(most)
              .add(rounder)
              .sub(rounder);
      FloatVector difference = trialScale.fma(code, trialMin).sub(x[at + i]);
      error = difference.mul(weights[weightsAt + i]).fma(difference, error);
    }
    VectorMask<Float> valid = determinant.compare(VectorOperators.GT, 0);
    FloatVector.broadcast(SPECIES, Float.POSITIVE_INFINITY)
        .blend(error, valid)
        .intoArray(errors, t);
    trialScale.intoArray(scales, t);
    trialMin.intoArray(minima, t);
  }

  @Override
  public void symmetric(float[] x, int at, int levels, float[] steps) {
    float extreme = beginSymmetric(x, at);
    if (extreme == 0) {
      return;
    }
    float perLevel = -1 / extreme;
    for (int t = 0; t < KBlocks.TRIALS; t += 2 * LANES) {
      // Of the last ones some are tried twice.
      gains(x, at, levels, steps, perLevel, t, Math.min(t + LANES, KBlocks.TRIALS - LANES));
    }
    // The first of the largest, were it not for what is no number.
    float most = 0;
    for (int t = 0; t < KBlocks.TRIALS; t = next(t)) {
      most = Math.max(most, FloatVector.fromArray(SPECIES, errors, t).reduceLanes(MAX));
    }
    for (int t = 0; most > 0 && t < KBlocks.TRIALS; t = next(t)) {
      VectorMask<Float> reached = FloatVector.fromArray(SPECIES, errors, t).compare(EQ, most);
      if (reached.anyTrue()) {
        scale = scales[t + reached.firstTrue()];
        return;
      }
    }
    float best = 0;
    for (int t = 0; t < KBlocks.TRIALS; t++) {
      if (errors[t] > best) {
        best = errors[t];
        scale = scales[t];
      }
    }
  }

  /** Where the next vector of trials begins. */
  private static int next(int t) {
    return t == KBlocks.TRIALS - LANES
        ? KBlocks.TRIALS
        : Math.min(t + LANES, KBlocks.TRIALS - LANES);
  }

  @Override
  float extreme(float[] x, int at) {
    if (LANES != 16) {
      return super.extreme(x, at);
    }
    FloatVector magnitudes = FloatVector.fromArray(SPECIES, x, at).abs();
    int first = magnitudes.compare(EQ, magnitudes.reduceLanes(MAX)).firstTrue();
    return first < LANES ? x[at + first] : Float.NaN;
  }

  /** What the trials from t and from u on gain, side by side, so that neither waits for itself. */
  private void gains(float[] x, int at, int levels, float[] steps, float perLevel, int t, int u) {
    FloatVector least = FloatVector.broadcast(SPECIES, -levels);
    FloatVector most = FloatVector.broadcast(SPECIES, levels - 1);
    FloatVector rounder = FloatVector.broadcast(SPECIES, ROUNDER);
    FloatVector inverseT = FloatVector.fromArray(SPECIES, steps, t).mul(perLevel);
    FloatVector inverseU = FloatVector.fromArray(SPECIES, steps, u).mul(perLevel);
    FloatVector xlT = FloatVector.zero(SPECIES);
    FloatVector xlU = xlT;
    FloatVector l2T = xlT;
    FloatVector l2U = xlT;
    for (int i = 0; i < 16; i++) {
      FloatVector values = FloatVector.broadcast(SPECIES, x[at + i]);
      FloatVector squares = values.mul(values);
      FloatVector codeT = inverseT.mul(values).max(least).min(most).add(rounder).sub(rounder);
      FloatVector codeU = inverseU.mul(values).max(least).min(most).add(rounder).sub(rounder);
      FloatVector weightedT = codeT.mul(squares);
      FloatVector weightedU = codeU.mul(squares);
      xlT = weightedT.fma(values, xlT);
      xlU = weightedU.fma(values, xlU);
      l2T = weightedT.fma(codeT, l2T);
      l2U = weightedU.fma(codeU, l2U);
    }
    gain(xlT, l2T, t);
    gain(xlU, l2U, u);
  }

  private void gain(FloatVector sumXl, FloatVector sumL2, int t) {
    FloatVector trialScale = sumXl.div(sumL2);
    trialScale.intoArray(scales, t);
    VectorMask<Float> valid = sumL2.compare(VectorOperators.GT, 0);
    FloatVector.zero(SPECIES).blend(sumXl.mul(trialScale), valid).intoArray(errors, t);
  }

  @Override
  public int unit(float[] x, int at, float[] partScales, float[] units, float[] ratios) {
    FloatVector rounder = FloatVector.broadcast(SPECIES, ROUNDER);
    for (int t = 0; t < KBlocks.NEIGHBOURS; t += LANES) {
      FloatVector unit = FloatVector.fromArray(SPECIES, units, t);
      FloatVector ratio = FloatVector.fromArray(SPECIES, ratios, t);
      FloatVector error = FloatVector.zero(SPECIES);
      for (int j = 0; j < 16; j++) {
        FloatVector code = ratio.mul(partScales[j]).add(rounder).sub(rounder);
        error = error(x, at + 16 * j, unit.mul(code), error);
      }
      error.intoArray(neighbourErrors, t);
    }
    return GridSearch.least(neighbourErrors);
  }

  @Override
  public int neighbour(float[] x, int at, float d, int code) {
    FloatVector zero = FloatVector.zero(SPECIES);
    FloatVector error = zero;
    for (int t = 0; t < KBlocks.NEIGHBOURS; t += LANES) {
      FloatVector codes = FloatVector.fromArray(SPECIES, OFFSETS, t).add(code).max(-128).min(127);
      error = error(x, at, codes.mul(d), zero);
      error.intoArray(neighbourErrors, t);
    }
    if (LANES == KBlocks.NEIGHBOURS) {
      int first = error.compare(EQ, error.reduceLanes(MIN)).firstTrue();
      if (first < LANES) {
        return GridSearch.neighbour(code, first);
      }
    }
    return GridSearch.neighbour(code, GridSearch.least(neighbourErrors));
  }

  /** Adds the squared errors of 16 elements to those of each scale. */
  private static FloatVector error(float[] x, int at, FloatVector scale, FloatVector sofar) {
    FloatVector lower = FloatVector.broadcast(SPECIES, -32);
    FloatVector upper = FloatVector.broadcast(SPECIES, 31);
    FloatVector rounder = FloatVector.broadcast(SPECIES, ROUNDER);
    FloatVector inverse =
        FloatVector.broadcast(SPECIES, 1).div(scale).blend(0, scale.compare(EQ, 0));
    FloatVector error = sofar;
    for (int i = 0; i < 16; i++) {
      FloatVector value = FloatVector.broadcast(SPECIES, x[at + i]);
      FloatVector code = inverse.mul(value).max(lower).min(upper).add(rounder).sub(rounder);
      FloatVector difference = scale.mul(code).sub(value);
      error = difference.fma(difference, error);
    }
    return error;
  }

  @Override
  public void codes(
      float[] x,
      int at,
      int count,
      float minimum,
      float inverse,
      int least,
      int most,
      byte[] codes,
      int to) {
    if (!BYTES_FIT || count % LANES != 0) {
      super.codes(x, at, count, minimum, inverse, least, most, codes, to);
      return;
    }
    for (int i = 0; i < count; i += LANES) {
      FloatVector.fromArray(SPECIES, x, at + i)
          .add(minimum)
          .mul(inverse)
          .max(least)
          .min(most)
          .add(ROUNDER)
          .reinterpretAsInts()
          .sub(0x4b40_0000)
          .convertShape(VectorOperators.I2B, BYTES, 0)
          .reinterpretAsBytes()
          .intoArray(codes, to + i);
    }
  }

  @Override
  public void errors(
      float[] x,
      int at,
      int count,
      float[] weights,
      int weightsAt,
      float[] scales,
      float[] minima,
      int least,
      int most,
      float[] weighted,
      float[] squares) {
    FloatVector lower = FloatVector.broadcast(SPECIES, least);
    FloatVector upper = FloatVector.broadcast(SPECIES, most);
    FloatVector rounder = FloatVector.broadcast(SPECIES, ROUNDER);
    for (int t = 0; t < KBlocks.NEIGHBOURS; t += LANES) {
      FloatVector trialScale = FloatVector.fromArray(SPECIES, scales, t);
      FloatVector inverse =
          FloatVector.broadcast(SPECIES, 1)
              .div(trialScale)
              .blend(0, trialScale.compare(VectorOperators.EQ, 0));
      FloatVector trialMin = FloatVector.fromArray(SPECIES, minima, t);
      FloatVector negative = trialMin.neg();
      FloatVector error = FloatVector.fromArray(SPECIES, weighted, t);
      FloatVector square = FloatVector.fromArray(SPECIES, squares, t);
      for (int i = 0; i < count; i++) {
        FloatVector code =
            trialMin.add(x[at + i]).mul(inverse).max(lower).min(upper).add(rounder).sub(rounder);
        FloatVector difference = trialScale.fma(code, negative).sub(x[at + i]);
        square = difference.fma(difference, square);
        error = difference.mul(weights[weightsAt + i]).fma(difference, error);
      }
      error.intoArray(weighted, t);
      square.intoArray(squares, t);
    }
  }
}
