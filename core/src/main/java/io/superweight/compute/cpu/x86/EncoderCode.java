package io.superweight.compute.cpu.x86;

import static io.superweight.compute.cpu.x86.Assembler.Reg.R10;
import static io.superweight.compute.cpu.x86.Assembler.Reg.R8;
import static io.superweight.compute.cpu.x86.Assembler.Reg.R9;
import static io.superweight.compute.cpu.x86.Assembler.Reg.RAX;
import static io.superweight.compute.cpu.x86.Assembler.Reg.RCX;
import static io.superweight.compute.cpu.x86.Assembler.Reg.RDI;
import static io.superweight.compute.cpu.x86.Assembler.Reg.RDX;
import static io.superweight.compute.cpu.x86.Assembler.Reg.RSI;
import static io.superweight.compute.cpu.x86.Assembler.at;

import io.superweight.compute.cpu.x86.Assembler.Comparison;
import io.superweight.compute.cpu.x86.Assembler.Condition;
import io.superweight.compute.cpu.x86.Assembler.Label;
import io.superweight.compute.cpu.x86.Assembler.Mem;
import io.superweight.tensor.DType;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.Map;

/**
 * The machine code that stores float32 as blocks, operation by operation as {@link
 * io.superweight.tensor.BlockEncoder} does it, so that the bytes are the same.
 *
 * <p>A routine takes, by the C convention, elements (rdi), a number of blocks (rsi), where they go
 * (rdx) and {@value #SCRATCH} aligned bytes for itself (rcx). It returns how many blocks it has not
 * stored: it stops at one whose values are so small or so large that Java's rules for them would be
 * needed. All elements are finite.
 */
final class EncoderCode {
  /** Bytes that a routine of Q6_K writes to for itself. */
  static final int SCRATCH = 128;

  /** Smaller values have no inverse in float32, or none that counts. */
  private static final float SMALLEST = 0x1p-100f;

  /** Sums of larger values to the fourth power might be infinite, or a scale as float16. */
  private static final float LARGEST = 0x1p20f;

  /** Under this the searches of Q6_K take a value for 0. */
  private static final float NOTHING = 1e-15f;

  /** Adding and taking away 1.5 · 2^23 rounds to the nearest integer, ties to even. */
  private static final float ROUNDER = 0x1.8p23f;

  private static final int TRIALS = 24;

  // Offsets in the table of constants; vectors first.
  private static final int STEPS = 0;
  private static final int UNITS = 96 + 32;
  private static final int NEIGHBOURS = UNITS + 64;
  private static final int NUMBERS = NEIGHBOURS + 64;

  /** Single numbers of the table, in order. */
  private enum Number {
    MAGNITUDE(0x7fff_ffff),
    ONE(1f),
    MINUS_ONE(-1f),
    SMALLEST(EncoderCode.SMALLEST),
    LARGEST(EncoderCode.LARGEST),
    NOTHING(EncoderCode.NOTHING),
    ZERO(0f),
    ROUNDER(EncoderCode.ROUNDER),
    SCALE_OF_Q8(127f),
    SCALE_OF_Q4(-0.125f),
    MIDDLE_OF_Q4(8.5f),
    MOST_OF_Q4(15.5f),
    LEAST_OF_Q6(-32f),
    MOST_OF_Q6(31f),
    LEAST_BYTE(-128f),
    MOST_BYTE(127f),
    /** Turns what {@link #ROUNDER} was added to into an integer, plus 32. */
    TO_CODE(0x4b40_0000 - 32),
    LOW_FOUR(15);

    private final int bits;

    Number(int bits) {
      this.bits = bits;
    }

    Number(float value) {
      this(Float.floatToRawIntBits(value));
    }

    Mem memory() {
      return at(R8, NUMBERS + 4 * ordinal());
    }
  }

  private final Assembler a = new Assembler();
  private final Map<DType, Integer> routines = new EnumMap<>(DType.class);
  private final Label constants = new Label();

  EncoderCode() {
    for (DType dtype : new DType[] {DType.Q8_0, DType.Q4_0, DType.Q6_K}) {
      a.align();
      routines.put(dtype, a.position());
      routine(dtype);
    }
    a.align();
    a.bind(constants);
    float[] steps = new float[UNITS / 4];
    Arrays.fill(steps, 32 + 0.1f * (19 - 10));
    for (int i = 0; i < 19; i++) {
      steps[i] = i == 0 ? 32 : 32 + 0.1f * (i - 10);
    }
    for (float step : steps) {
      a.data(Float.floatToRawIntBits(step));
    }
    for (int i = 0; i < 16; i++) {
      a.data(Float.floatToRawIntBits(-128 + i));
    }
    for (int i = 0; i < 16; i++) {
      a.data(Float.floatToRawIntBits((i + 1) / 2 * (i % 2 == 1 ? -1 : 1)));
    }
    for (Number number : Number.values()) {
      a.data(number.bits);
    }
  }

  byte[] bytes() {
    return a.code();
  }

  /** Whether there is a routine for a type. */
  boolean stores(DType dtype) {
    return routines.containsKey(dtype);
  }

  /** Where the routine of a type begins. */
  int routineOf(DType dtype) {
    return routines.get(dtype);
  }

  private void routine(DType dtype) {
    Label loop = new Label();
    Label done = new Label();
    a.lea(R8, constants, 0);
    switch (dtype) {
      case Q8_0 -> {}
      case Q4_0 -> {
        a.vbroadcastss(29, Number.MIDDLE_OF_Q4.memory());
        a.vbroadcastss(30, Number.MOST_OF_Q4.memory());
      }
      default -> {
        a.vbroadcastss(24, Number.LEAST_BYTE.memory());
        a.vbroadcastss(25, Number.MOST_BYTE.memory());
        a.vbroadcastss(26, Number.ONE.memory());
        a.vbroadcastss(27, Number.ZERO.memory());
        a.vbroadcastss(29, Number.LEAST_OF_Q6.memory());
        a.vbroadcastss(30, Number.MOST_OF_Q6.memory());
        a.vbroadcastss(31, Number.ROUNDER.memory());
      }
    }
    a.vbroadcastss(28, Number.MAGNITUDE.memory());
    a.alignLoop();
    a.bind(loop);
    switch (dtype) {
      case Q8_0 -> bytes(done);
      case Q4_0 -> nibbles(done);
      default -> sixBits(done);
    }
    a.add(RDI, 4 * dtype.blockElements());
    a.add(RDX, dtype.blockBytes());
    a.sub(RSI, 1);
    a.jump(Condition.NOT_EQUAL, loop);
    a.bind(done);
    a.mov(RAX, RSI);
    a.vzeroupper();
    a.ret();
  }

  /** The extreme of all lanes of v, in all of them; t is used. */
  private void overLanes(int v, int t, boolean most) {
    for (int how : new int[] {0x4e, 0xb1}) {
      a.vshuff32x4(t, v, v, how);
      extreme(v, v, t, most);
    }
    for (int how : new int[] {0x4e, 0xb1}) {
      a.vshufps(t, v, v, how);
      extreme(v, v, t, most);
    }
  }

  private void extreme(int d, int x, int y, boolean most) {
    if (most) {
      a.vmaxps(d, x, y);
    } else {
      a.vminps(d, x, y);
    }
  }

  // ---- Q8_0 and Q4_0

  /** z0, z1: a block; z2, z3: its magnitudes; z4: the largest. */
  private void magnitudes(Label unusual) {
    a.vmovups(0, at(RDI));
    a.vmovups(1, at(RDI, 64));
    a.vpandd(2, 0, 28);
    a.vpandd(3, 1, 28);
    a.vmaxps(4, 2, 3);
    overLanes(4, 5, true);
    a.vcomiss(4, Number.SMALLEST.memory());
    a.jump(Condition.BELOW, unusual);
  }

  /** Writes the scale, the first lane of z5, and leaves its inverse in z6. */
  private void scaleAndInverse() {
    a.vmovss(6, Number.ONE.memory());
    a.vdivss(6, 6, 5);
    a.vbroadcastss(6, 6);
    a.vcvtps2ph(7, 5);
    a.vpextrw(at(RDX), 7);
  }

  private void bytes(Label unusual) {
    magnitudes(unusual);
    a.vdivss(5, 4, Number.SCALE_OF_Q8.memory());
    scaleAndInverse();
    for (int half = 0; half < 2; half++) {
      // C's roundf: what is behind the point, twice, is a whole number more where it reaches one.
      a.vmulps(half, half, 6);
      a.vcvttps2dq(8, half);
      a.vcvtdq2ps(9, 8);
      a.vsubps(9, half, 9);
      a.vaddps(9, 9, 9);
      a.vcvttps2dq(9, 9);
      a.vpaddd(8, 8, 9);
      a.vpmovdb(at(RDX, 2 + 16 * half), 8);
    }
  }

  private void nibbles(Label unusual) {
    magnitudes(unusual);
    // The first of the largest magnitude, with its sign.
    a.vcmpps(1, 2, 4, Comparison.EQUAL);
    a.vcmpps(2, 3, 4, Comparison.EQUAL);
    a.vcompressps(5, 1, 2, true);
    a.vcompressps(5, 0, 1, false);
    a.vmulss(5, 5, Number.SCALE_OF_Q4.memory());
    scaleAndInverse();
    for (int half = 0; half < 2; half++) {
      a.vmulps(half, half, 6);
      a.vaddps(half, half, 29);
      a.vminps(half, half, 30);
      a.vcvttps2dq(half, half);
    }
    a.vpslld(1, 1, 4);
    a.vpord(0, 0, 1);
    a.vpmovdb(at(RDX, 2), 0);
  }

  // ---- Q6_K; z24 to z31 are constants

  private void sixBits(Label unusual) {
    Label next = new Label();
    Label something = new Label();
    a.vmovups(0, at(RDI));
    a.vpandd(0, 0, 28);
    for (int j = 1; j < 16; j++) {
      a.vmovups(1, at(RDI, 64 * j));
      a.vpandd(1, 1, 28);
      a.vmaxps(0, 0, 1);
    }
    overLanes(0, 1, true);
    a.vcomiss(0, Number.LARGEST.memory());
    a.jump(Condition.ABOVE_OR_EQUAL, unusual);

    overParts(this::scaleOfPart);

    // z16: the scales of the parts; z3: the extreme of them
    a.vmovups(16, at(RCX));
    a.vpandd(1, 16, 28);
    a.vpandd(2, 16, 28);
    overLanes(2, 4, true);
    a.vcomiss(2, Number.NOTHING.memory());
    a.jump(Condition.ABOVE_OR_EQUAL, something);
    a.zero(0);
    for (int at : new int[] {0, 64, 128, DType.Q6_K.blockBytes() - 64}) {
      a.vmovups(at(RDX, at), 0);
    }
    a.jump(next);

    a.bind(something);
    a.vcmpps(1, 1, 2, Comparison.EQUAL);
    a.vcompressps(3, 16, 1, true);
    a.vbroadcastss(3, 3);
    unit();
    neighbours();
    codes();
    a.bind(next);
  }

  /** Goes over the sixteen parts: r9 points to the elements of one, r10 to its scale. */
  private void overParts(Runnable part) {
    Label loop = new Label();
    a.mov(R9, RDI);
    a.mov(R10, RCX);
    a.mov(RAX, 16);
    a.alignLoop();
    a.bind(loop);
    part.run();
    a.add(R9, 64);
    a.add(R10, 4);
    a.sub(RAX, 1);
    a.jump(Condition.NOT_EQUAL, loop);
  }

  /** Tries the grids of a part, and writes the scale that gains most. */
  private void scaleOfPart() {
    Label none = new Label();
    Label write = new Label();
    a.vmovups(0, at(R9));
    a.vpandd(1, 0, 28);
    a.vpandd(2, 0, 28);
    overLanes(2, 3, true);
    a.vcomiss(2, Number.NOTHING.memory());
    a.jump(Condition.BELOW, none);
    a.vcmpps(1, 1, 2, Comparison.EQUAL);
    a.vcompressps(3, 0, 1, true);
    a.vmovss(4, Number.MINUS_ONE.memory());
    a.vdivss(3, 4, 3);
    a.vbroadcastss(3, 3);
    a.vmovups(4, at(R8, STEPS));
    a.vmulps(4, 4, 3);
    a.vmovups(5, at(R8, STEPS + 4 * (TRIALS - 16)));
    a.vmulps(5, 5, 3);
    for (int sum = 6; sum < 10; sum++) {
      a.zero(sum);
    }
    for (int i = 0; i < 16; i++) {
      a.vbroadcastss(10, at(R9, 4 * i));
      a.vmulps(11, 10, 10);
      for (int trials = 0; trials < 2; trials++) {
        int code = 12 + 2 * trials;
        int weighted = code + 1;
        a.vmulps(code, 4 + trials, 10);
        round(code);
        a.vmulps(weighted, code, 11);
        a.vfmadd231ps(6 + 2 * trials, weighted, 10);
        a.vfmadd231ps(7 + 2 * trials, weighted, code);
      }
    }
    for (int trials = 0; trials < 2; trials++) { // z12, z14: scales; z13, z15: what they gain
      a.vdivps(12 + 2 * trials, 6 + 2 * trials, 7 + 2 * trials);
      a.vcmpps(1, 7 + 2 * trials, 27, Comparison.GREATER);
      a.vmulps(13 + 2 * trials, 6 + 2 * trials, 12 + 2 * trials, 1);
    }
    a.vmaxps(2, 13, 15);
    overLanes(2, 3, true);
    a.vcomiss(2, Number.ZERO.memory());
    a.jump(Condition.BELOW_OR_EQUAL, none);
    a.vcmpps(1, 13, 2, Comparison.EQUAL);
    a.vcmpps(2, 15, 2, Comparison.EQUAL);
    a.vcompressps(3, 14, 2, true);
    a.vcompressps(3, 12, 1, false);
    a.jump(write);
    a.bind(none);
    a.zero(3);
    a.bind(write);
    a.vmovss(at(R10), 3);
  }

  /** To the nearest of the codes −32 to 31, as float32. */
  private void round(int v) {
    a.vmaxps(v, v, 29);
    a.vminps(v, v, 30);
    a.vaddps(v, v, 31);
    a.vsubps(v, v, 31);
  }

  /** Adds to z7 the squared errors with which the scales of z9 store the part. */
  private void errors() {
    a.vcmpps(1, 9, 27, Comparison.OTHER);
    a.vdivps(10, 26, 9, 1);
    for (int i = 0; i < 16; i++) {
      Mem value = at(R9, 4 * i);
      a.vmulps(11, 10, value);
      round(11);
      a.vmulps(11, 9, 11);
      a.vsubps(11, 11, value);
      a.vfmadd231ps(7, 11, 11);
    }
  }

  /**
   * Of the codes of the extreme scale, z3, the one that stores all parts with the least error; z2:
   * what a unit of the scales' codes is, in all lanes; z16 becomes their codes.
   */
  private void unit() {
    a.vmovups(4, at(R8, UNITS));
    a.vdivps(5, 3, 4);
    a.vcvtps2ph(5, 5);
    a.vcvtph2ps(5, 5);
    a.vdivps(6, 4, 3);
    a.zero(7);
    overParts(() -> {
      a.vmulps(9, 6, at(R10));
      a.vaddps(9, 9, 31);
      a.vsubps(9, 9, 31);
      a.vmulps(9, 5, 9);
      errors();
    });
    first(4);
    a.vdivss(4, 4, 3);
    a.vmovss(5, Number.ONE.memory());
    a.vdivss(5, 5, 4);
    a.vcvtps2ph(5, 5);
    a.vpextrw(at(RDX, DType.Q6_K.blockBytes() - 2), 5);
    a.vcvtph2ps(5, 5);
    a.vbroadcastss(2, 5);
    a.vbroadcastss(4, 4);
    a.vmulps(16, 4, 16);
    a.vaddps(16, 16, 31);
    a.vsubps(16, 16, 31);
    a.vmaxps(16, 16, 24);
    a.vminps(16, 16, 25);
    a.vmovups(at(RCX), 16);
  }

  /** Of the lanes of v, the one where z7 is least, the first of several, goes to the first lane. */
  private void first(int v) {
    a.vmaxps(8, 7, 7);
    overLanes(8, 9, false);
    a.vcmpps(1, 7, 8, Comparison.EQUAL);
    a.vcompressps(v, v, 1, true);
  }

  /** Tries the neighbours of each scale's code. */
  private void neighbours() {
    Label none = new Label();
    a.vcomiss(2, Number.ZERO.memory());
    a.jump(Condition.EQUAL, none);
    a.vmovups(5, at(R8, NEIGHBOURS));
    overParts(() -> {
      a.vaddps(4, 5, at(R10));
      a.vmaxps(4, 4, 24);
      a.vminps(4, 4, 25);
      a.vmulps(9, 4, 2);
      a.zero(7);
      errors();
      first(4);
      a.vmovss(at(R10), 4);
    });
    a.bind(none);
  }

  /** Writes the codes of scales and elements. */
  private void codes() {
    a.vmovups(16, at(RCX));
    a.vcvtps2dq(17, 16);
    a.vpmovdb(at(RDX, 192), 17);
    a.vmulps(16, 16, 2);
    a.vcmpps(1, 16, 27, Comparison.OTHER);
    a.vdivps(16, 26, 16, 1);
    a.vmovups(at(RCX, 64), 16);
    a.vbroadcastss(17, Number.TO_CODE.memory());
    a.vbroadcastss(18, Number.LOW_FOUR.memory());
    for (int j = 0; j < 16; j++) {
      a.vmovups(j, at(RDI, 64 * j));
      a.vmulps(j, j, at(RCX, 64 + 4 * j));
      a.vmaxps(j, j, 29);
      a.vminps(j, j, 30);
      a.vaddps(j, j, 31);
      a.vpsubd(j, j, 17);
    }
    for (int half = 0; half < 2; half++) {
      for (int part = 0; part < 2; part++) {
        int first = 8 * half + part; // of the four that share bytes: it, and those 2, 4 and 6 on
        for (int pair = 0; pair < 2; pair++) {
          a.vpslld(19, first + 2 * pair + 4, 4);
          a.vpandd(20, first + 2 * pair, 18);
          a.vpord(19, 19, 20);
          a.vpmovdb(at(RDX, 64 * half + 32 * pair + 16 * part), 19);
        }
        a.vpsrld(19, first, 4);
        for (int other = 1; other < 4; other++) {
          a.vpsrld(20, first + 2 * other, 4);
          a.vpslld(20, 20, 2 * other);
          a.vpord(19, 19, 20);
        }
        a.vpmovdb(at(RDX, 128 + 32 * half + 16 * part), 19);
      }
    }
  }
}
