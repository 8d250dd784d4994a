package io.superweight.measure;

import java.util.List;

/**
 * All that was measured.
 *
 * @param processor as the system names it
 * @param threads that computed
 * @param jvm version and vendor
 * @param devices a line each
 * @param ceilings one of each kind
 * @param skipped products that were left out because time was up
 * @param seconds that it took
 */
public record BenchReport(
    String processor,
    int threads,
    String jvm,
    List<String> devices,
    List<Ceiling> ceilings,
    List<ProductSpeed> products,
    int skipped,
    double seconds) {
  public BenchReport {
    devices = List.copyOf(devices);
    ceilings = List.copyOf(ceilings);
    products = List.copyOf(products);
  }
}
