package io.superweight.compute.cpu;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/**
 * Sums over a row in float64: element i is added to lane {@code i mod lanes}, and the lanes from
 * the first to the last.
 */
final class VectorReductions {
  private static final VectorSpecies<Double> DOUBLES = DoubleVector.SPECIES_PREFERRED;
  static final int LANES = DOUBLES.length();

  /** As many floats as there are doubles in a vector. */
  static final VectorSpecies<Float> FLOATS =
      VectorSpecies.of(float.class, VectorShape.forBitSize(DOUBLES.vectorBitSize() / 2));

  private VectorReductions() {}

  /** {@code Σ (x[i] − center)²}. */
  static double squares(MemorySegment x, int cols, double center) {
    DoubleVector sum = DoubleVector.zero(DOUBLES);
    DoubleVector other = sum; // so that not every addition waits for the one before
    int i = 0;
    for (; i <= cols - 2 * LANES; i += 2 * LANES) {
      DoubleVector v = load(x, i).sub(center);
      DoubleVector w = load(x, i + LANES).sub(center);
      sum = v.fma(v, sum);
      other = w.fma(w, other);
    }
    sum = sum.add(other);
    for (; i <= cols - LANES; i += LANES) {
      DoubleVector v = load(x, i).sub(center);
      sum = v.fma(v, sum);
    }
    if (i < cols) {
      DoubleVector v = loadTail(x, i, cols, center).sub(center);
      sum = v.fma(v, sum);
    }
    return total(sum);
  }

  /** {@code Σ x[i]}. */
  static double sum(MemorySegment x, int cols) {
    DoubleVector sum = DoubleVector.zero(DOUBLES);
    int i = 0;
    for (; i <= cols - LANES; i += LANES) {
      sum = sum.add(load(x, i));
    }
    if (i < cols) {
      sum = sum.add(loadTail(x, i, cols, 0));
    }
    return total(sum);
  }

  /** {@code (x[i] − mean) · inverse} in float64, rounded once, of {@link #LANES} elements. */
  static FloatVector standard(
      MemorySegment x, int i, VectorMask<Float> inside, double mean, double inverse) {
    DoubleVector wide =
        (DoubleVector) floats(x, i, inside).convertShape(VectorOperators.F2D, DOUBLES, 0);
    return (FloatVector) wide.sub(mean).mul(inverse).convertShape(VectorOperators.D2F, FLOATS, 0);
  }

  static FloatVector floats(MemorySegment x, int i, VectorMask<Float> inside) {
    return FloatVector.fromMemorySegment(FLOATS, x, 4L * i, ByteOrder.nativeOrder(), inside);
  }

  /** {@code log Σ exp(x[i])}. */
  static double logSumExp(MemorySegment x, int cols) {
    double max = max(x, cols);
    DoubleVector sum = DoubleVector.zero(DOUBLES);
    int i = 0;
    for (; i <= cols - LANES; i += LANES) {
      sum = sum.add(VectorMath.exp(load(x, i).sub(max)));
    }
    if (i < cols) {
      sum = sum.add(VectorMath.exp(loadTail(x, i, cols, Double.NEGATIVE_INFINITY).sub(max)));
    }
    return max + Math.log(total(sum));
  }

  /** {@code Σ p log(p/q)} of the softmaxes p and q. */
  static double divergence(MemorySegment p, MemorySegment q, int cols) {
    double max = max(p, cols);
    DoubleVector sum = DoubleVector.zero(DOUBLES);
    DoubleVector weighted = DoubleVector.zero(DOUBLES);
    for (int i = 0; i < cols; i += LANES) {
      boolean whole = i <= cols - LANES;
      DoubleVector x = whole ? load(p, i) : loadTail(p, i, cols, Double.NEGATIVE_INFINITY);
      DoubleVector y = whole ? load(q, i) : loadTail(q, i, cols, 0);
      DoubleVector e = VectorMath.exp(x.sub(max));
      sum = sum.add(e);
      // What has no probability has no part, however improbable it is in q.
      VectorMask<Double> none = e.compare(VectorOperators.LT, 1e-300);
      weighted = weighted.add(e.mul(x.sub(y)).blend(0, none));
    }
    double total = total(sum);
    double logP = max + Math.log(total);
    return total(weighted) / total - (logP - logSumExp(q, cols));
  }

  /** Columns that are looked through one by one once the largest is known to be among them. */
  private static final int STRETCH = 512;

  /** The first column of the largest value; NaN is never largest, but in column 0. */
  static int argMax(MemorySegment x, int cols) {
    int stretch = 0;
    float best = Float.NEGATIVE_INFINITY;
    for (int from = 0; from < cols; from += STRETCH) {
      float largest = max(x.asSlice(4L * from), Math.min(STRETCH, cols - from));
      if (!(largest <= best)) { // NaN, too: to be looked at
        if (Float.isNaN(largest)) {
          return first(x, 0, cols);
        }
        best = largest;
        stretch = from;
      }
    }
    return first(x, stretch, Math.min(cols, stretch + STRETCH));
  }

  private static int first(MemorySegment x, int from, int to) {
    int best = from;
    float max = x.getAtIndex(ValueLayout.JAVA_FLOAT, from);
    for (int i = from + 1; i < to; i++) {
      float value = x.getAtIndex(ValueLayout.JAVA_FLOAT, i);
      if (value > max) {
        max = value;
        best = i;
      }
    }
    return best;
  }

  private static float max(MemorySegment x, int cols) {
    FloatVector max = FloatVector.broadcast(FLOATS, Float.NEGATIVE_INFINITY);
    int i = 0;
    for (; i <= cols - LANES; i += LANES) {
      max = max.max(FloatVector.fromMemorySegment(FLOATS, x, 4L * i, ByteOrder.nativeOrder()));
    }
    if (i < cols) {
      VectorMask<Float> inside = FLOATS.indexInRange(i, cols);
      FloatVector rest =
          FloatVector.fromMemorySegment(FLOATS, x, 4L * i, ByteOrder.nativeOrder(), inside);
      max = max.max(rest.blend(Float.NEGATIVE_INFINITY, inside.not()));
    }
    return max.reduceLanes(VectorOperators.MAX);
  }

  private static DoubleVector load(MemorySegment x, int i) {
    FloatVector floats = FloatVector.fromMemorySegment(FLOATS, x, 4L * i, ByteOrder.nativeOrder());
    return (DoubleVector) floats.convertShape(VectorOperators.F2D, DOUBLES, 0);
  }

  /** The rest of a row, followed by {@code filling}. */
  private static DoubleVector loadTail(MemorySegment x, int i, int cols, double filling) {
    VectorMask<Float> inside = FLOATS.indexInRange(i, cols);
    FloatVector floats =
        FloatVector.fromMemorySegment(FLOATS, x, 4L * i, ByteOrder.nativeOrder(), inside);
    DoubleVector doubles = (DoubleVector) floats.convertShape(VectorOperators.F2D, DOUBLES, 0);
    return doubles.blend(filling, DOUBLES.indexInRange(i, cols).not());
  }

  private static double total(DoubleVector lanes) {
    double total = 0;
    for (double lane : lanes.toArray()) {
      total += lane;
    }
    return total;
  }
}
