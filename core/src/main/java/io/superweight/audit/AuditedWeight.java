package io.superweight.audit;

import io.superweight.model.Coordinate;

/**
 * A super weight before and after quantization. What was not measured is NaN.
 *
 * @param weight where it is
 * @param before its value in the base, or the published one where there is no base
 * @param after its value in the quantized model
 * @param relativeError {@code |after − before| / |before|}
 * @param storedAs how the quantized model stores its matrix, {@code Q4_0} or {@code GPTQ 4-bit};
 *     empty where it has no such place
 * @param step the distance of neighbouring values in its block ({@link
 *     io.superweight.tensor.Dequantizer#step}, {@link
 *     io.superweight.checkpoint.Checkpoint.PackedElement})
 * @param rank by magnitude in its matrix of the quantized model, 1 being the largest
 * @param activationBefore the residual stream at its output channel behind its layer, in the base,
 *     at the token of the prompt where that is largest
 * @param activationAfter the same of the quantized model, at the same token
 * @param position of that token, −1 for none
 * @param state what became of it
 */
public record AuditedWeight(
    Coordinate weight,
    double before,
    double after,
    double relativeError,
    String storedAs,
    double step,
    long rank,
    double activationBefore,
    double activationAfter,
    int position,
    State state) {

  /** Up to here a weight is kept. */
  static final double KEPT = 0.1;

  /** Beyond it is lost: more than half of it is gone, or another half came to it. */
  static final double LOST = 0.5;

  /** What became of a weight. */
  public enum State {
    /** Within a tenth of its value. */
    KEPT("kept"),
    /** Within half of its value. */
    MOVED("moved"),
    /** No longer within half of its value: zeroed, clipped, turned round. */
    LOST("lost"),
    /** No value to compare with is known, but it is among the largest of its matrix. */
    PROMINENT("prominent"),
    /** The model has no such place. */
    NO_SUCH_PLACE("no such place");

    private final String text;

    State(String text) {
      this.text = text;
    }

    /** For people. */
    public String text() {
      return text;
    }

    static State of(double relativeError) {
      if (relativeError <= AuditedWeight.KEPT) {
        return KEPT;
      }
      return relativeError <= AuditedWeight.LOST ? MOVED : LOST; // also where it is no number
    }
  }

  /** {@code after / before} of the activation. */
  public double activationLeft() {
    return activationAfter / activationBefore;
  }
}
