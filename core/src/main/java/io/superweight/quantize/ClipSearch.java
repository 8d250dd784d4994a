package io.superweight.quantize;

import io.superweight.compute.Buffer;
import io.superweight.compute.Device;
import io.superweight.model.Coordinate;
import io.superweight.model.Head;
import io.superweight.model.Probe;
import io.superweight.model.Site;
import io.superweight.model.SiteValues;
import io.superweight.model.Transformer;
import io.superweight.model.Variant;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/**
 * The z of {@link Clip.ZScore} by reconstruction error, as the paper chooses it: on calibration
 * text, the z whose rounded matrices change their outputs least. The error is {@code ‖X (W − Ŵ)ᵀ‖²
 * / ‖X Wᵀ‖²} with held weights put back, averaged over the layers' down projections, where super
 * weights are; X is a sample of their inputs, in float32. The paper does not say which matrices it
 * looks at, nor how their errors are put together.
 */
final class ClipSearch {
  /**
   * The released script loops over 9, 11, 12 and 20; smaller and larger ones belong to smaller
   * blocks.
   */
  private static final double[] GRID = {3, 4, 5, 6, 7, 9, 11, 12, 15, 20};

  /** Rows of each matrix's input that are looked at. */
  private static final int SAMPLE = 128;

  /**
   * @param best of the grid, or no clipping where that is best
   * @param errors by z; of no clipping under infinity
   */
  record Result(Clip best, Map<Double, Double> errors) {
    String sentence() {
      StringBuilder text =
          new StringBuilder("of the reconstruction errors on the calibration text (");
      List<String> words = new ArrayList<>();
      errors.forEach((z, error) ->
          words.add(
              String.format(
                  Locale.ROOT,
                  "%s %.3g",
                  Double.isInfinite(z) ? "no clipping" : String.format(Locale.ROOT, "z = %.0f:", z),
                  error)));
      text.append(String.join(", ", words)).append(") the least is that of ");
      return text.append(
              best instanceof Clip.ZScore(double z)
                  ? String.format(Locale.ROOT, "z = %.0f.", z)
                  : "no clipping.")
          .toString();
    }
  }

  private ClipSearch() {}

  static Result run(
      Transformer model, WeightQuantizer quantizer, List<Coordinate> held, List<int[]> text) {
    Map<Integer, float[][]> inputs = new TreeMap<>();
    Map<Integer, Integer> filled = new TreeMap<>();
    int tokens = text.stream().mapToInt(ids -> ids.length).sum();
    int step = Math.max(1, tokens / SAMPLE);
    Probe probe =
        new Probe() {
          @Override
          public boolean wants(Site site) {
            return site.kind() == Site.Kind.DOWN_IN && model.experts(site.layer()) == 0;
          }

          @Override
          public void observe(Site site, SiteValues values) {
            float[][] sample = inputs.computeIfAbsent(site.layer(), l -> new float[SAMPLE][]);
            for (int t = 0; t < values.rows(); t += step) {
              int at = filled.merge(site.layer(), 1, Integer::sum) - 1;
              if (at < SAMPLE) {
                sample[at] = new float[values.cols()];
                values.row(t, sample[at]);
              }
            }
          }
        };
    model.forward(text, List.of(Variant.INTACT), List.of(probe), Head.SKIP);
    Map<Double, Double> errors = new TreeMap<>();
    double[] grid = java.util.Arrays.copyOf(GRID, GRID.length + 1);
    grid[GRID.length] = Double.POSITIVE_INFINITY;
    for (double z : grid) {
      WeightQuantizer one =
          new WeightQuantizer(
              quantizer.levels(),
              quantizer.blocks(),
              Double.isInfinite(z) ? new Clip.None() : new Clip.ZScore(z),
              quantizer.indivisible());
      QuantizedWeights rounded = QuantizedWeights.of(model, one, held);
      double error = 0;
      for (Map.Entry<Integer, float[][]> layer : inputs.entrySet()) {
        int rows = Math.min(SAMPLE, filled.get(layer.getKey()));
        error += error(model, layer.getKey(), layer.getValue(), rows, rounded);
      }
      errors.put(z, error / inputs.size());
    }
    double best = Double.POSITIVE_INFINITY;
    for (Map.Entry<Double, Double> entry : errors.entrySet()) {
      if (entry.getValue() < errors.get(best)) {
        best = entry.getKey();
      }
    }
    return new Result(Double.isInfinite(best) ? new Clip.None() : new Clip.ZScore(best), errors);
  }

  private static double error(
      Transformer model, int layer, float[][] sample, int rows, QuantizedWeights rounded) {
    Device device = model.device();
    var stored = model.down(layer, -1);
    try (Device.Scope scope = device.scope()) {
      float[] flat = new float[rows * stored.cols()];
      for (int r = 0; r < rows; r++) {
        System.arraycopy(sample[r], 0, flat, r * stored.cols(), stored.cols());
      }
      Buffer x = scope.upload(flat, stored.cols());
      Buffer w = scope.allocate(stored.rows(), stored.cols());
      device.decode(stored, w);
      Buffer y = scope.allocate(rows, stored.rows());
      device.matmul(x, w, false, y);
      float[] wanted = values(device.host(y));
      rounded.transform("layers." + layer + ".mlp.down", w, device);
      device.matmul(x, w, false, y);
      float[] got = values(device.host(y));
      double error = 0;
      double power = 0;
      for (int i = 0; i < got.length; i++) {
        error += (double) (got[i] - wanted[i]) * (got[i] - wanted[i]);
        power += (double) wanted[i] * wanted[i];
      }
      return power == 0 ? 0 : error / power;
    }
  }

  private static float[] values(MemorySegment data) {
    return data.toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
  }
}
