package io.superweight.find;

/**
 * A spike of the residual stream: one channel at one token over consecutive layers.
 *
 * @param sequence index of the prompt
 * @param token index among the held tokens
 * @param position of the token in its prompt
 * @param channel of the stream
 * @param from first layer whose writes have a part in it: the stream entering it holds less than a
 *     tenth of the peak; −1 where the embedding has a part
 * @param onset first layer that it leaves with at least half of its peak
 * @param peakLayer layer that it leaves with its peak
 * @param lastLayer last layer of the run that it leaves with at least half of its peak
 * @param peak signed value there
 * @param base signed value that enters layer {@code from}
 */
record Episode(
    int sequence,
    int token,
    int position,
    int channel,
    int from,
    int onset,
    int peakLayer,
    int lastLayer,
    float peak,
    float base) {

  /** Layers that read it and pass it on: it enters and leaves them. */
  int carriers() {
    return lastLayer - onset;
  }

  float magnitude() {
    return Math.abs(peak);
  }
}
