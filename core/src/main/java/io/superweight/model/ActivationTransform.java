package io.superweight.model;

/** Replaces what flows through sites, for one variant of one pass. */
public interface ActivationTransform {
  /**
   * Whether {@link #transform} should be called for that site. Asked once for each site and pass.
   */
  boolean wants(Site site);

  /**
   * Whether what it writes at a token depends on no later one. Only then may what sequences begin
   * with be computed once for all of them, and a sequence be continued.
   */
  default boolean causal() {
    return true;
  }

  /** May write the values in place: once for each sequence. */
  void transform(Site site, SiteValues values);
}
