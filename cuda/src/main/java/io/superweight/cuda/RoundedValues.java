package io.superweight.cuda;

import io.superweight.compute.Buffer;
import java.util.Map;
import java.util.TreeMap;

/**
 * Which values of the device's buffers are there in bfloat16: beside float32 ones, or alone until
 * somebody reads them in float32. Each allocation has at most one such stretch.
 *
 * <p>An operation asks for an address by what it does there: {@code read}, {@code write} (all of
 * it), {@code update} (some of it, or read and written).
 */
final class RoundedValues {
  private static final class Allocation {
    final long base;
    final long bytes;

    /** Two bytes for each four; 0 until it is needed. */
    long rounded;

    /** The stretch, in bytes of float32 from the base; empty for none. */
    long from;

    long to;

    /** Whether the float32 values of the stretch are out of date. */
    boolean alone;

    Allocation(long base, long bytes) {
      this.base = base;
      this.bytes = bytes;
    }
  }

  private final CudaDevice device;
  private final TreeMap<Long, Allocation> allocations = new TreeMap<>();

  RoundedValues(CudaDevice device) {
    this.device = device;
  }

  static boolean overlap(Buffer a, Buffer b) {
    long p = a.data().address();
    long q = b.data().address();
    return p < q + b.data().byteSize() && q < p + a.data().byteSize();
  }

  static boolean covers(Buffer a, Buffer b) {
    return a.data().address() <= b.data().address()
        && b.data().address() + b.data().byteSize() <= a.data().address() + a.data().byteSize();
  }

  static boolean same(Buffer a, Buffer b) {
    return a.data().address() == b.data().address() && a.data().byteSize() == b.data().byteSize();
  }

  void allocated(long base, long bytes) {
    allocations.put(base, new Allocation(base, bytes));
  }

  void freed(long base) {
    Allocation a = allocations.remove(base);
    if (a != null && a.rounded != 0) {
      device.giveBack(a.rounded);
    }
  }

  boolean within(Buffer buffer, long base) {
    Allocation a = allocations.get(base);
    return a != null && base <= buffer.data().address() && buffer.data().address() < base + a.bytes;
  }

  private Allocation of(Buffer buffer) {
    Map.Entry<Long, Allocation> at = allocations.floorEntry(buffer.data().address());
    if (at == null
        || buffer.data().address() + buffer.data().byteSize()
            > at.getValue().base + at.getValue().bytes) {
      throw new IllegalArgumentException("not a buffer of this device");
    }
    return at.getValue();
  }

  private static long from(Allocation a, Buffer b) {
    return b.data().address() - a.base;
  }

  private static boolean touches(Allocation a, Buffer b) {
    long from = from(a, b);
    return a.from < a.to && from < a.to && a.from < from + b.data().byteSize();
  }

  private static boolean holds(Allocation a, Buffer b) {
    long from = from(a, b);
    return a.from <= from && from + b.data().byteSize() <= a.to;
  }

  private static long address(Allocation a, Buffer b) {
    return a.rounded + from(a, b) / 2;
  }

  private void widen(Allocation a) {
    if (a.alone) {
      long count = (a.to - a.from) / 4;
      device.launchOver("widen", count, a.rounded + a.from / 2, a.base + a.from, count);
      a.alone = false;
    }
  }

  private static void drop(Allocation a) {
    a.from = 0;
    a.to = 0;
    a.alone = false;
  }

  /** Float32 values, to be read. */
  long read(Buffer b) {
    device.settleOwed(b, false);
    Allocation a = of(b);
    if (a.alone && touches(a, b)) {
      widen(a);
    }
    return b.data().address();
  }

  /** Room for float32 values, all of which will be written. */
  long write(Buffer b) {
    device.settleOwed(b, true);
    device.settleOwedInput(b);
    Allocation a = of(b);
    if (touches(a, b)) {
      if (from(a, b) > a.from || from(a, b) + b.data().byteSize() < a.to) {
        widen(a);
      }
      drop(a);
    }
    return b.data().address();
  }

  /** Float32 values, some of which will be written. */
  long update(Buffer b) {
    device.settleOwed(b, false);
    device.settleOwedInput(b);
    Allocation a = of(b);
    if (touches(a, b)) {
      widen(a);
      drop(a);
    }
    return b.data().address();
  }

  /** Whether these values are there in bfloat16 alone. */
  boolean rounded(Buffer b) {
    Allocation a = of(b);
    // Kernels take eight of them at a time.
    return a.alone && holds(a, b) && b.data().byteSize() > 0 && address(a, b) % 16 == 0;
  }

  /** The values in bfloat16, to be read. */
  long readRounded(Buffer b) {
    device.settleOwed(b, false);
    Allocation a = of(b);
    if (!holds(a, b) || a.from == a.to) {
      widen(a);
      make(a);
      a.from = from(a, b);
      a.to = a.from + b.data().byteSize();
      long count = b.data().byteSize() / 4;
      device.launchOver(
          a.from % 16 == 0 ? "narrow" : "narrowAnywhere",
          a.from % 16 == 0 ? (count + 3) / 4 : count,
          b.data().address(),
          address(a, b),
          count);
    }
    return address(a, b);
  }

  /** Room for values in bfloat16, all of which will be written, alone. */
  long writeRounded(Buffer b) {
    device.settleOwed(b, true);
    device.settleOwedInput(b);
    Allocation a = of(b);
    make(a);
    if (a.alone && from(a, b) == a.to) { // the next rows of the same
      a.to += b.data().byteSize();
      return address(a, b);
    }
    if (a.alone && (from(a, b) > a.from || from(a, b) + b.data().byteSize() < a.to)) {
      widen(a);
    }
    a.from = from(a, b);
    a.to = a.from + b.data().byteSize();
    a.alone = true;
    return address(a, b);
  }

  /** Values that are there in bfloat16 alone, and stay so. */
  long updateRounded(Buffer b) {
    device.settleOwedInput(b);
    return address(of(b), b);
  }

  /** The values are out of date altogether: somebody else knows how to make them. */
  void forget(Buffer b) {
    Allocation a = of(b);
    if (touches(a, b)) {
      if (!(from(a, b) <= a.from && a.to <= from(a, b) + b.data().byteSize())) {
        widen(a);
      }
      drop(a);
    }
  }

  private void make(Allocation a) {
    if (a.rounded == 0) {
      a.rounded = device.take(a.bytes / 2);
    }
  }
}
