package io.superweight.compute.cpu;

import static io.superweight.compute.cpu.VectorTiles.SPECIES;

import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.LongVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * Transcendental functions by polynomials that were fitted (Chebyshev interpolation, 50 digits) to
 * the functions' definitions. Results are within two units in the last place of float32 unless said
 * otherwise; infinities and NaN give what {@link Math} gives.
 */
final class VectorMath {
  private static final VectorSpecies<Integer> INTS = SPECIES.withLanes(int.class);
  private static final VectorSpecies<Double> DOUBLES = DoubleVector.SPECIES_PREFERRED;
  private static final VectorSpecies<Long> LONGS = DOUBLES.withLanes(long.class);

  /** Added and taken away again, it rounds to a whole number. */
  private static final float ROUND = 0x1.8p23f;

  private static final double ROUND_DOUBLE = 0x1.8p52;
  private static final float LOG2_E = 1.44269504f;

  /** log 2 in two parts, of which the first has so few bits that multiples of it are exact. */
  private static final float LOG_2_HIGH = 0.693359375f;

  private static final float LOG_2_LOW = -2.12194440e-4f;
  private static final double LOG_2_HIGH_DOUBLE = 0.6931467056274414;
  private static final double LOG_2_LOW_DOUBLE = 4.7493250390316723e-7;

  private VectorMath() {}

  /** {@code exp(x)}. */
  static FloatVector exp(FloatVector x) {
    // Beyond these ends the result is 0 or infinite anyway; max and min keep NaN.
    FloatVector in = x.max(-104f).min(89f);
    FloatVector n = in.mul(LOG2_E).add(ROUND).sub(ROUND);
    FloatVector r = n.fma(broadcast(-LOG_2_HIGH), in);
    r = n.fma(broadcast(-LOG_2_LOW), r);
    FloatVector p = ofRest(r);
    // 2ⁿ in two steps, since n alone may lie outside of the exponent's range.
    IntVector whole = (IntVector) n.convert(VectorOperators.F2I, 0);
    IntVector half = whole.lanewise(VectorOperators.ASHR, 1);
    return p.mul(powerOfTwo(half)).mul(powerOfTwo(whole.sub(half)));
  }

  /**
   * {@code exp(x)} for x up to 0, as a softmax needs it; 0 where it is below 1.6e-38. A third of
   * the instructions: 2ⁿ is added to the exponent, with the bits that rounding has left it in.
   */
  static FloatVector expUpToZero(FloatVector x) {
    VectorMask<Float> nothing = x.compare(VectorOperators.LT, -87f);
    FloatVector shifted = x.fma(broadcast(LOG2_E), broadcast(ROUND));
    FloatVector n = shifted.sub(ROUND);
    FloatVector r = n.fma(broadcast(-LOG_2_HIGH), x);
    r = n.fma(broadcast(-LOG_2_LOW), r);
    IntVector power = shifted.reinterpretAsInts().lanewise(VectorOperators.LSHL, 23);
    return ofRest(r).reinterpretAsInts().add(power).reinterpretAsFloats().blend(0, nothing);
  }

  /** {@code exp(r)} for |r| ≤ log(2)/2. */
  private static FloatVector ofRest(FloatVector r) {
    // (exp(r) − 1 − r) / r², to 1e-8 of exp(r).
    FloatVector p = broadcast(0.00139336435225f);
    p = p.fma(r, broadcast(0.00836317556547f));
    p = p.fma(r, broadcast(0.0416664649761f));
    p = p.fma(r, broadcast(0.166665770032f));
    p = p.fma(r, broadcast(0.500000001346f));
    return p.fma(r.mul(r), r).add(1f);
  }

  private static FloatVector powerOfTwo(IntVector n) {
    return n.add(127).lanewise(VectorOperators.LSHL, 23).reinterpretAsFloats();
  }

  /**
   * {@code exp(x)} for x from −708 to 709, to a relative 1e-15; below it something that is below
   * 1e-300.
   */
  static DoubleVector exp(DoubleVector x) {
    DoubleVector in = x.max(-708d);
    DoubleVector shifted = in.mul(1.44269504088896340736).add(ROUND_DOUBLE);
    DoubleVector n = shifted.sub(ROUND_DOUBLE);
    DoubleVector r = n.fma(broadcast(-LOG_2_HIGH_DOUBLE), in);
    r = n.fma(broadcast(-LOG_2_LOW_DOUBLE), r);
    DoubleVector p = broadcast(2.5105207064644238e-8);
    p = p.fma(r, broadcast(2.762007691611333e-7));
    p = p.fma(r, broadcast(2.7557255423879842e-6));
    p = p.fma(r, broadcast(2.4801521319879673e-5));
    p = p.fma(r, broadcast(0.00019841269874802173));
    p = p.fma(r, broadcast(0.0013888888917198588));
    p = p.fma(r, broadcast(0.0083333333333261403));
    p = p.fma(r, broadcast(0.041666666666624157));
    p = p.fma(r, broadcast(0.16666666666666671));
    p = p.fma(r, broadcast(0.5));
    p = p.fma(r.mul(r), r).add(1d);
    // The low bits of the shifted number are n.
    LongVector exponent = shifted.reinterpretAsLongs().lanewise(VectorOperators.LSHL, 52);
    return p.reinterpretAsLongs().add(exponent).reinterpretAsDoubles();
  }

  /** {@code tanh(x)}. */
  static FloatVector tanh(FloatVector x) {
    FloatVector size = x.abs();
    // Small x: x + x³ · P(x²), to 2e-8.
    FloatVector square = x.mul(x);
    FloatVector p = broadcast(-0.00610494801144f);
    p = p.fma(square, broadcast(0.0210036412209f));
    p = p.fma(square, broadcast(-0.0538524974686f));
    p = p.fma(square, broadcast(0.13332782264f));
    p = p.fma(square, broadcast(-0.333333290996f));
    FloatVector small = p.mul(square).fma(x, x);
    // Others: 1 − 2 / (exp(2|x|) + 1), with the sign of x.
    FloatVector large = broadcast(1f).sub(broadcast(2f).div(exp(size.add(size)).add(1f)));
    IntVector sign = x.reinterpretAsInts().and(0x80000000);
    large = large.reinterpretAsInts().or(sign).reinterpretAsFloats();
    return large.blend(small, size.compare(VectorOperators.LT, 0.625f));
  }

  /** {@code x / (1 + exp(−x))}. */
  static FloatVector silu(FloatVector x) {
    FloatVector e = expUpToZero(x.abs().neg());
    return x.div(e.add(1f)).mul(broadcast(1f).blend(e, x.compare(VectorOperators.LT, 0f)));
  }

  /** {@code x · Φ(x)} with the error function. */
  static FloatVector gelu(FloatVector x) {
    FloatVector z = x.abs().mul(0.70710678f).min(14f);
    FloatVector tail = erfc(z).mul(0.5f);
    FloatVector phi = tail.blend(broadcast(1f).sub(tail), x.compare(VectorOperators.GE, 0f));
    return x.mul(phi);
  }

  /** The complementary error function, for z from 0 to 14, to a relative 5e-7. */
  static FloatVector erfc(FloatVector z) {
    FloatVector t = broadcast(2f).div(z.add(2f));
    // erfc(z) · exp(z²) / t over t from 0 to 1, to 1.2e-8.
    FloatVector q = broadcast(0.0431729649761f);
    q = q.fma(t, broadcast(-0.234604960063f));
    q = q.fma(t, broadcast(0.493384547238f));
    q = q.fma(t, broadcast(-0.454562213879f));
    q = q.fma(t, broadcast(0.131848880496f));
    q = q.fma(t, broadcast(-0.059050347138f));
    q = q.fma(t, broadcast(0.0934145783151f));
    q = q.fma(t, broadcast(0.175324105878f));
    q = q.fma(t, broadcast(0.246883876942f));
    q = q.fma(t, broadcast(0.282093776899f));
    q = q.fma(t, broadcast(0.282094795064f));
    // z² with what its rounding took away.
    FloatVector square = z.mul(z);
    FloatVector lost = z.fma(z, square.neg());
    FloatVector e = exp(square.neg());
    return e.sub(e.mul(lost)).mul(t.mul(q));
  }

  /**
   * {@code x · sigmoid(2u)}, which is {@code x/2 · (1 + tanh(u))}, for {@code u = √(2/π) (x +
   * 0.044715 x³)}.
   */
  static FloatVector geluTanh(FloatVector x) {
    // Beyond ±12 the sigmoid is 0 or 1, and x³ could overflow.
    FloatVector in = x.max(-12f).min(12f);
    FloatVector u = in.mul(in).fma(broadcast(0.044715f), broadcast(1f)).mul(in).mul(1.5957691f);
    return x.div(exp(u.neg()).add(1f));
  }

  private static FloatVector broadcast(float value) {
    return FloatVector.broadcast(SPECIES, value);
  }

  private static DoubleVector broadcast(double value) {
    return DoubleVector.broadcast(DOUBLES, value);
  }

  /** As {@link Bfloat16#round}. */
  static FloatVector roundToBfloat16(FloatVector x) {
    IntVector bits = x.reinterpretAsInts();
    IntVector odd = bits.lanewise(VectorOperators.LSHR, 16).and(1);
    FloatVector nearest = bits.add(0x7fff).add(odd).and(0xffff0000).reinterpretAsFloats();
    return nearest.blend(x, x.test(VectorOperators.IS_NAN));
  }
}
