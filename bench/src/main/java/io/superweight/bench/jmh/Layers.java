package io.superweight.bench.jmh;

import io.superweight.compute.Activation;
import io.superweight.compute.AttentionSpec;
import io.superweight.compute.Buffer;
import io.superweight.compute.LogitBlock;
import io.superweight.compute.Precision;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
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

/** What a layer and the head do beside products: the 1 B shape, one window. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@Fork(1)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
public class Layers {
  private static final int HIDDEN = 2048;
  private static final int INTERMEDIATE = 5632;
  private static final int HEADS = 32;
  private static final int KEY_HEADS = 4;
  private static final int HEAD_DIM = 64;
  private static final int LOGITS = 2048;

  @Param({"java", "onednn"})
  String device;

  @Param({"16", "512"})
  int tokens;

  private Bed bed;
  private Buffer x;
  private Buffer y;
  private Buffer weight;
  private Buffer keys;
  private Buffer values;
  private Buffer gate;
  private Buffer up;
  private Buffer logits;
  private Buffer others;
  private Buffer rotations;
  private int[] positions;
  private int[] targets;
  private List<AttentionSpec.Span> spans;
  private AttentionSpec spec;

  @Setup
  public void open() {
    bed = Bed.of(device, Precision.F32);
    x = bed.gaussian(tokens, HIDDEN);
    y = bed.gaussian(tokens, HIDDEN);
    weight = bed.gaussian(1, HIDDEN);
    keys = bed.gaussian(tokens, KEY_HEADS * HEAD_DIM);
    values = bed.gaussian(tokens, KEY_HEADS * HEAD_DIM);
    gate = bed.gaussian(tokens, INTERMEDIATE);
    up = bed.room(tokens, INTERMEDIATE); // zeros: the gate's values stay small
    logits = bed.gaussian(tokens, LOGITS);
    others = bed.gaussian(tokens, LOGITS);
    rotations = bed.gaussian(tokens, HEAD_DIM / 2);
    positions = IntStream.range(0, tokens).toArray();
    targets = IntStream.range(0, tokens).map(i -> i % LOGITS).toArray();
    spans = List.of(new AttentionSpec.Span(0, tokens, 0, tokens));
    spec = new AttentionSpec(HEADS, KEY_HEADS, HEAD_DIM, (float) (1 / Math.sqrt(HEAD_DIM)), 0, 0);
  }

  @Benchmark
  public Buffer attention() {
    bed.device().attention(x, keys, values, y, spans, spec);
    return y;
  }

  @Benchmark
  public Buffer rmsNorm() {
    bed.device().rmsNorm(x, weight, 0, 1e-5f, y);
    return y;
  }

  @Benchmark
  public Buffer layerNorm() {
    bed.device().layerNorm(x, weight, weight, 1e-5f, y);
    return y;
  }

  @Benchmark
  public Buffer rotaryEmbedding() {
    bed.device().rope(x, HEAD_DIM, rotations, rotations, positions, false);
    return x;
  }

  @Benchmark
  public Buffer siluGate() {
    bed.device().gate(Activation.SILU, gate, up);
    return gate;
  }

  @Benchmark
  public Buffer geluGate() {
    bed.device().gate(Activation.GELU, gate, up);
    return gate;
  }

  @Benchmark
  public double[] logProbabilities() {
    return bed.device().logProbabilities(logits, targets);
  }

  @Benchmark
  public double[] divergence() {
    return bed.device().divergence(logits, others);
  }

  /** What a block of the vocabulary adds to soft-maxes that are never held whole. */
  @Benchmark
  public LogitBlock logitBlock() {
    return bed.device().logitBlock(logits, targets);
  }

  @TearDown
  public void close() {
    bed.close();
  }
}
