package io.superweight.compute.cpu;

/** The error function in float64, for the exact GELU. */
final class ErrorFunction {
  private ErrorFunction() {}

  /**
   * Chebyshev coefficients of {@code log(erfc(z) / t) + z²} over {@code t = 2 / (2 + z)}, z ≥ 0,
   * computed with 40 digits from the function's definition. The first one left out is below 1e-17.
   */
  private static final double[] COEFFICIENTS = {
    -0.6513268598908547171,
    0.6419697923564902603,
    0.01947647320418583631,
    -0.009561514786808631642,
    -0.0009465953444820368663,
    0.0003668394978527614519,
    0.00004252332480690777164,
    -0.00002027857811253424315,
    -1.624290004647025513e-6,
    1.303655835580523202e-6,
    1.562644172206614318e-8,
    -8.523809591492654253e-8,
    6.529054439098851496e-9,
    5.059343495551468942e-9,
    -9.913641564930330867e-10,
    -2.273651222931835856e-10,
    9.646791102015526802e-11,
    2.394038083039114745e-12,
    -6.886027526497553398e-12,
    8.944879273090725717e-13,
    3.130921399342958078e-13,
    -1.127082236136725237e-13,
    3.810905255189232049e-16,
    7.106097613609236988e-15,
    -1.523028201457104305e-15,
    -9.457494571291233941e-17,
    1.210237189224278986e-16,
    -2.816663087747176912e-17,
  };

  /** {@code 2/√π ∫₀ˣ exp(−t²) dt}. */
  static double erf(double x) {
    return x < 0 ? erfcOfPositive(-x) - 1 : 1 - erfcOfPositive(x);
  }

  /** {@code 1 − erf(x)}, to a relative 1e-14 also where it is tiny. */
  static double erfc(double x) {
    return x < 0 ? 2 - erfcOfPositive(-x) : erfcOfPositive(x);
  }

  private static double erfcOfPositive(double z) {
    if (z == Double.POSITIVE_INFINITY) {
      return 0;
    }
    double t = 2 / (2 + z);
    double u = 2 * t - 1;
    // Clenshaw's recurrence.
    double next = 0;
    double afterNext = 0;
    for (int j = COEFFICIENTS.length - 1; j > 0; j--) {
      double now = 2 * u * next - afterNext + COEFFICIENTS[j];
      afterNext = next;
      next = now;
    }
    return t * Math.exp(-z * z + COEFFICIENTS[0] + u * next - afterNext);
  }
}
