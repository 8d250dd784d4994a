package io.superweight.model;

import io.superweight.InputException;
import io.superweight.checkpoint.ModelConfig;
import io.superweight.tensor.DType;
import java.util.List;

/**
 * Rotary position embedding of one kind of layer: which frequencies, how they are stretched for
 * long contexts. Formulas: transformers' {@code modeling_rope_utils}.
 *
 * @param theta base of the frequencies
 * @param dims channels of a head that are rotated (the first ones)
 * @param maxPositions the context that the config promises
 * @param scaling how frequencies are stretched
 * @param frequencyType what the frequencies are rounded to: F32 as in transformers' {@code
 *     from_pretrained}; F16 or BF16 as after {@code model.to(dtype)}, which casts them with the
 *     weights
 */
public record RopeSpec(
    double theta, int dims, int maxPositions, Scaling scaling, DType frequencyType) {

  /** How frequencies are changed for contexts longer than the ones trained on. */
  public sealed interface Scaling {
    /** Unchanged. */
    record None() implements Scaling {}

    /** All positions divided by {@code factor} (Chen et al. 2023). */
    record Linear(double factor) implements Scaling {}

    /**
     * The base grows with the sequence once it is longer than the trained context ("NTK-aware").
     */
    record Dynamic(double factor) implements Scaling {}

    /** Low frequencies interpolated, high ones kept, a ramp between (Peng et al. 2023). */
    record Yarn(
        double factor,
        double betaFast,
        double betaSlow,
        int originalPositions,
        double attentionFactor,
        boolean truncate)
        implements Scaling {}

    /** The ramp of Llama 3.1, in wavelengths. */
    record Llama3(double factor, double lowFrequency, double highFrequency, int originalPositions)
        implements Scaling {}

    /** One factor a frequency, a list for short and one for long sequences (Ding et al. 2024). */
    record LongRope(
        List<Double> shortFactors,
        List<Double> longFactors,
        int originalPositions,
        double attentionFactor)
        implements Scaling {
      public LongRope {
        shortFactors = List.copyOf(shortFactors);
        longFactors = List.copyOf(longFactors);
      }
    }

    /**
     * Each frequency divided by a factor that the checkpoint stores (GGUF's {@code rope_freqs}).
     */
    record Stored(List<Double> factors) implements Scaling {
      public Stored {
        factors = List.copyOf(factors);
      }
    }
  }

  /**
   * Reads {@code rope_parameters}.
   *
   * @param rope the section, in transformers 5 key names
   * @param headDim channels of a head
   * @param maxPositions {@code max_position_embeddings}
   * @param config the whole config: Phi-3 keeps {@code original_max_position_embeddings} there
   */
  public static RopeSpec of(ModelConfig rope, int headDim, int maxPositions, ModelConfig config) {
    double theta = rope.number("rope_theta", 10_000);
    double partial = rope.number("partial_rotary_factor", 1);
    int dims = (int) (headDim * partial);
    if (dims <= 0 || dims > headDim || dims % 2 != 0) {
      throw new InputException(
          InputException.Kind.MALFORMED,
          rope.source() + ": partial_rotary_factor " + partial + " rotates no even part of a head");
    }
    int original =
        rope.count(
            "original_max_position_embeddings",
            config.count("original_max_position_embeddings", maxPositions));
    String type = rope.text("rope_type", "default");
    Scaling scaling =
        switch (type) {
          case "default" -> new Scaling.None();
          case "linear" -> new Scaling.Linear(rope.number("factor"));
          case "dynamic" -> new Scaling.Dynamic(rope.number("factor"));
          case "llama3" ->
              new Scaling.Llama3(
                  rope.number("factor"),
                  rope.number("low_freq_factor"),
                  rope.number("high_freq_factor"),
                  original);
          case "yarn" -> {
            double factor = rope.number("factor", (double) maxPositions / original);
            yield new Scaling.Yarn(
                factor,
                rope.number("beta_fast", 32),
                rope.number("beta_slow", 1),
                original,
                yarnAttentionFactor(rope, factor),
                rope.flag("truncate", true));
          }
          case "stored" -> new Scaling.Stored(factors(rope, "factors", dims / 2));
          case "longrope", "su" -> {
            double factor =
                rope.has("factor") && original == maxPositions
                    ? rope.number("factor")
                    : (double) maxPositions / original;
            double attention =
                rope.number(
                    "attention_factor",
                    factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(original)));
            yield new Scaling.LongRope(
                factors(rope, "short_factor", dims / 2),
                factors(rope, "long_factor", dims / 2),
                original,
                attention);
          }
          default ->
              throw new InputException(
                  InputException.Kind.UNSUPPORTED,
                  rope.source()
                      + ": rope_type \""
                      + type
                      + "\" is not known; known are default, linear, dynamic, yarn, llama3, longrope");
        };
    return new RopeSpec(theta, dims, maxPositions, scaling, DType.F32);
  }

  private static double yarnAttentionFactor(ModelConfig rope, double factor) {
    if (rope.has("attention_factor")) {
      return rope.number("attention_factor");
    }
    double mscale = rope.number("mscale", 0);
    double allDims = rope.number("mscale_all_dim", 0);
    return mscale != 0 && allDims != 0
        ? magnitude(factor, mscale) / magnitude(factor, allDims)
        : magnitude(factor, 1);
  }

  private static double magnitude(double factor, double mscale) {
    return factor <= 1 ? 1 : 0.1 * mscale * Math.log(factor) + 1;
  }

  private static List<Double> factors(ModelConfig rope, String key, int count) {
    List<Double> factors =
        rope.list(key).stream()
            .map(v -> v instanceof Number n ? n.doubleValue() : Double.NaN)
            .toList();
    if (factors.size() != count || factors.stream().anyMatch(f -> !(f > 0))) {
      throw new InputException(
          InputException.Kind.MALFORMED,
          rope.source() + ": " + key + " must be " + count + " positive numbers");
    }
    return factors;
  }

  /** The same with its frequencies rounded to a type. */
  RopeSpec withFrequencyType(DType type) {
    return new RopeSpec(theta, dims, maxPositions, scaling, type);
  }

  /** Factor of the cosines and sines. */
  double attentionFactor() {
    return switch (scaling) {
      case Scaling.Yarn yarn -> yarn.attentionFactor();
      case Scaling.LongRope longRope -> longRope.attentionFactor();
      default -> 1;
    };
  }

  /**
   * Radians per position of each channel pair, {@code [dims / 2]}.
   *
   * @param length tokens of the longest sequence, which some scalings depend on
   */
  float[] frequencies(int length) {
    int pairs = dims / 2;
    float[] frequencies = new float[pairs];
    double base = theta;
    if (scaling instanceof Scaling.Dynamic(double factor) && length > maxPositions) {
      base *= Math.pow(factor * length / maxPositions - (factor - 1), dims / (double) (dims - 2));
    }
    for (int i = 0; i < pairs; i++) {
      double plain = 1 / Math.pow(base, 2.0 * i / dims);
      frequencies[i] = rounded((float) scaled(plain, i, length));
    }
    return frequencies;
  }

  private float rounded(float frequency) {
    return switch (frequencyType) {
      case F16 -> Float.float16ToFloat(Float.floatToFloat16(frequency));
      case BF16 -> {
        int bits = Float.floatToRawIntBits(frequency);
        yield Float.intBitsToFloat((bits + 0x7fff + ((bits >>> 16) & 1)) & 0xffff0000);
      }
      default -> frequency;
    };
  }

  private double scaled(double plain, int pair, int length) {
    return switch (scaling) {
      case Scaling.None() -> plain;
      case Scaling.Dynamic(double factor) -> plain;
      case Scaling.Linear(double factor) -> plain / factor;
      case Scaling.Stored(List<Double> factors) -> plain / factors.get(pair);
      case Scaling.LongRope s ->
          plain / (length > s.originalPositions() ? s.longFactors() : s.shortFactors()).get(pair);
      case Scaling.Llama3 s -> {
        double wavelength = 2 * Math.PI / plain;
        if (wavelength < s.originalPositions() / s.highFrequency()) {
          yield plain;
        }
        if (wavelength > s.originalPositions() / s.lowFrequency()) {
          yield plain / s.factor();
        }
        double smooth =
            (s.originalPositions() / wavelength - s.lowFrequency())
                / (s.highFrequency() - s.lowFrequency());
        yield (1 - smooth) * plain / s.factor() + smooth * plain;
      }
      case Scaling.Yarn s -> {
        double low = yarnDimension(s.betaFast(), s.originalPositions());
        double high = yarnDimension(s.betaSlow(), s.originalPositions());
        if (s.truncate()) {
          low = Math.floor(low);
          high = Math.ceil(high);
        }
        low = Math.max(low, 0);
        high = Math.min(high, dims - 1);
        double ramp = Math.clamp((pair - low) / (high == low ? 0.001 : high - low), 0.0, 1.0);
        yield plain / s.factor() * ramp + plain * (1 - ramp);
      }
    };
  }

  private double yarnDimension(double rotations, int originalPositions) {
    return dims * Math.log(originalPositions / (rotations * 2 * Math.PI)) / (2 * Math.log(theta));
  }

  /** A number that two sequence lengths share exactly when their frequencies are the same. */
  int regime(int length) {
    return switch (scaling) {
      case Scaling.Dynamic d -> Math.max(length, maxPositions);
      case Scaling.LongRope s -> length > s.originalPositions() ? 1 : 0;
      default -> 0;
    };
  }
}
