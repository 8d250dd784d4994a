package io.superweight.cuda;

import io.superweight.InputException;
import io.superweight.compute.Device;
import io.superweight.compute.DeviceProvider;
import io.superweight.compute.DeviceRequest;
import io.superweight.compute.Precision;

/** NVIDIA GPUs. */
public final class CudaProvider implements DeviceProvider {
  /** A smaller model is done on the CPU before a GPU is ready. */
  private static final long LEAST_WEIGHT_BYTES = 256 << 20;

  private final Machine machine;

  /** Those of this machine. */
  public CudaProvider() {
    this(Machine.here());
  }

  CudaProvider(Machine machine) {
    this.machine = machine;
  }

  @Override
  public String name() {
    return "cuda";
  }

  @Override
  public int preference() {
    return 20;
  }

  @Override
  public boolean numbered() {
    return true;
  }

  @Override
  public boolean present() {
    return machine.hasDriver();
  }

  @Override
  public boolean suits(DeviceRequest request) {
    return request.weightBytes() >= LEAST_WEIGHT_BYTES && present();
  }

  @Override
  public Device open(int threads, Precision precision) {
    return open(DeviceRequest.of(threads, precision));
  }

  @Override
  public Device open(DeviceRequest request) {
    int ordinal;
    try {
      ordinal = request.unit().isEmpty() ? 0 : Integer.parseInt(request.unit());
    } catch (NumberFormatException e) {
      throw new InputException(
          InputException.Kind.USAGE,
          "--device cuda takes the number of a card, such as cuda:0, not \""
              + request.unit()
              + "\"");
    }
    return CudaDevice.open(machine, request, ordinal);
  }
}
