package io.superweight.compute.cpu;

import io.superweight.compute.Device;
import io.superweight.compute.DeviceProvider;
import io.superweight.compute.Precision;

/** The device that is Java throughout, which runs everywhere. */
public final class JavaDeviceProvider implements DeviceProvider {
  @Override
  public String name() {
    return "java";
  }

  @Override
  public int preference() {
    return 0;
  }

  @Override
  public Device open(int threads, Precision precision) {
    return CpuDevice.create(threads, precision);
  }
}
