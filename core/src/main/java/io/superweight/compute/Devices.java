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

  Devices(List<DeviceProvider> providers) {
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

  /**
   * An open device.
   *
   * @param notice one line for the user where it is not the one that would have been preferred, or
   *     could be faster
   */
  public record Opened(Device device, Optional<String> notice) {}

  /**
   * Opens a device.
   *
   * @param name one of {@link #names()}, or {@link #AUTO}, which passes over what this machine
   *     cannot run
   * @throws InputException of kind USAGE for an unknown name; of the device's kind where the named
   *     one cannot run here
   */
  public Opened open(String name, int threads, Precision precision) {
    if (!name.equals(AUTO)) {
      DeviceProvider provider =
          providers.stream()
              .filter(p -> p.name().equals(name.toLowerCase(Locale.ROOT)))
              .findFirst()
              .orElseThrow(() -> unknown(name));
      return opened(provider.open(threads, precision), Optional.empty());
    }
    Optional<String> passedOver = Optional.empty();
    for (DeviceProvider provider : providers) {
      try {
        return opened(provider.open(threads, precision), passedOver);
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
