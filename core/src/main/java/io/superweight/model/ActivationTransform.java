package io.superweight.model;

/** Replaces what flows through sites, for one variant of one pass. */
public interface ActivationTransform {
  /** Whether it has to do with that site: sequences are whole there, and no row is left out. */
  boolean wants(Site site);

  /**
   * Whether {@link #transform} is to be called for a site that it wants. Values that it leaves as
   * they are need not be brought from a device and back.
   */
  default boolean changes(Site site) {
    return wants(site);
  }

  /**
   * May write the values in place: once for each sequence. What it writes at a token may depend on
   * later ones.
   */
  void transform(Site site, SiteValues values);
}
