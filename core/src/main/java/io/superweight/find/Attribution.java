package io.superweight.find;

import io.superweight.compute.Matrix;
import io.superweight.model.Coordinate;
import io.superweight.model.Transformer;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Set;

/**
 * Takes a written value apart, exactly: what the MLP of a layer adds to the stream at one token and
 * channel is {@code g · Σ_k X[t,k] · W[row,k]}, with g = 1, or the router's weight of an expert, or
 * what a norm behind the MLP multiplies that channel by at that token.
 */
final class Attribution {
  private final Transformer model;

  /** Rows that were read, for the account of bytes. */
  private long bytes;

  Attribution(Transformer model) {
    this.model = model;
  }

  /**
   * One weight's part of a written value.
   *
   * @param value signed, in units of the residual stream
   * @param share of what the layer writes there
   * @param input X[t,col]
   * @param weight W[row,col] as the checkpoint has it
   * @param output the down projection's output Y[t,row], of the expert where it has one
   * @param written what the layer's MLP writes there
   */
  record Part(
      Coordinate coordinate,
      double value,
      double share,
      float input,
      float weight,
      float output,
      float written) {

    double magnitude() {
      return Math.abs(value);
    }
  }

  long bytes() {
    return bytes;
  }

  /** What the MLP of a layer adds to the stream at a token and channel. */
  double written(Snapshot snapshot, int layer, int sequence, int token, int channel) {
    float[] written = snapshot.written(layer, sequence, token);
    return written == null ? 0 : written[channel] * model.architecture().residualScale();
  }

  /**
   * The parts of a written value that are at least {@code floor} by magnitude, the largest first.
   *
   * @param zeroed weights that the snapshot's version of the model has at zero
   */
  List<Part> parts(
      Snapshot snapshot,
      int layer,
      int sequence,
      int token,
      int channel,
      Set<Coordinate> zeroed,
      double floor) {
    List<Snapshot.Product> products = snapshot.products(layer, sequence, token);
    float[] written = snapshot.written(layer, sequence, token);
    double[] gains = gains(products, written, channel);
    double scale = model.architecture().residualScale();
    double total = written[channel] * scale;
    List<Part> parts = new ArrayList<>();
    for (int p = 0; p < products.size(); p++) {
      Snapshot.Product product = products.get(p);
      String name = partName(layer, product.expert());
      Matrix matrix = model.matrices().get(name);
      float[] row = model.device().row(matrix, channel);
      bytes += matrix.data().byteSize() / matrix.rows();
      for (int k = 0; k < row.length; k++) {
        double value = (double) product.input()[k] * row[k] * gains[p] * scale;
        if (Math.abs(value) < floor) {
          continue;
        }
        Coordinate coordinate = new Coordinate(name, channel, k);
        if (!zeroed.contains(coordinate)) {
          parts.add(
              new Part(
                  coordinate,
                  value,
                  total == 0 ? 0 : value / total,
                  product.input()[k],
                  row[k],
                  product.output()[channel],
                  (float) total));
        }
      }
    }
    parts.sort(
        Comparator.comparingDouble((Part part) -> -part.magnitude())
            .thenComparing(Part::coordinate));
    return parts;
  }

  /** The parts with the sign of {@code like}. */
  List<Part> partsOfSign(
      Snapshot snapshot,
      int layer,
      int sequence,
      int token,
      int channel,
      Set<Coordinate> zeroed,
      double floor,
      double like) {
    List<Part> parts = parts(snapshot, layer, sequence, token, channel, zeroed, floor);
    parts.removeIf(part -> part.value() * like < 0);
    return parts;
  }

  /** Canonical name of the down projection that a product came from. */
  private String partName(int layer, int expert) {
    if (expert >= 0) {
      return "layers." + layer + ".mlp.experts." + expert + ".down";
    }
    return "layers." + layer + (model.experts(layer) > 0 ? ".mlp.shared.down" : ".mlp.down");
  }

  /**
   * Whether the down projection's own output has the spike, and not only what a norm makes of it:
   * by the energy and the rarity that {@link SpikeSearch} asks of the stream.
   */
  boolean productSpikes(Snapshot snapshot, int layer, int sequence, int token, int channel) {
    return !model.postNorm()
        || snapshot.products(layer, sequence, token).stream()
            .anyMatch(product -> SpikeSearch.standsOut(product.output(), channel));
  }

  /**
   * The factor from each product to what is written. With experts they are the router's weights,
   * found as the least-squares solution of {@code written = Σ_e g_e · output_e} over all channels,
   * which is exact up to rounding because there are far fewer experts than channels.
   */
  private double[] gains(List<Snapshot.Product> products, float[] written, int channel) {
    int count = products.size();
    double[] gains = new double[count];
    if (count == 1 && products.getFirst().expert() < 0) {
      float output = products.getFirst().output()[channel];
      // Not the bias: a part of the product goes through the norm as the whole does.
      gains[0] = model.postNorm() ? (output == 0 ? 0 : written[channel] / (double) output) : 1;
      return gains;
    }
    double[][] normal = new double[count][count + 1];
    for (int a = 0; a < count; a++) {
      for (int b = 0; b < count; b++) {
        normal[a][b] = dot(products.get(a).output(), products.get(b).output());
      }
      normal[a][count] = dot(products.get(a).output(), written);
    }
    return solve(normal);
  }

  private static double dot(float[] a, float[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += (double) a[i] * b[i];
    }
    return sum;
  }

  /** Gaussian elimination with row pivoting of {@code [n][n + 1]}; zero for dependent columns. */
  private static double[] solve(double[][] m) {
    int n = m.length;
    for (int c = 0; c < n; c++) {
      int pivot = c;
      for (int r = c + 1; r < n; r++) {
        pivot = Math.abs(m[r][c]) > Math.abs(m[pivot][c]) ? r : pivot;
      }
      double[] swap = m[c];
      m[c] = m[pivot];
      m[pivot] = swap;
      if (m[c][c] == 0) {
        continue;
      }
      for (int r = 0; r < n; r++) {
        if (r != c) {
          double factor = m[r][c] / m[c][c];
          for (int k = c; k <= n; k++) {
            m[r][k] -= factor * m[c][k];
          }
        }
      }
    }
    double[] solution = new double[n];
    for (int i = 0; i < n; i++) {
      solution[i] = m[i][i] == 0 ? 0 : m[i][n] / m[i][i];
    }
    return solution;
  }
}
