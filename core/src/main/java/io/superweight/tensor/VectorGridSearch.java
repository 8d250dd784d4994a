package io.superweight.tensor;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/** A trial to each lane: no sum crosses lanes, so the bits are those of {@link PlainGridSearch}. */
final class VectorGridSearch extends CommonSearch {
  private static final VectorSpecies<Float> SPECIES =
      FloatVector.SPECIES_PREFERRED.length() > 16
          ? FloatVector.SPECIES_512
          : FloatVector.SPECIES_PREFERRED;
  private static final int LANES = SPECIES.length();

  /** As many trials as fill vectors; the last one is repeated. */
  private static final int TRIALS = (KBlocks.TRIALS + LANES - 1) / LANES * LANES;

  private final float[] inverses = new float[TRIALS];
  private final float[] lows = new float[TRIALS];
  private final float[] errors = new float[TRIALS];
  private final float[] scales = new float[TRIALS];
  private final float[] minima = new float[TRIALS];

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
    for (int t = 0; t < TRIALS; t++) {
      inverses[t] = steps[Math.min(t, steps.length - 1)] * perLevel;
    }
    FloatVector least = FloatVector.broadcast(SPECIES, -levels);
    FloatVector most = FloatVector.broadcast(SPECIES, levels - 1);
    FloatVector rounder = FloatVector.broadcast(SPECIES, ROUNDER);
    for (int t = 0; t < TRIALS; t += LANES) {
      FloatVector inverse = FloatVector.fromArray(SPECIES, inverses, t);
      FloatVector sumXl = FloatVector.zero(SPECIES);
      FloatVector sumL2 = sumXl;
      for (int i = 0; i < 16; i++) {
        float value = x[at + i];
        FloatVector code = inverse.mul(value).max(least).min(most).add(rounder).sub(rounder);
        FloatVector weighted = code.mul(value * value);
        sumXl = weighted.fma(FloatVector.broadcast(SPECIES, value), sumXl);
        sumL2 = weighted.fma(code, sumL2);
      }
      FloatVector trialScale = sumXl.div(sumL2);
      trialScale.intoArray(scales, t);
      VectorMask<Float> valid = sumL2.compare(VectorOperators.GT, 0);
      FloatVector.zero(SPECIES).blend(sumXl.mul(trialScale), valid).intoArray(errors, t);
    }
    float best = 0;
    for (int t = 0; t < KBlocks.TRIALS; t++) {
      if (errors[t] > best) {
        best = errors[t];
        scale = scales[t];
      }
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
