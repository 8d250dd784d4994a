package io.superweight.cuda;

import io.superweight.InputException;
import io.superweight.compute.Device;
import io.superweight.compute.DeviceRequest;
import io.superweight.compute.Precision;
import java.util.Optional;
import java.util.OptionalLong;
import org.junit.jupiter.api.Assumptions;

/** A card for the tests; where there is none they are skipped, saying so. */
final class Gpu {
  private Gpu() {}

  static void assumePresent() {
    Assumptions.assumeTrue(Machine.here().hasDriver(), "skipped: this machine has no NVIDIA GPU");
  }

  static Device open(Precision precision) {
    assumePresent();
    return new CudaProvider().open(1, precision);
  }

  static CudaDevice open(Precision precision, long weightBytes) {
    assumePresent();
    return CudaDevice.open(
        Machine.here(),
        new DeviceRequest(4, precision, "", 0, OptionalLong.of(weightBytes), Optional.empty()),
        0);
  }

  /** The compiler alone runs without a card; where its library is not installed tests skip. */
  static Nvrtc compiler() {
    try {
      return new Nvrtc(
          new CudaLibraries(Machine.here(), Optional.empty(), 13_000)
              .load("libnvrtc.so", "nvidia-cuda-nvrtc")
              .lookup());
    } catch (InputException absent) {
      Assumptions.abort("skipped: NVRTC is not installed (" + absent.getMessage() + ")");
      throw absent;
    }
  }
}
