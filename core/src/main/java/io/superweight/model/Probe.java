package io.superweight.model;

/** Observes sites during one pass. Called from one thread, in the order of the forward pass. */
public interface Probe {
  /** Whether {@link #observe} should be called for that site. Asked once for each site and pass. */
  boolean wants(Site site);

  /** Sees the values at a site: once for each sequence and variant. */
  void observe(Site site, SiteValues values);
}
