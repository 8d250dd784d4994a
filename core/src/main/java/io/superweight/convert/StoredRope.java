package io.superweight.convert;

import io.superweight.checkpoint.ModelConfig;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The scaling of Llama 3.1 found again from the factors that it made of it: the largest is {@code
 * factor}; between high and low frequencies, {@code (1/f − 1/factor) / (1 − 1/factor)} is linear in
 * the frequency, with the slope {@code original / (high − low)} and {@code −low / (high − low)} at
 * 0. Of the settings that are the same the one with {@code low_freq_factor} 1 is taken.
 */
final class StoredRope {
  /** Of a factor's float32. */
  private static final double TOLERANCE = 2e-6;

  private StoredRope() {}

  /**
   * Keys of {@code rope_parameters}; empty where no setting gives the factors.
   *
   * @param positions of the model: what settings are tried where too few frequencies lie between
   */
  static Optional<Map<String, Object>> of(ModelConfig rope, int positions) {
    List<Double> factors =
        rope.list("factors").stream().map(f -> ((Number) f).doubleValue()).toList();
    double theta = rope.number("rope_theta", 10_000);
    double factor = factors.stream().mapToDouble(f -> f).max().orElse(1);
    double[] wave = new double[factors.size()]; // 1 / wavelength
    double sumX = 0;
    double sumY = 0;
    double sumXx = 0;
    double sumXy = 0;
    int between = 0;
    for (int i = 0; i < wave.length; i++) {
      wave[i] = Math.pow(theta, -(double) i / wave.length) / (2 * Math.PI);
      double f = factors.get(i);
      if (f > 1 && f < factor) {
        double smooth = (1 / f - 1 / factor) / (1 - 1 / factor);
        sumX += wave[i];
        sumY += smooth;
        sumXx += wave[i] * wave[i];
        sumXy += wave[i] * smooth;
        between++;
      }
    }
    if (between >= 2) {
      double slope = (between * sumXy - sumX * sumY) / (between * sumXx - sumX * sumX);
      double zero = (sumY - slope * sumX) / between;
      double high = nearWhole(1 - 1 / zero);
      long original = Math.round(slope * (high - 1));
      return settings(factors, wave, factor, high, original);
    }
    for (long original = 16; original <= Math.max(8192, positions); original *= 2) {
      Optional<Map<String, Object>> found = settings(factors, wave, factor, 4, original);
      if (found.isPresent()) {
        return found;
      }
    }
    return Optional.empty();
  }

  private static double nearWhole(double value) {
    return Math.abs(value - Math.rint(value)) < 1e-3 ? Math.rint(value) : value;
  }

  private static Optional<Map<String, Object>> settings(
      List<Double> factors, double[] wave, double factor, double high, long original) {
    for (int i = 0; i < wave.length; i++) {
      double smooth = Math.clamp((original * wave[i] - 1) / (high - 1), 0.0, 1.0);
      double wanted = 1 / ((1 - smooth) / factor + smooth);
      if (!(Math.abs(wanted - factors.get(i)) <= TOLERANCE * wanted)) {
        return Optional.empty();
      }
    }
    Map<String, Object> out = new LinkedHashMap<>();
    out.put("rope_type", "llama3");
    out.put("factor", factor);
    out.put("low_freq_factor", 1.0);
    out.put("high_freq_factor", high);
    out.put("original_max_position_embeddings", original);
    return Optional.of(out);
  }
}
