package io.superweight.compute;

import io.superweight.InputException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.ServiceLoader;

/** The devices on the class path, and the choice among them. */
public final class Devices {
  /** Stands for the first device that this machine can run. */
  public static final String AUTO = "auto";

  private final List<DeviceProvider> providers;

  /** The choice among these. */
  public Devices(List<DeviceProvider> providers) {
    this.providers =
        providers.stream()
            .sorted(Comparator.comparingInt(DeviceProvider::preference).reversed())
            .toList();
  }

  /** Those that the modules on the class path bring along. */
  public static Devices onClassPath() {
    List<DeviceProvider> found = new ArrayList<>();
    ServiceLoader.load(DeviceProvider.class, Devices.class.getClassLoader()).forEach(found::add);
    return new Devices(found);
  }

  /** What can be asked for besides {@link #AUTO}, the preferred first. */
  public List<String> names() {
    return providers.stream().map(DeviceProvider::name).toList();
  }

  /** Whether this machine has the hardware of that device. */
  public boolean present(String name) {
    return providers.stream().anyMatch(p -> p.name().equals(name) && p.present());
  }

  /**
   * An open device.
   *
   * @param notice one line for the user where it is not the one that would have been preferred, or
   *     could be faster
   */
  public record Opened(Device device, Optional<String> notice) {}

  /** As {@link #open(String, DeviceRequest)}. */
  public Opened open(String name, int threads, Precision precision) {
    return open(name, DeviceRequest.of(threads, precision));
  }

  /**
   * Opens a device.
   *
   * @param name one of {@link #names()}, with a colon and a unit where there may be several, or
   *     {@link #AUTO}, which passes over what this machine cannot run and what does not suit
   * @throws InputException of kind USAGE for an unknown name; of the device's kind where the named
   *     one cannot run here
   */
  public Opened open(String name, DeviceRequest request) {
    if (!name.equals(AUTO)) {
      int colon = name.indexOf(':');
      String first = (colon < 0 ? name : name.substring(0, colon)).toLowerCase(Locale.ROOT);
      DeviceProvider provider =
          providers.stream()
              .filter(p -> p.name().equals(first) && (colon < 0 || p.numbered()))
              .findFirst()
              .orElseThrow(() -> unknown(name));
      String unit = colon < 0 ? "" : name.substring(colon + 1);
      return opened(provider.open(request.withUnit(unit)), Optional.empty());
    }
    Optional<String> passedOver = Optional.empty();
    for (DeviceProvider provider : providers) {
      if (!provider.suits(request)) {
        continue;
      }
      try {
        return opened(provider.open(request), passedOver);
      } catch (InputException unusable) {
        if (passedOver.isEmpty()) {
          passedOver = Optional.of(unusable.getMessage());
        }
      }
    }
    throw new IllegalStateException("no device on the class path");
  }

  private static Opened opened(Device device, Optional<String> passedOver) {
    return new Opened(
        device,
        passedOver
            .map(reason -> "Computing with the " + device.name() + " device: " + reason)
            .or(device::notice));
  }

  private InputException unknown(String name) {
    return new InputException(
        InputException.Kind.USAGE,
        "there is no device \""
            + name
            + "\": --device takes "
            + AUTO
            + ", "
            + String.join(", ", names()));
  }
}
