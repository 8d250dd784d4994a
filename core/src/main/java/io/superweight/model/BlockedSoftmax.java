package io.superweight.model;

import io.superweight.compute.LogitBlock;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Puts the softmax of rows together that are seen in blocks of columns.
 *
 * <p>The divergence of two rows follows from the chain rule: within the blocks, weighted by what
 * they hold of the first row's probability, and between them (Cover and Thomas, Elements of
 * Information Theory, 2.5).
 */
final class BlockedSoftmax {
  private final List<double[]> logSumExps = new ArrayList<>();
  private final List<double[]> divergences = new ArrayList<>();
  private final float[] target;
  private final float[] largest;
  private final int[] argMax;

  BlockedSoftmax(int rows) {
    target = new float[rows];
    largest = new float[rows];
    argMax = new int[rows];
    Arrays.fill(target, Float.NaN);
  }

  /**
   * Adds the next columns.
   *
   * @param column the block's first
   * @param divergence {@code [rows]} of the block's softmax from that of the row's reference; 0
   *     where it has none
   */
  void add(LogitBlock block, int column, double[] divergence) {
    logSumExps.add(block.logSumExp());
    divergences.add(divergence);
    if (logSumExps.size() == 1 && column == 0) {
      System.arraycopy(block.target(), 0, target, 0, target.length);
      System.arraycopy(block.largest(), 0, largest, 0, largest.length);
      System.arraycopy(block.argMax(), 0, argMax, 0, argMax.length);
      return;
    }
    for (int r = 0; r < target.length; r++) {
      target[r] = Float.isNaN(block.target()[r]) ? target[r] : block.target()[r];
      if (logSumExps.size() == 1 || block.largest()[r] > largest[r]) {
        largest[r] = block.largest()[r];
        argMax[r] = column + block.argMax()[r];
      }
    }
  }

  private double logSumExp(int row) {
    if (logSumExps.size() == 1 && Double.isFinite(logSumExps.getFirst()[row])) {
      return logSumExps.getFirst()[row]; // as below
    }
    double max = Double.NEGATIVE_INFINITY;
    for (double[] block : logSumExps) {
      max = Math.max(max, block[row]); // NaN stays
    }
    double sum = 0;
    for (double[] block : logSumExps) {
      sum += Math.exp(block[row] - max);
    }
    return max + Math.log(sum);
  }

  /** The log-probability of a row's target, nats. */
  double logProbability(int row) {
    return target[row] - logSumExp(row);
  }

  /** Those of {@code count} rows from {@code row} on, while a device waits: in one go. */
  void logProbabilities(int row, int count, double[] into, int at) {
    double[] first = logSumExps.getFirst();
    boolean alone = logSumExps.size() == 1;
    for (int i = 0; i < count; i++) {
      double sum = first[row + i];
      boolean finite = sum - sum == 0;
      into[at + i] = alone && finite ? target[row + i] - sum : logProbability(row + i);
    }
  }

  int greedy(int row) {
    return argMax[row];
  }

  void greedy(int row, int count, int[] into, int at) {
    System.arraycopy(argMax, row, into, at, count);
  }

  /** The divergence of a row's softmax from that of another, nats. */
  double divergence(int reference, int row) {
    double p = logSumExp(reference);
    double q = logSumExp(row);
    double sum = 0;
    for (int b = 0; b < logSumExps.size(); b++) {
      double ofBlock = logSumExps.get(b)[reference] - p;
      double weight = Math.exp(ofBlock);
      // What has no probability has no part, however improbable it is in q.
      if (weight != 0) {
        sum += weight * (divergences.get(b)[row] + ofBlock - (logSumExps.get(b)[row] - q));
      }
    }
    return sum;
  }
}
