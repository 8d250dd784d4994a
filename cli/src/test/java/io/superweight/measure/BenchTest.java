package io.superweight.measure;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.superweight.compute.Precision;
import io.superweight.tensor.DType;
import io.superweight.tensor.Dequantizer;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class BenchTest {
  private static final LayerShape SHAPE = new LayerShape("1 B", 2048, 2048);

  private static ProductSpeed product(String device, DType dtype, Precision precision, int tokens) {
    return new ProductSpeed(
        device, dtype, precision, SHAPE, tokens, new Spread(0.001, 0.001, 0.001, 3), Double.NaN);
  }

  private static Ceiling of(Ceiling.Kind kind, double median) {
    return Ceiling.measured(kind, new Spread(median, median, median, 3), "");
  }

  private static final List<Ceiling> CEILINGS =
      List.of(
          of(Ceiling.Kind.MEMORY_ANONYMOUS, 40),
          of(Ceiling.Kind.MEMORY_MAPPED, 50),
          of(Ceiling.Kind.FMA_F32, 500),
          of(Ceiling.Kind.DOT_BF16, 1000));

  @Test
  void oneTokenIsHeldAgainstTheFasterLineOfMemory() {
    double least = 2.0 * 2048 * 2048 / 50e9;
    assertThat(Bench.beside(product("java", DType.BF16, Precision.BF16, 1), CEILINGS).ofCeiling())
        .isCloseTo(least / 0.001, within(1e-9));
  }

  @Test
  void manyTokensAreHeldAgainstTheArithmeticThatTheDeviceHas() {
    double operations = 2.0 * 64 * 2048 * 2048;
    assertThat(Bench.beside(product("java", DType.BF16, Precision.BF16, 64), CEILINGS).ofCeiling())
        .isCloseTo(operations / 500e9 / 0.001, within(1e-9));
    assertThat(
            Bench.beside(product("onednn", DType.BF16, Precision.BF16, 64), CEILINGS).ofCeiling())
        .isCloseTo(operations / 1000e9 / 0.001, within(1e-9));
    assertThat(Bench.beside(product("onednn", DType.F32, Precision.F32, 64), CEILINGS).ofCeiling())
        .isCloseTo(operations / 500e9 / 0.001, within(1e-9));
  }

  @Test
  void withoutACeilingThereIsNoShareOfIt() {
    assertThat(
            Bench.beside(product("onednn", DType.BF16, Precision.BF16, 64), CEILINGS.subList(0, 3))
                .ofCeiling())
        .isNaN();
  }

  @ParameterizedTest
  @EnumSource(names = {"F32", "BF16", "Q8_0", "Q4_0"})
  void weightsAreOrdinaryNumbersToTheLastBlock(DType dtype) {
    long elements = dtype.blockElements() * 20_001L;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment weights = Weights.fill(arena, dtype, dtype.bytes(elements));
      float[] values = new float[(int) elements];
      Dequantizer.decode(dtype, weights, 0, values.length, values, 0);
      int nonZero = 0;
      for (float value : values) {
        assertThat(Math.abs(value)).isFinite().isLessThan(1);
        assertThat(value == 0 || Math.abs(value) >= Float.MIN_NORMAL).isTrue();
        nonZero += value != 0 ? 1 : 0;
      }
      assertThat(nonZero).isGreaterThan(values.length / 2);
    }
  }

  @Test
  void readingReadsEveryByte() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment memory = arena.allocate(64L * VectorPeaks.stride(), 64);
      int zero = VectorPeaks.read(memory);
      for (long at = 0; at < memory.byteSize(); at += 37) {
        memory.set(ValueLayout.JAVA_BYTE, at, (byte) 1);
        assertThat(VectorPeaks.read(memory)).as("byte %d", at).isNotEqualTo(zero);
        memory.set(ValueLayout.JAVA_BYTE, at, (byte) 0);
      }
    }
  }

  @Test
  void aSpreadIsTheMedianBetweenTheExtremes() {
    assertThat(Spread.of(new double[] {3, 1, 2})).isEqualTo(new Spread(2, 1, 3, 3));
    assertThat(Spread.of(new double[] {4, 1, 2, 3})).isEqualTo(new Spread(2.5, 1, 4, 4));
  }

  @Test
  void atLeastThreeRoundsAreTimedHoweverLittleTimeThereIs() {
    int[] calls = {0};
    assertThat(new Stopwatch(0, 0, 0).seconds(() -> calls[0]++).rounds()).isEqualTo(3);
    assertThat(calls[0]).isGreaterThan(3);
  }
}
