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

  /**
   * Opens the device as somebody asked for it.
   *
   * @throws InputException as {@link #open(int, Precision)}; of kind USAGE for a unit that it does
   *     not have
   */
  default Device open(DeviceRequest request) {
    return open(request.threads(), request.precision());
  }

  /** Whether there may be several of it, so that one can be named: {@code "cuda:1"}. */
  default boolean numbered() {
    return false;
  }

  /** Whether this machine has such hardware, as far as a look that takes no time can tell. */
  default boolean present() {
    return true;
  }

  /**
   * Whether it is worth trying where nobody named a device. A look at the machine that takes no
   * time; {@link #open(DeviceRequest)} may still find that it cannot.
   */
  default boolean suits(DeviceRequest request) {
    return true;
  }
}
