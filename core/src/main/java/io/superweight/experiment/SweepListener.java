package io.superweight.experiment;

/** Is told how far a sweep is. */
public interface SweepListener {
  /** Nobody. */
  SweepListener NONE = progress -> {};

  /** Once before the first batch, and after each that is in the store. */
  void progress(SweepProgress progress);
}
