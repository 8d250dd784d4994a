package io.superweight.model;

/** Replaces what flows through sites, for one variant of one pass. */
public interface ActivationTransform {
  /**
   * Whether {@link #transform} should be called for that site. Asked once for each site and pass.
   */
  boolean wants(Site site);

  /**
   * May write the values in place: once for each sequence. What it writes at a token may depend on
   * later ones.
   */
  void transform(Site site, SiteValues values);
}
