package io.superweight.find;

/**
 * Whether enough layers read a spike. It must enter and leave at least one layer in eight (and
 * one): gone sooner it is a blip. And at least as many layers, and two, must be left below it when
 * it is written: later it is an echo, which nothing but the output head can make much of. The late
 * spikes that the paper's recipe takes for super weights are of that kind (reference: the false
 * finds of its replications are all in the last layers).
 *
 * @param layers of the model
 */
record Persistence(int layers) {
  private static final int ONE_IN = 8;
  private static final int LEFT_AT_LEAST = 2;

  boolean carried(Episode episode) {
    return episode.carriers() >= share() && !late(episode.onset());
  }

  /** Whether too few layers are left to read what a layer writes. */
  boolean late(int layer) {
    return layers - 1 - layer < Math.max(LEFT_AT_LEAST, share());
  }

  private int share() {
    return (layers + ONE_IN - 1) / ONE_IN;
  }

  /** Why a spike that is not carried is none: the rest of a sentence about it. */
  String words(Episode episode) {
    return late(episode.onset())
        ? lateWords(episode.onset())
        : "gone again after layer " + episode.lastLayer();
  }

  String lateWords(int layer) {
    int left = layers - 1 - layer;
    return "written in layer "
        + layer
        + " of "
        + layers
        + ", where "
        + (left == 0
            ? "only the output head can"
            : left == 1 ? "one layer is left to" : "only " + left + " layers are left to")
        + " read it";
  }
}
