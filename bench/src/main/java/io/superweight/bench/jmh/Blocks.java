package io.superweight.bench.jmh;

import io.superweight.tensor.BlockEncoder;
import io.superweight.tensor.DType;
import io.superweight.tensor.Dequantizer;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/** Nanoseconds a weight of packing and unpacking blocks, on one thread. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@Fork(1)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class Blocks {
  private static final int WEIGHTS = 1 << 14;

  @Param({"BF16", "F16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q4_K", "Q5_K", "Q6_K"})
  DType dtype;

  private Arena arena;
  private BlockEncoder encoder;
  private MemorySegment packed;
  private float[] values;

  @Setup
  public void open() {
    arena = Arena.ofConfined();
    encoder = new BlockEncoder(dtype);
    packed = arena.allocate(dtype.bytes(WEIGHTS), 64);
    values = new float[WEIGHTS];
    Random random = new Random(1);
    for (int i = 0; i < WEIGHTS; i++) {
      values[i] = (float) random.nextGaussian() * 0.02f;
    }
    encoder.encode(values, 0, WEIGHTS, packed, 0);
  }

  @Benchmark
  @OperationsPerInvocation(WEIGHTS)
  public MemorySegment encode() {
    encoder.encode(values, 0, WEIGHTS, packed, 0);
    return packed;
  }

  @Benchmark
  @OperationsPerInvocation(WEIGHTS)
  public float[] decode() {
    Dequantizer.decode(dtype, packed, 0, WEIGHTS, values, 0);
    return values;
  }

  @TearDown
  public void close() {
    arena.close();
  }
}
