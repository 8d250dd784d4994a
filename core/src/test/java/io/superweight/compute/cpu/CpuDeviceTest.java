package io.superweight.compute.cpu;

import io.superweight.compute.Device;
import io.superweight.compute.DeviceContract;

final class CpuDeviceTest extends DeviceContract {
  @Override
  protected Device device(int threads) {
    return CpuDevice.create(threads);
  }
}
