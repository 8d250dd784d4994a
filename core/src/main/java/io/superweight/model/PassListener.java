package io.superweight.model;

/**
 * Is told how far a pass is, for a progress line. Called from the thread of the pass; must be
 * quick.
 */
@FunctionalInterface
public interface PassListener {
  /** Nobody. */
  PassListener NONE = (layer, layers) -> {};

  /** A layer is done; {@code layer} counts from 1, and is 0 when the pass begins. */
  void layerDone(int layer, int layers);
}
