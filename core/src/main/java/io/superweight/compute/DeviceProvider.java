package io.superweight.compute;

import io.superweight.InputException;

/**
 * A device that a module brings along, found by {@link java.util.ServiceLoader}. Making a provider
 * loads nothing; only {@link #open} does.
 */
public interface DeviceProvider {
  /** What the user calls it: {@code "onednn"}. */
  String name();

  /** Where nobody names a device, those of higher preference are tried first; Java's has 0. */
  int preference();

  /**
   * Opens the device.
   *
   * @param threads of the CPU, the calling one among them
   * @throws InputException of kind UNSUPPORTED or OUTPUT where this machine cannot run it; one line
   *     that says why
   */
  Device open(int threads, Precision precision);
}
