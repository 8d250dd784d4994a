package io.superweight.compute.cpu.x86;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Writes the machine code of the few x86-64 instructions that {@link MachineCode} is made of, by
 * the encodings of the Intel 64 manual, volume 2. Vector registers are numbers from 0 to 31, mask
 * registers from 1 to 7; vectors have 512 bits.
 */
final class Assembler {
  /** The general registers in the order of their numbers. */
  enum Reg {
    RAX,
    RCX,
    RDX,
    RBX,
    RSP,
    RBP,
    RSI,
    RDI,
    R8,
    R9,
    R10,
    R11,
    R12,
    R13,
    R14,
    R15
  }

  /** What a conditional jump looks at, in the order of their codes. */
  enum Condition {
    OVERFLOW,
    NO_OVERFLOW,
    BELOW,
    ABOVE_OR_EQUAL,
    EQUAL,
    NOT_EQUAL,
    BELOW_OR_EQUAL,
    ABOVE,
    SIGN,
    NO_SIGN,
    PARITY,
    NO_PARITY,
    LESS,
    GREATER_OR_EQUAL,
    LESS_OR_EQUAL,
    GREATER
  }

  /** How lanes are compared; false where one is no number, but for {@link #OTHER}. */
  enum Comparison {
    EQUAL(0),
    OTHER(4),
    GREATER(0x1e);

    private final int code;

    Comparison(int code) {
      this.code = code;
    }
  }

  /**
   * Memory at {@code base + index · scale + displacement}.
   *
   * @param index null for none
   */
  record Mem(Reg base, Reg index, int scale, int displacement) {}

  static Mem at(Reg base) {
    return new Mem(base, null, 1, 0);
  }

  static Mem at(Reg base, int displacement) {
    return new Mem(base, null, 1, displacement);
  }

  static Mem at(Reg base, Reg index, int displacement) {
    return new Mem(base, index, 1, displacement);
  }

  /** A place in the code. */
  static final class Label {
    private int position = -1;
    private final List<Integer> uses = new ArrayList<>();
    private final List<Integer> offsets = new ArrayList<>();
  }

  private static final int NONE = 0;
  private static final int P66 = 1;
  private static final int PF3 = 2;
  private static final int PF2 = 3;
  private static final int MAP_0F = 1;
  private static final int MAP_0F38 = 2;
  private static final int MAP_0F3A = 3;
  private static final int BITS_256 = 1 << 5;
  private static final int BITS_512 = 2 << 5;

  /** One element of memory stands for all. */
  private static final int BROADCAST = 1 << 4;

  private byte[] code = new byte[4096];
  private int length;

  /** Where the next instruction goes. */
  int position() {
    return length;
  }

  /** The code; all labels that were used have been bound. */
  byte[] code() {
    return Arrays.copyOf(code, length);
  }

  void bind(Label label) {
    label.position = length;
    for (int i = 0; i < label.uses.size(); i++) {
      int use = label.uses.get(i);
      patch(use, length + label.offsets.get(i) - use - 4);
    }
  }

  /** Fills up with no-operations to a multiple of 64 bytes. */
  void align() {
    while (length % 64 != 0) {
      emit(0x90);
    }
  }

  /** A loop begins at such an address: the processor fetches 32 bytes at a time. */
  void alignLoop() {
    while (length % 32 != 0) {
      emit(0x90);
    }
  }

  /** Four bytes that are no instruction. */
  void data(int value) {
    emit32(value);
  }

  // ---- vectors of 512 bits

  /** {@code d = memory}. */
  void vmovups(int d, Mem from) {
    evex(MAP_0F, NONE, 0, BITS_512, 0x10, d, 0, from, 0, false, 64);
  }

  /** {@code d = memory} in the lanes of the mask, else 0; the others are not read. */
  void vmovups(int d, Mem from, int mask) {
    evex(MAP_0F, NONE, 0, BITS_512, 0x10, d, 0, from, mask, true, 64);
  }

  /** {@code memory = s}. */
  void vmovups(Mem to, int s) {
    evex(MAP_0F, NONE, 0, BITS_512, 0x11, s, 0, to, 0, false, 64);
  }

  /** {@code memory = s} in the lanes of the mask; the others are not written. */
  void vmovups(Mem to, int s, int mask) {
    evex(MAP_0F, NONE, 0, BITS_512, 0x11, s, 0, to, mask, false, 64);
  }

  /** {@code d = memory} of 32 elements in those of the mask, else 0; the others are not read. */
  void vmovdqu16(int d, Mem from, int mask) {
    evex(MAP_0F, PF2, 1, BITS_512, 0x6f, d, 0, from, mask, true, 64);
  }

  /** {@code d = 0}. */
  void zero(int d) {
    evex(MAP_0F, P66, 0, BITS_512, 0xef, d, d, d);
  }

  /** {@code d += a · b} of 32 pairs of bfloat16 to 16 float32. */
  void vdpbf16ps(int d, int a, int b) {
    evex(MAP_0F38, PF3, 0, BITS_512, 0x52, d, a, b);
  }

  /** {@code d = [low, high]}, rounded to bfloat16. */
  void vcvtne2ps2bf16(int d, int high, int low) {
    evex(MAP_0F38, PF2, 0, BITS_512, 0x72, d, high, low);
  }

  void vaddps(int d, int a, int b) {
    evex(MAP_0F, NONE, 0, BITS_512, 0x58, d, a, b);
  }

  void vmulps(int d, int a, int b) {
    evex(MAP_0F, NONE, 0, BITS_512, 0x59, d, a, b);
  }

  /** {@code d = a + s} for a float32 in memory. */
  void vaddps(int d, int a, Mem s) {
    evex(MAP_0F, NONE, 0, BITS_512 | BROADCAST, 0x58, d, a, s, 0, false, 4);
  }

  /** {@code d = a · s} for a float32 in memory. */
  void vmulps(int d, int a, Mem s) {
    evex(MAP_0F, NONE, 0, BITS_512 | BROADCAST, 0x59, d, a, s, 0, false, 4);
  }

  void vsubps(int d, int a, int b) {
    evex(MAP_0F, NONE, 0, BITS_512, 0x5c, d, a, b);
  }

  /** {@code d = a - s} for a float32 in memory. */
  void vsubps(int d, int a, Mem s) {
    evex(MAP_0F, NONE, 0, BITS_512 | BROADCAST, 0x5c, d, a, s, 0, false, 4);
  }

  void vdivps(int d, int a, int b) {
    evex(MAP_0F, NONE, 0, BITS_512, 0x5e, d, a, b);
  }

  /** {@code d = a / b} in the lanes of the mask, else 0. */
  void vdivps(int d, int a, int b, int mask) {
    evex(MAP_0F, NONE, 0, BITS_512, 0x5e, d, a, b, mask, true);
  }

  /** {@code d = a · b} in the lanes of the mask, else 0. */
  void vmulps(int d, int a, int b, int mask) {
    evex(MAP_0F, NONE, 0, BITS_512, 0x59, d, a, b, mask, true);
  }

  void vmaxps(int d, int a, int b) {
    evex(MAP_0F, NONE, 0, BITS_512, 0x5f, d, a, b);
  }

  void vminps(int d, int a, int b) {
    evex(MAP_0F, NONE, 0, BITS_512, 0x5d, d, a, b);
  }

  /** {@code d} = 16 times the float32 at memory. */
  void vbroadcastss(int d, Mem from) {
    evex(MAP_0F38, P66, 0, BITS_512, 0x18, d, 0, from, 0, false, 4);
  }

  /** {@code d} = 16 times the first float32 of s. */
  void vbroadcastss(int d, int s) {
    evex(MAP_0F38, P66, 0, BITS_512, 0x18, d, 0, s);
  }

  /** {@code mask = a ? b}, lane by lane. */
  void vcmpps(int mask, int a, int b, Comparison comparison) {
    evex(MAP_0F, NONE, 0, BITS_512, 0xc2, mask, a, b);
    emit(comparison.code);
  }

  /** The lanes of s in the mask come first in d; zeroing: the others are 0, else as they were. */
  void vcompressps(int d, int s, int mask, boolean zeroing) {
    evex(MAP_0F38, P66, 0, BITS_512, 0x8a, s, 0, d, mask, zeroing);
  }

  /** The lower half of {@code d} = the 16 float32 of s as float16, ties to even. */
  void vcvtps2ph(int d, int s) {
    evex(MAP_0F3A, P66, 0, BITS_512, 0x1d, s, 0, d);
    emit(0);
  }

  /** {@code d = s} as 32-bit numbers, towards 0. */
  void vcvttps2dq(int d, int s) {
    evex(MAP_0F, PF3, 0, BITS_512, 0x5b, d, 0, s);
  }

  /** {@code d = s} as 32-bit numbers, ties to even. */
  void vcvtps2dq(int d, int s) {
    evex(MAP_0F, P66, 0, BITS_512, 0x5b, d, 0, s);
  }

  /** {@code memory} = the low bytes of the 32-bit numbers of s. */
  void vpmovdb(Mem to, int s) {
    evex(MAP_0F38, PF3, 0, BITS_512, 0x31, s, 0, to, 0, false, 16);
  }

  void vpandd(int d, int a, int b) {
    evex(MAP_0F, P66, 0, BITS_512, 0xdb, d, a, b);
  }

  void vpord(int d, int a, int b) {
    evex(MAP_0F, P66, 0, BITS_512, 0xeb, d, a, b);
  }

  void vpaddd(int d, int a, int b) {
    evex(MAP_0F, P66, 0, BITS_512, 0xfe, d, a, b);
  }

  void vpsubd(int d, int a, int b) {
    evex(MAP_0F, P66, 0, BITS_512, 0xfa, d, a, b);
  }

  /** {@code d = s << bits} of 32-bit numbers. */
  void vpslld(int d, int s, int bits) {
    evex(MAP_0F, P66, 0, BITS_512, 0x72, 6, d, s);
    emit(bits);
  }

  /** {@code d = s >>> bits} of 32-bit numbers. */
  void vpsrld(int d, int s, int bits) {
    evex(MAP_0F, P66, 0, BITS_512, 0x72, 2, d, s);
    emit(bits);
  }

  // ---- the first lane of a vector

  /** {@code d = a · s}. */
  void vmulss(int d, int a, Mem s) {
    evex(MAP_0F, PF3, 0, 0, 0x59, d, a, s, 0, false, 4);
  }

  /** {@code d = a / b}. */
  void vdivss(int d, int a, int b) {
    evex(MAP_0F, PF3, 0, 0, 0x5e, d, a, b);
  }

  /** {@code d = a / s}. */
  void vdivss(int d, int a, Mem s) {
    evex(MAP_0F, PF3, 0, 0, 0x5e, d, a, s, 0, false, 4);
  }

  /** {@code d} = the float32 at memory. */
  void vmovss(int d, Mem from) {
    evex(MAP_0F, PF3, 0, 0, 0x10, d, 0, from, 0, false, 4);
  }

  /** The float32 at memory {@code = s}. */
  void vmovss(Mem to, int s) {
    evex(MAP_0F, PF3, 0, 0, 0x11, s, 0, to, 0, false, 4);
  }

  /** Compares as numbers without sign are compared: below, equal, above. */
  void vcomiss(int a, Mem b) {
    evex(MAP_0F, NONE, 0, 0, 0x2f, a, 0, b, 0, false, 4);
  }

  /** The 16 bits at memory = the lowest of s. */
  void vpextrw(Mem to, int s) {
    evex(MAP_0F3A, P66, 0, 0, 0x15, s, 0, to, 0, false, 2);
    emit(0);
  }

  // ---- vectors of 512 bits

  /** {@code d += a · b} in one rounding. */
  void vfmadd231ps(int d, int a, int b) {
    evex(MAP_0F38, P66, 0, BITS_512, 0xb8, d, a, b);
  }

  /** {@code d += a · memory} in one rounding. */
  void vfmadd231ps(int d, int a, Mem b) {
    evex(MAP_0F38, P66, 0, BITS_512, 0xb8, d, a, b, 0, false, 64);
  }

  void vshuff64x2(int d, int a, int b, int how) {
    evex(MAP_0F3A, P66, 1, BITS_512, 0x23, d, a, b);
    emit(how);
  }

  void vshuff32x4(int d, int a, int b, int how) {
    evex(MAP_0F3A, P66, 0, BITS_512, 0x23, d, a, b);
    emit(how);
  }

  void vunpcklpd(int d, int a, int b) {
    evex(MAP_0F, P66, 1, BITS_512, 0x14, d, a, b);
  }

  void vunpckhpd(int d, int a, int b) {
    evex(MAP_0F, P66, 1, BITS_512, 0x15, d, a, b);
  }

  void vshufps(int d, int a, int b, int how) {
    evex(MAP_0F, NONE, 0, BITS_512, 0xc6, d, a, b);
    emit(how);
  }

  /** {@code d[i] = memory[i]}, bytes with sign as 32-bit numbers. */
  void vpmovsxbd(int d, Mem from) {
    evex(MAP_0F38, P66, 0, BITS_512, 0x21, d, 0, from, 0, false, 16);
  }

  /** {@code d = s} as float32. */
  void vcvtdq2ps(int d, int s) {
    evex(MAP_0F, NONE, 0, BITS_512, 0x5b, d, 0, s);
  }

  /** {@code d[i] = table[index[i] mod 16]}. */
  void vpermps(int d, int index, int table) {
    evex(MAP_0F38, P66, 0, BITS_512, 0x16, d, index, table);
  }

  /** The lower 256 bits of d are 16 times the 16 bits at memory. */
  void vpbroadcastw(int d, Mem from) {
    evex(MAP_0F38, P66, 0, BITS_256, 0x79, d, 0, from, 0, false, 2);
  }

  /** {@code d} = the 16 float16 of the lower half of s. */
  void vcvtph2ps(int d, int s) {
    evex(MAP_0F38, P66, 0, BITS_512, 0x13, d, 0, s);
  }

  /** {@code d} = four times the 128 bits at memory. */
  void vbroadcasti32x4(int d, Mem from) {
    evex(MAP_0F38, P66, 0, BITS_512, 0x5a, d, 0, from, 0, false, 16);
  }

  /** {@code d[i] = s[i] >>> bits[i]} of 32-bit numbers. */
  void vpsrlvd(int d, int s, int bits) {
    evex(MAP_0F38, P66, 0, BITS_512, 0x45, d, s, bits);
  }

  /** {@code mask = s}, 32 lanes. */
  void kmovd(int mask, Reg s) {
    if (s.ordinal() > 7) {
      throw new IllegalArgumentException(s + " needs the longer prefix");
    }
    emit(0xc5);
    emit(0xfb);
    emit(0x92);
    emit(0xc0 | mask << 3 | s.ordinal());
  }

  void vzeroupper() {
    emit(0xc5);
    emit(0xf8);
    emit(0x77);
  }

  /** Asks for a cache line that is needed soon; an address that is not mapped is no error. */
  void prefetcht0(Mem line) {
    prefetch(1, line);
  }

  /** The same, into the second cache. */
  void prefetcht1(Mem line) {
    prefetch(2, line);
  }

  private void prefetch(int hint, Mem line) {
    rex(false, 0, line);
    emit(0x0f);
    emit(0x18);
    operand(hint, line, 1);
  }

  // ---- numbers of 64 bits

  void mov(Reg d, Reg s) {
    registers(0x89, s, d);
  }

  void mov(Reg d, Mem from) {
    rex(true, d.ordinal(), from);
    emit(0x8b);
    operand(d.ordinal(), from, 1);
  }

  void mov(Mem to, Reg s) {
    rex(true, s.ordinal(), to);
    emit(0x89);
    operand(s.ordinal(), to, 1);
  }

  /** {@code d = value}, with its sign. */
  void mov(Reg d, int value) {
    emit(0x48 | (d.ordinal() > 7 ? 1 : 0));
    emit(0xc7);
    emit(0xc0 | d.ordinal() & 7);
    emit32(value);
  }

  /** {@code d} = 16 bits without sign. */
  void movzx(Reg d, Mem from) {
    rex(false, d.ordinal(), from);
    emit(0x0f);
    emit(0xb7);
    operand(d.ordinal(), from, 1);
  }

  void lea(Reg d, Mem address) {
    rex(true, d.ordinal(), address);
    emit(0x8d);
    operand(d.ordinal(), address, 1);
  }

  /** {@code d} = the address of a place in the code, and so many bytes on. */
  void lea(Reg d, Label place, int offset) {
    emit(0x48 | (d.ordinal() > 7 ? 4 : 0));
    emit(0x8d);
    emit((d.ordinal() & 7) << 3 | 5);
    if (place.position >= 0) {
      emit32(place.position + offset - length - 4);
    } else {
      place.uses.add(length);
      place.offsets.add(offset);
      emit32(0);
    }
  }

  void add(Reg d, Reg s) {
    registers(0x01, s, d);
  }

  void add(Reg d, Mem s) {
    rex(true, d.ordinal(), s);
    emit(0x03);
    operand(d.ordinal(), s, 1);
  }

  void add(Reg d, int value) {
    immediate(0, d, value);
  }

  void sub(Reg d, Reg s) {
    registers(0x29, s, d);
  }

  void sub(Reg d, Mem s) {
    rex(true, d.ordinal(), s);
    emit(0x2b);
    operand(d.ordinal(), s, 1);
  }

  void sub(Reg d, int value) {
    immediate(5, d, value);
  }

  void cmp(Reg a, Reg b) {
    registers(0x39, b, a);
  }

  void cmp(Reg a, Mem b) {
    rex(true, a.ordinal(), b);
    emit(0x3b);
    operand(a.ordinal(), b, 1);
  }

  void cmp(Reg a, int value) {
    immediate(7, a, value);
  }

  void test(Reg a, Reg b) {
    registers(0x85, b, a);
  }

  /** Looks at the bits of a that value has. */
  void test(Reg a, int value) {
    emit(0x48 | (a.ordinal() > 7 ? 1 : 0));
    emit(0xf7);
    emit(0xc0 | a.ordinal() & 7);
    emit32(value);
  }

  void imul(Reg d, Mem s) {
    rex(true, d.ordinal(), s);
    emit(0x0f);
    emit(0xaf);
    operand(d.ordinal(), s, 1);
  }

  void shl(Reg d, int bits) {
    emit(0x48 | (d.ordinal() > 7 ? 1 : 0));
    emit(0xc1);
    emit(0xe0 | d.ordinal() & 7);
    emit(bits);
  }

  /** {@code d <<= cl}. */
  void shl(Reg d) {
    emit(0x48 | (d.ordinal() > 7 ? 1 : 0));
    emit(0xd3);
    emit(0xe0 | d.ordinal() & 7);
  }

  /** {@code d = s} where the condition holds. */
  void cmov(Condition condition, Reg d, Reg s) {
    emit(0x48 | (d.ordinal() > 7 ? 4 : 0) | (s.ordinal() > 7 ? 1 : 0));
    emit(0x0f);
    emit(0x40 + condition.ordinal());
    emit(0xc0 | (d.ordinal() & 7) << 3 | s.ordinal() & 7);
  }

  void push(Reg r) {
    if (r.ordinal() > 7) {
      emit(0x41);
    }
    emit(0x50 + (r.ordinal() & 7));
  }

  void pop(Reg r) {
    if (r.ordinal() > 7) {
      emit(0x41);
    }
    emit(0x58 + (r.ordinal() & 7));
  }

  void ret() {
    emit(0xc3);
  }

  void jump(Label to) {
    emit(0xe9);
    relative(to);
  }

  void jump(Condition condition, Label to) {
    emit(0x0f);
    emit(0x80 + condition.ordinal());
    relative(to);
  }

  /** Calls what the address in memory names. */
  void call(Mem address) {
    rex(false, 0, address);
    emit(0xff);
    operand(2, address, 1);
  }

  // ---- encodings

  private void relative(Label to) {
    if (to.position >= 0) {
      emit32(to.position - length - 4);
    } else {
      to.uses.add(length);
      to.offsets.add(0);
      emit32(0);
    }
  }

  /** REX.W op /r on two registers. */
  private void registers(int opcode, Reg reg, Reg rm) {
    emit(0x48 | (reg.ordinal() > 7 ? 4 : 0) | (rm.ordinal() > 7 ? 1 : 0));
    emit(opcode);
    emit(0xc0 | (reg.ordinal() & 7) << 3 | rm.ordinal() & 7);
  }

  private void immediate(int operation, Reg d, int value) {
    emit(0x48 | (d.ordinal() > 7 ? 1 : 0));
    emit(0x81);
    emit(0xc0 | operation << 3 | d.ordinal() & 7);
    emit32(value);
  }

  private void rex(boolean wide, int reg, Mem m) {
    int index = m.index == null ? 0 : m.index.ordinal();
    int prefix =
        (wide ? 8 : 0) | (reg > 7 ? 4 : 0) | (index > 7 ? 2 : 0) | (m.base.ordinal() > 7 ? 1 : 0);
    if (prefix != 0) {
      emit(0x40 | prefix);
    }
  }

  /**
   * ModRM, SIB and displacement.
   *
   * @param unit what a displacement of 8 bits counts
   */
  private void operand(int reg, Mem m, int unit) {
    int base = m.base.ordinal() & 7;
    boolean sib = m.index != null || base == 4;
    boolean whole = m.displacement % unit == 0;
    int small = m.displacement / unit;
    int mode;
    if (m.displacement == 0 && base != 5) {
      mode = 0;
    } else if (whole && small >= -128 && small < 128) {
      mode = 1;
    } else {
      mode = 2;
    }
    emit(mode << 6 | (reg & 7) << 3 | (sib ? 4 : base));
    if (sib) {
      if (m.index == Reg.RSP) {
        throw new IllegalArgumentException("the stack pointer is no index");
      }
      int index = m.index == null ? 4 : m.index.ordinal() & 7;
      emit(Integer.numberOfTrailingZeros(m.scale) << 6 | index << 3 | base);
    }
    if (mode == 1) {
      emit(small);
    } else if (mode == 2) {
      emit32(m.displacement);
    }
  }

  /** Between registers. */
  private void evex(int map, int prefix, int w, int bits, int opcode, int reg, int v, int rm) {
    evex(map, prefix, w, bits, opcode, reg, v, rm, 0, false);
  }

  /** Between registers, in the lanes of a mask. */
  private void evex(
      int map,
      int prefix,
      int w,
      int bits,
      int opcode,
      int reg,
      int v,
      int rm,
      int mask,
      boolean zeroing) {
    emit(0x62);
    emit(
        map | (reg & 8) << 4 ^ 0x80 | (rm & 16) << 2 ^ 0x40 | (rm & 8) << 2 ^ 0x20 | reg & 16 ^ 16);
    emit(w << 7 | (~v & 15) << 3 | 4 | prefix);
    emit((zeroing && mask != 0 ? 0x80 : 0) | bits | (v & 16) >> 1 ^ 8 | mask);
    emit(opcode);
    emit(0xc0 | (reg & 7) << 3 | rm & 7);
  }

  /**
   * With memory.
   *
   * @param zeroing whether lanes outside the mask become 0
   * @param unit bytes that the instruction reads or writes
   */
  private void evex(
      int map,
      int prefix,
      int w,
      int bits,
      int opcode,
      int reg,
      int v,
      Mem m,
      int mask,
      boolean zeroing,
      int unit) {
    int index = m.index == null ? 0 : m.index.ordinal();
    emit(0x62);
    emit(
        map
            | (reg & 8) << 4 ^ 0x80
            | (index & 8) << 3 ^ 0x40
            | (m.base.ordinal() & 8) << 2 ^ 0x20
            | reg & 16 ^ 16);
    emit(w << 7 | (~v & 15) << 3 | 4 | prefix);
    emit((zeroing && mask != 0 ? 0x80 : 0) | bits | (v & 16) >> 1 ^ 8 | mask);
    emit(opcode);
    operand(reg, m, unit);
  }

  private void emit(int value) {
    if (length == code.length) {
      code = Arrays.copyOf(code, 2 * length);
    }
    code[length++] = (byte) value;
  }

  private void emit32(int value) {
    for (int shift = 0; shift < 32; shift += 8) {
      emit(value >> shift);
    }
  }

  private void patch(int at, int value) {
    for (int i = 0; i < 4; i++) {
      code[at + i] = (byte) (value >> 8 * i);
    }
  }
}
