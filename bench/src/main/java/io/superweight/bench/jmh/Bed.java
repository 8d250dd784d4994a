package io.superweight.bench.jmh;

import io.superweight.compute.Buffer;
import io.superweight.compute.Device;
import io.superweight.compute.Devices;
import io.superweight.compute.Matrix;
import io.superweight.compute.Precision;
import io.superweight.tensor.DType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;

/** A device of as many threads as processors with things to compute on, freed as one. */
final class Bed implements AutoCloseable {
  private static final long WEIGHT_BYTES = 256L << 20;
  private static final long ALIGNMENT = 64;

  private final Device device;
  private final Device.Scope scope;
  private final Arena arena = Arena.ofShared();
  private final Random random = new Random(1);

  private Bed(Device device) {
    this.device = device;
    this.scope = device.scope();
  }

  static Bed of(String device, Precision precision) {
    int threads = Runtime.getRuntime().availableProcessors();
    return new Bed(Devices.onClassPath().open(device, threads, precision).device());
  }

  Device device() {
    return device;
  }

  Buffer room(int rows, int cols) {
    return scope.allocate(rows, cols);
  }

  Buffer gaussian(int rows, int cols) {
    return scope.upload(values(rows * cols), cols);
  }

  float[] values(int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  /** Bytes 0x10 to 0x3f: harmless numbers in every type. */
  MemorySegment bytes(long count) {
    MemorySegment bytes = arena.allocate(count, ALIGNMENT);
    for (long i = 0; i + 8 <= count; i += 8) {
      long value = random.nextLong() & 0x2f2f2f2f2f2f2f2fL | 0x1010101010101010L;
      bytes.set(ValueLayout.JAVA_LONG, i, value);
    }
    return bytes;
  }

  /** More weights than caches hold. */
  Matrix[] matrices(DType dtype, int rows, int cols) {
    long bytes = dtype.bytes((long) rows * cols);
    MemorySegment all = bytes(WEIGHT_BYTES);
    Matrix[] matrices = new Matrix[Math.toIntExact(WEIGHT_BYTES / bytes)];
    for (int i = 0; i < matrices.length; i++) {
      matrices[i] = new Matrix(dtype, all.asSlice(i * bytes, bytes), rows, cols, false);
    }
    return matrices;
  }

  @Override
  public void close() {
    scope.close();
    arena.close();
    device.close();
  }
}
