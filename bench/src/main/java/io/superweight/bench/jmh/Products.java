package io.superweight.bench.jmh;

import io.superweight.compute.Buffer;
import io.superweight.compute.Device;
import io.superweight.compute.Matrix;
import io.superweight.compute.Precision;
import io.superweight.tensor.DType;
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

/**
 * {@code x[tokens, 2048] · W[2048, 2048]ᵀ}. Weights come in turn from 256 MB, so that with few
 * tokens they are read from memory.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@Fork(1)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
public class Products {
  private static final int SIZE = 2048;

  @Param({"java", "onednn"})
  String device;

  @Param({"BF16", "F16", "F32", "Q8_0", "Q4_0", "Q4_1"})
  DType dtype;

  @Param({"1", "10", "64", "512"})
  int tokens;

  private Bed bed;
  private Matrix[] matrices;
  private Buffer x;
  private Buffer y;
  private int next;

  @Setup
  public void open() {
    bed = Bed.of(device, Precision.of(dtype));
    matrices = bed.matrices(dtype, SIZE, SIZE);
    x = bed.gaussian(tokens, SIZE);
    y = bed.room(tokens, SIZE);
  }

  @Benchmark
  public Buffer multiply() {
    Device on = bed.device();
    on.matmul(x, matrices[next], y);
    next = (next + 1) % matrices.length;
    return y;
  }

  @TearDown
  public void close() {
    bed.close();
  }
}
