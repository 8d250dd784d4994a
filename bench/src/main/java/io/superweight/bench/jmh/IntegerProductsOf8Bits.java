package io.superweight.bench.jmh;

import io.superweight.compute.Buffer;
import io.superweight.compute.IntegerProducts;
import io.superweight.compute.Precision;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/** The same product in 8-bit integers, x rounded on the way; and the scales of x alone. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@Fork(1)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
public class IntegerProductsOf8Bits {
  private static final int SIZE = 2048;

  @Param({"java", "onednn"})
  String device;

  @Param({"1", "10", "64", "512"})
  int tokens;

  private Bed bed;
  private IntegerProducts integers;
  private IntegerProducts.Packed packed;
  private Buffer x;
  private Buffer y;
  private float[] ofTokens;
  private float[] ofRows;

  @Setup
  public void open() {
    bed = Bed.of(device, Precision.F32);
    integers = bed.device().integerProducts().orElseThrow();
    packed = integers.pack(bed.bytes((long) SIZE * SIZE), SIZE, SIZE);
    x = bed.gaussian(tokens, SIZE);
    y = bed.room(tokens, SIZE);
    ofTokens = new float[tokens];
    Arrays.fill(ofTokens, 3 / 127f);
    ofRows = new float[SIZE];
    Arrays.fill(ofRows, 1e-3f);
  }

  @Benchmark
  public Buffer multiply() {
    integers.multiply(x, ofTokens, 127, packed, ofRows, y);
    return y;
  }

  @Benchmark
  public float[] scales() {
    return integers.largest(x);
  }

  @TearDown
  public void close() {
    bed.close();
  }
}
