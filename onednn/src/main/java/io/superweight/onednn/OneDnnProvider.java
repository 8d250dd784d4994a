package io.superweight.onednn;

import io.superweight.compute.Device;
import io.superweight.compute.DeviceProvider;
import io.superweight.compute.Precision;
import io.superweight.compute.cpu.CpuDevice;

/** The CPU device whose products oneDNN computes. */
public final class OneDnnProvider implements DeviceProvider {
  @Override
  public String name() {
    return "onednn";
  }

  @Override
  public int preference() {
    return 10;
  }

  @Override
  public Device open(int threads, Precision precision) {
    return CpuDevice.with(
        name(), new OneDnnProduct(OneDnnLibrary.load(), threads), precision, threads);
  }
}
