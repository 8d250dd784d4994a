package io.superweight.compute;

import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * What a device is asked for with.
 *
 * @param threads of the CPU, the calling one among them
 * @param unit which of several, as after the colon of {@code "cuda:1"}; empty for the first
 * @param weightBytes of the model that it will run; 0 where that is not known
 * @param memoryBytes of a device with memory of its own that weights may take; empty for what is
 *     free
 * @param libraries where its libraries lie; empty to look in the usual places
 */
public record DeviceRequest(
    int threads,
    Precision precision,
    String unit,
    long weightBytes,
    OptionalLong memoryBytes,
    Optional<Path> libraries) {

  /** With nothing asked for beside threads and precision. */
  public static DeviceRequest of(int threads, Precision precision) {
    return new DeviceRequest(threads, precision, "", 0, OptionalLong.empty(), Optional.empty());
  }

  DeviceRequest withUnit(String which) {
    return new DeviceRequest(threads, precision, which, weightBytes, memoryBytes, libraries);
  }
}
