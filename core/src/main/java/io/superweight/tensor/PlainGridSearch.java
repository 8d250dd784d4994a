package io.superweight.tensor;

/** One trial after the other. */
final class PlainGridSearch extends CommonSearch {
  @Override
  public void affine(
      float[] x, int at, float[] weights, int weightsAt, int levels, float[] steps, int fromZero) {
    if (!beginAffine(x, at, weights, weightsAt)) {
      return;
    }
    float best = Float.POSITIVE_INFINITY;
    for (int t = -1; t < steps.length; t++) {
      float low = t >= fromZero && max > 0 ? 0 : min;
      float inverse = (t < 0 ? levels : steps[t]) * (1 / (max - low));
      float trialScale = 1 / inverse;
      float trialMin = min;
      if (t >= 0) {
        float sumL = 0;
        float sumL2 = 0;
        float sumXl = 0;
        for (int i = 0; i < 32; i++) {
          float code = code((x[at + i] - low) * inverse, 0, levels);
          float weighted = weights[weightsAt + i] * code;
          sumL += weighted;
          sumL2 = Math.fma(weighted, code, sumL2);
          sumXl = Math.fma(weighted, x[at + i], sumXl);
        }
        float determinant = sumW * sumL2 - sumL * sumL;
        float s = (sumW * sumXl - sumX * sumL) / determinant;
        float m = (sumL2 * sumX - sumL * sumXl) / determinant;
        trialScale = m > 0 ? sumXl / sumL2 : s;
        trialMin = m > 0 ? 0 : m;
        if (!(determinant > 0)) {
          continue;
        }
      }
      float error = 0;
      for (int i = 0; i < 32; i++) {
        float code = code((x[at + i] - low) * inverse, 0, levels);
        float difference = Math.fma(trialScale, code, trialMin) - x[at + i];
        error = Math.fma(weights[weightsAt + i] * difference, difference, error);
      }
      if (error < best) {
        best = error;
        scale = trialScale;
        minimum = -trialMin;
      }
    }
  }

  @Override
  public void symmetric(float[] x, int at, int levels, float[] steps) {
    float extreme = beginSymmetric(x, at);
    if (extreme == 0) {
      return;
    }
    float perLevel = -1 / extreme;
    float best = 0;
    for (float step : steps) {
      float inverse = step * perLevel;
      float sumXl = 0;
      float sumL2 = 0;
      for (int i = 0; i < 16; i++) {
        float code = code(x[at + i] * inverse, -levels, levels - 1);
        float weighted = x[at + i] * x[at + i] * code;
        sumXl = Math.fma(weighted, x[at + i], sumXl);
        sumL2 = Math.fma(weighted, code, sumL2);
      }
      float trialScale = sumXl / sumL2;
      float gain = sumXl * trialScale;
      if (sumL2 > 0 && gain > best) {
        best = gain;
        scale = trialScale;
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
    for (int t = 0; t < KBlocks.NEIGHBOURS; t++) {
      float error = weighted[t];
      float square = squares[t];
      float inverse = scales[t] == 0 ? 0 : 1 / scales[t];
      for (int i = 0; i < count; i++) {
        float code = code((x[at + i] + minima[t]) * inverse, least, most);
        float difference = Math.fma(scales[t], code, -minima[t]) - x[at + i];
        square = Math.fma(difference, difference, square);
        error = Math.fma(weights[weightsAt + i] * difference, difference, error);
      }
      weighted[t] = error;
      squares[t] = square;
    }
  }

  @Override
  public int unit(float[] x, int at, float[] scales, float[] units, float[] ratios) {
    float[] errors = new float[KBlocks.NEIGHBOURS];
    for (int t = 0; t < errors.length; t++) {
      for (int j = 0; j < 16; j++) {
        float trial = units[t] * (ratios[t] * scales[j] + ROUNDER - ROUNDER);
        errors[t] = error(x, at + 16 * j, trial, errors[t]);
      }
    }
    return GridSearch.least(errors);
  }

  @Override
  public int neighbour(float[] x, int at, float d, int code) {
    float[] errors = new float[KBlocks.NEIGHBOURS];
    for (int t = 0; t < errors.length; t++) {
      errors[t] = error(x, at, d * GridSearch.neighbour(code, t), 0);
    }
    return GridSearch.neighbour(code, GridSearch.least(errors));
  }

  /** Adds the squared error of 16 elements. */
  private static float error(float[] x, int at, float scale, float sofar) {
    float inverse = scale == 0 ? 0 : 1 / scale;
    float error = sofar;
    for (int i = at; i < at + 16; i++) {
      float difference = scale * code(x[i] * inverse, -32, 31) - x[i];
      error = Math.fma(difference, difference, error);
    }
    return error;
  }

  private static float code(float scaled, int least, int most) {
    return Math.min(Math.max(scaled, least), most) + ROUNDER - ROUNDER;
  }
}
