package io.superweight.bench.jmh;

import io.superweight.checkpoint.Checkpoint;
import io.superweight.compute.Device;
import io.superweight.compute.Devices;
import io.superweight.compute.Precision;
import io.superweight.model.Head;
import io.superweight.model.PassResult;
import io.superweight.model.Transformer;
import io.superweight.model.Variant;
import io.superweight.models.Books12m;
import java.util.List;
import java.util.Random;
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
 * Windows of the embedded model. What scoring takes beyond a pass alone is the head: its products,
 * and soft-maxes put together from blocks of the vocabulary.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@Fork(1)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
public class Passes {
  @Param({"java", "onednn"})
  String device;

  private Checkpoint checkpoint;
  private Device open;
  private Transformer model;
  private List<int[]> window;

  @Setup
  public void open() {
    checkpoint = Books12m.checkpoint();
    int threads = Runtime.getRuntime().availableProcessors();
    open = Devices.onClassPath().open(device, threads, Precision.BF16).device();
    model = Transformer.load(checkpoint, open);
    window =
        List.of(
            new Random(1)
                .ints(Math.min(512, model.maxPositions()), 0, model.vocabularySize())
                .toArray());
  }

  private PassResult pass(Head head) {
    return model.forward(window, List.of(Variant.INTACT), List.of(), head);
  }

  @Benchmark
  public PassResult alone() {
    return pass(Head.SKIP);
  }

  @Benchmark
  public PassResult scored() {
    return pass(Head.SCORE);
  }

  @TearDown
  public void close() {
    model.close();
    open.close();
    checkpoint.close();
  }
}
