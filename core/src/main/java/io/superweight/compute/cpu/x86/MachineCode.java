package io.superweight.compute.cpu.x86;

import static io.superweight.compute.cpu.x86.Assembler.Reg.R10;
import static io.superweight.compute.cpu.x86.Assembler.Reg.R11;
import static io.superweight.compute.cpu.x86.Assembler.Reg.R12;
import static io.superweight.compute.cpu.x86.Assembler.Reg.R13;
import static io.superweight.compute.cpu.x86.Assembler.Reg.R14;
import static io.superweight.compute.cpu.x86.Assembler.Reg.R15;
import static io.superweight.compute.cpu.x86.Assembler.Reg.R8;
import static io.superweight.compute.cpu.x86.Assembler.Reg.R9;
import static io.superweight.compute.cpu.x86.Assembler.Reg.RAX;
import static io.superweight.compute.cpu.x86.Assembler.Reg.RBP;
import static io.superweight.compute.cpu.x86.Assembler.Reg.RBX;
import static io.superweight.compute.cpu.x86.Assembler.Reg.RCX;
import static io.superweight.compute.cpu.x86.Assembler.Reg.RDI;
import static io.superweight.compute.cpu.x86.Assembler.Reg.RDX;
import static io.superweight.compute.cpu.x86.Assembler.Reg.RSI;
import static io.superweight.compute.cpu.x86.Assembler.at;

import io.superweight.compute.cpu.x86.Assembler.Condition;
import io.superweight.compute.cpu.x86.Assembler.Label;
import io.superweight.compute.cpu.x86.Assembler.Mem;
import io.superweight.compute.cpu.x86.Assembler.Reg;
import java.util.EnumMap;
import java.util.Map;

/**
 * The machine code of products. One routine goes over rows of W, pieces of their elements and tiles
 * of tokens; it calls <i>tiles</i>, the inner loops, one for each type of weights and number of
 * tokens: {@value #ROWS} rows of W times one to {@value #MOST_TOKENS} rows of x, all running sums
 * in registers.
 *
 * <p>A <i>step</i> is 32 elements, those of a block. Running sums are vectors of 16 lanes, added up
 * at the end by halves onto halves. In float32 lane i takes the elements {@code k mod 16 = i} in
 * rising order of k, each with one fused multiply-add, as {@code VectorTiles} has it. In bfloat16
 * lane i takes the elements {@code 2i} and {@code 2i + 1} of each step with one {@code vdpbf16ps}.
 * Either way the bits of a sum depend on its row of x and its row of W alone.
 */
final class MachineCode {
  /** Rows of W in a tile. */
  static final int ROWS = 4;

  /** The most tokens of a tile: 24 sums, four rows of W and what is multiplied. */
  static final int MOST_TOKENS = 6;

  /** Rows of W whose totals are written at a time. */
  static final int GROUP = 16;

  /** Elements of a step. */
  static final int STEP = 32;

  /** Bytes of a running sum. */
  static final int SUM = 64;

  /** Bytes of the sums of one token and a group of rows. */
  static final int SUMS_OF_TOKEN = GROUP * SUM;

  /** How weights are stored, and the bytes of a step of theirs and of x's. */
  enum Weights {
    /** bfloat16, x in bfloat16. */
    BFLOAT16(64, 64),
    Q8_0(34, 128),
    Q4_0(18, 128),
    Q4_1(20, 128);

    final int stepBytes;
    final int xStepBytes;

    Weights(int stepBytes, int xStepBytes) {
      this.stepBytes = stepBytes;
      this.xStepBytes = xStepBytes;
    }
  }

  // Arguments of the product, offsets in bytes; each has 8.
  static final int W = 0;
  static final int W_STRIDE = 8;
  static final int W_ROWS = 16;
  static final int STEPS = 24;

  /** The elements behind the last whole step, as a mask of 32; bfloat16 only. */
  static final int TAIL = 32;

  /** Steps of a piece of a row. */
  static final int PIECE = 40;

  static final int TILES = 48;
  static final int TILE_COUNT = 56;
  static final int SUMS = 64;
  static final int TOKENS = 72;
  static final int Y = 80;
  static final int Y_STRIDE = 88;
  static final int W_STEP = 96;

  /** Mask of the rows of the last group of fewer than {@value #GROUP}. */
  static final int LAST_ROWS = 104;

  private static final int FIRST_STEP = 112;
  private static final int GROUP_W = 120;
  private static final int ROWS_LEFT = 128;
  private static final int TILES_LEFT = 136;

  /** Bytes of the arguments. */
  static final int ARGUMENTS = 144;

  // A tile of tokens, offsets in bytes.
  static final int TILE_CODE = 0;
  static final int TILE_X = 8;

  /** Bytes of x from step to step. */
  static final int TILE_X_STEP = 16;

  /** From the first sum of the block of tokens to this tile's. */
  static final int TILE_SUMS = 24;

  static final int TILE_BYTES = 32;

  // Arguments of packing.
  static final int SOURCE = 0;
  static final int SOURCE_STRIDE = 8;
  static final int PACKED_TOKENS = 16;
  static final int TARGET = 24;
  static final int PACKED_STEPS = 32;

  /** Of the elements behind the last whole step, masks of the first 16 and of the others. */
  static final int TAIL_LOW = 40;

  static final int TAIL_HIGH = 48;

  private final Assembler a = new Assembler();
  private final Map<Weights, int[]> tiles = new EnumMap<>(Weights.class);
  private final Map<Weights, int[]> reading = new EnumMap<>(Weights.class);
  private final int multiply;
  private final int packBfloat16;
  private final int pack;

  MachineCode() {
    Label fromZero = new Label();
    multiply = a.position();
    multiply();
    a.align();
    packBfloat16 = a.position();
    pack(true);
    a.align();
    pack = a.position();
    pack(false);
    for (Weights weights : Weights.values()) {
      int[] plain = new int[MOST_TOKENS + 1];
      int[] ahead = new int[MOST_TOKENS + 1];
      for (int tokens = 1; tokens <= MOST_TOKENS; tokens++) {
        plain[tokens] = tile(weights, tokens, false, fromZero);
        ahead[tokens] = tile(weights, tokens, true, fromZero);
      }
      tiles.put(weights, plain);
      reading.put(weights, ahead);
    }
    a.align();
    a.bind(fromZero);
    for (int i = 0; i < 16; i++) {
      a.data(Float.floatToRawIntBits(i));
    }
    for (int i = 0; i < 16; i++) {
      a.data(Float.floatToRawIntBits(i - 8));
    }
  }

  byte[] bytes() {
    return a.code();
  }

  /** Where the product begins. */
  int product() {
    return multiply;
  }

  /** Where packing of x begins: {@code [steps, tokens, 32]}. */
  int packing(Weights weights) {
    return weights == Weights.BFLOAT16 ? packBfloat16 : pack;
  }

  /**
   * Where a tile begins.
   *
   * @param readsAhead whether it asks for the rows of W that come next
   */
  int tile(Weights weights, int tokens, boolean readsAhead) {
    return (readsAhead ? reading : tiles).get(weights)[tokens];
  }

  private static Mem argument(int offset) {
    return at(R15, offset);
  }

  private void multiply() {
    Reg[] kept = {RBX, RBP, R12, R13, R14, R15};
    for (Reg r : kept) {
      a.push(r);
    }
    a.mov(R15, RDI);
    a.mov(RAX, argument(TAIL));
    a.kmovd(1, RAX);
    a.mov(RAX, argument(W));
    a.mov(argument(GROUP_W), RAX);
    a.mov(RAX, argument(W_ROWS));
    a.mov(argument(ROWS_LEFT), RAX);

    Label group = new Label();
    a.bind(group);
    a.mov(RAX, 0);
    a.mov(argument(FIRST_STEP), RAX);

    // r13: steps of the piece; rsi: whether the elements behind the last step are its, too
    Label piece = new Label();
    Label stepsKnown = new Label();
    a.bind(piece);
    a.mov(RSI, argument(TAIL));
    a.mov(R13, argument(STEPS));
    a.sub(R13, argument(FIRST_STEP));
    a.cmp(R13, argument(PIECE));
    a.jump(Condition.LESS_OR_EQUAL, stepsKnown);
    a.mov(R13, argument(PIECE));
    a.mov(RSI, 0);
    a.bind(stepsKnown);
    a.mov(RBP, 0);

    // rbp: row of the group; r8 to r11: rows of W, the last one again where there are fewer
    Label rows = new Label();
    a.bind(rows);
    a.mov(R8, RBP);
    a.imul(R8, argument(W_STRIDE));
    a.add(R8, argument(GROUP_W));
    a.mov(RAX, argument(FIRST_STEP));
    a.imul(RAX, argument(W_STEP));
    a.add(R8, RAX);
    a.mov(RDX, argument(W_STRIDE));
    a.mov(RAX, argument(ROWS_LEFT));
    a.sub(RAX, RBP);
    Reg[] pointers = {R8, R9, R10, R11};
    for (int i = 1; i < ROWS; i++) {
      a.mov(pointers[i], pointers[i - 1]);
      a.add(pointers[i], RDX);
      a.cmp(RAX, i + 1);
      a.cmov(Condition.LESS, pointers[i], pointers[i - 1]);
    }
    readAhead();
    a.mov(R14, argument(TILES));
    a.mov(RCX, argument(TILE_COUNT));
    a.mov(argument(TILES_LEFT), RCX);

    Label tile = new Label();
    a.bind(tile);
    a.mov(R12, argument(FIRST_STEP));
    a.mov(RAX, R12);
    a.imul(RAX, at(R14, TILE_X_STEP));
    a.add(RAX, at(R14, TILE_X));
    a.mov(RDX, RBP);
    a.shl(RDX, Integer.numberOfTrailingZeros(SUM));
    a.add(RDX, argument(SUMS));
    a.add(RDX, at(R14, TILE_SUMS));
    a.mov(RCX, R13);
    a.call(at(R14, TILE_CODE));
    a.add(R14, TILE_BYTES);
    a.mov(RCX, argument(TILES_LEFT));
    a.sub(RCX, 1);
    a.mov(argument(TILES_LEFT), RCX);
    a.jump(Condition.NOT_EQUAL, tile);

    Label pieceDone = new Label();
    a.add(RBP, ROWS);
    a.cmp(RBP, GROUP);
    a.jump(Condition.GREATER_OR_EQUAL, pieceDone);
    a.cmp(RBP, argument(ROWS_LEFT));
    a.jump(Condition.LESS, rows);
    a.bind(pieceDone);
    a.mov(RAX, argument(FIRST_STEP));
    a.add(RAX, R13);
    a.mov(argument(FIRST_STEP), RAX);
    a.cmp(RAX, argument(STEPS));
    a.jump(Condition.LESS, piece);

    totals();

    a.mov(RAX, argument(W_STRIDE));
    a.shl(RAX, Integer.numberOfTrailingZeros(GROUP));
    a.add(RAX, argument(GROUP_W));
    a.mov(argument(GROUP_W), RAX);
    a.mov(RAX, argument(Y));
    a.add(RAX, 4 * GROUP);
    a.mov(argument(Y), RAX);
    a.mov(RAX, argument(ROWS_LEFT));
    a.sub(RAX, GROUP);
    a.mov(argument(ROWS_LEFT), RAX);
    a.jump(Condition.GREATER, group);

    a.vzeroupper();
    for (int i = kept.length - 1; i >= 0; i--) {
      a.pop(kept[i]);
    }
    a.ret();
  }

  /**
   * rdi = bytes from a row's piece to the one that is read next in its place: four rows on, else
   * the next piece of the group's first rows, else the beginning of the next group. In: rdx the
   * stride, rax rows from this one on.
   */
  private void readAhead() {
    Label known = new Label();
    Label lastRows = new Label();
    Label lastPiece = new Label();
    a.mov(RDI, RDX);
    a.shl(RDI, Integer.numberOfTrailingZeros(ROWS));
    a.cmp(RBP, GROUP - ROWS);
    a.jump(Condition.EQUAL, lastRows);
    a.cmp(RAX, ROWS);
    a.jump(Condition.GREATER, known);
    a.bind(lastRows);
    a.mov(RCX, argument(FIRST_STEP));
    a.add(RCX, R13);
    a.cmp(RCX, argument(STEPS));
    a.jump(Condition.EQUAL, lastPiece);
    a.mov(RDI, argument(PIECE));
    a.imul(RDI, argument(W_STEP));
    a.mov(RCX, RBP);
    a.imul(RCX, argument(W_STRIDE));
    a.sub(RDI, RCX);
    a.jump(known);
    a.bind(lastPiece);
    a.mov(RCX, argument(FIRST_STEP));
    a.imul(RCX, argument(W_STEP));
    a.sub(RDI, RCX);
    a.bind(known);
  }

  /** Adds up the sums of a group and writes them to y. */
  private void totals() {
    Label whole = new Label();
    a.mov(RAX, 0xffff);
    a.mov(RCX, argument(ROWS_LEFT));
    a.cmp(RCX, GROUP);
    a.jump(Condition.GREATER_OR_EQUAL, whole);
    a.mov(RAX, argument(LAST_ROWS));
    a.bind(whole);
    a.kmovd(2, RAX);
    a.mov(RAX, argument(SUMS));
    a.mov(RDX, argument(Y));
    a.mov(RCX, argument(TOKENS));
    Label token = new Label();
    a.bind(token);
    // Which sum goes into which register, so that totals come out in order.
    int[] order = {0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15};
    for (int i = 0; i < 16; i++) {
      a.vmovups(i, at(RAX, order[i] * SUM));
    }
    for (int i = 0; i < 16; i += 2) { // lanes 8 apart: registers 0, 2, … hold two sums
      a.vshuff64x2(16, i, i + 1, 0x44);
      a.vshuff64x2(17, i, i + 1, 0xee);
      a.vaddps(i, 16, 17);
    }
    for (int i = 0; i < 16; i += 4) {
      a.vshuff32x4(16, i, i + 2, 0x88);
      a.vshuff32x4(17, i, i + 2, 0xdd);
      a.vaddps(i, 16, 17);
    }
    for (int i = 0; i < 16; i += 8) {
      a.vunpcklpd(16, i, i + 4);
      a.vunpckhpd(17, i, i + 4);
      a.vaddps(i, 16, 17);
    }
    a.vshufps(16, 0, 8, 0x88);
    a.vshufps(17, 0, 8, 0xdd);
    a.vaddps(0, 16, 17);
    a.vmovups(at(RDX), 0, 2);
    a.add(RAX, SUMS_OF_TOKEN);
    a.add(RDX, argument(Y_STRIDE));
    a.sub(RCX, 1);
    a.jump(Condition.NOT_EQUAL, token);
  }

  /**
   * A tile. In: rax x; rcx steps; rdx sums; r8 to r11 rows of W; rsi whether elements follow the
   * last step, mask 1 which; rdi how far to read ahead; r12 zero where sums begin. Keeps all but
   * rax, rbx, rcx and vectors.
   */
  private int tile(Weights weights, int tokens, boolean readsAhead, Label constants) {
    a.align();
    int start = a.position();
    Label add = new Label();
    Label begun = new Label();
    a.test(R12, R12);
    a.jump(Condition.NOT_EQUAL, add);
    for (int sum = 0; sum < ROWS * tokens; sum++) {
      a.zero(sum);
    }
    a.jump(begun);
    a.bind(add);
    for (int t = 0; t < tokens; t++) {
      for (int r = 0; r < ROWS; r++) {
        a.vmovups(t * ROWS + r, at(RDX, t * SUMS_OF_TOKEN + r * SUM));
      }
    }
    a.bind(begun);
    if (weights == Weights.BFLOAT16) {
      bfloat16(tokens, readsAhead);
    } else {
      blocks(weights, tokens, readsAhead, constants);
    }
    for (int t = 0; t < tokens; t++) {
      for (int r = 0; r < ROWS; r++) {
        a.vmovups(at(RDX, t * SUMS_OF_TOKEN + r * SUM), t * ROWS + r);
      }
    }
    a.ret();
    return start;
  }

  private static final Reg[] POINTERS = {R8, R9, R10, R11};

  private void bfloat16(int tokens, boolean readsAhead) {
    Label step = new Label();
    Label behind = new Label();
    Label done = new Label();
    a.mov(RBX, 0);
    a.test(RCX, RCX);
    a.jump(Condition.EQUAL, behind);
    a.alignLoop();
    a.bind(step);
    for (int r = 0; r < ROWS; r++) {
      a.vmovups(24 + r, at(POINTERS[r], RBX, 0));
    }
    products(tokens);
    if (readsAhead) {
      a.lea(R12, at(RBX, RDI, 0));
      for (int r = 0; r < ROWS; r++) {
        a.prefetcht0(at(POINTERS[r], R12, 0));
      }
    }
    a.add(RBX, SUM);
    a.add(RAX, tokens * SUM);
    a.sub(RCX, 1);
    a.jump(Condition.NOT_EQUAL, step);
    a.bind(behind);
    a.test(RSI, RSI);
    a.jump(Condition.EQUAL, done);
    for (int r = 0; r < ROWS; r++) {
      a.vmovdqu16(24 + r, at(POINTERS[r], RBX, 0), 1);
    }
    products(tokens);
    a.bind(done);
  }

  /** Registers 24 to 27 times the step of each token. */
  private void products(int tokens) {
    for (int t = 0; t < tokens; t++) {
      int x = 28 + t % 4;
      a.vmovups(x, at(RAX, t * SUM));
      for (int r = 0; r < ROWS; r++) {
        a.vdpbf16ps(t * ROWS + r, 24 + r, x);
      }
    }
  }

  /** Weights are decoded as {@code Dequantizer} does, in registers, and multiplied in float32. */
  private void blocks(Weights weights, int tokens, boolean readsAhead, Label constants) {
    Label step = new Label();
    Label done = new Label();
    if (weights != Weights.Q8_0) {
      a.lea(RBX, constants, weights == Weights.Q4_0 ? 64 : 0);
      a.vmovups(31, at(RBX));
    }
    a.mov(RBX, 0);
    a.test(RCX, RCX);
    a.jump(Condition.EQUAL, done);
    a.alignLoop();
    a.bind(step);
    for (int r = 0; r < ROWS; r++) {
      Reg row = POINTERS[r];
      a.vpbroadcastw(24, at(row, RBX, 0));
      a.vcvtph2ps(24, 24);
      switch (weights) {
        case Q8_0 -> {
          a.vpmovsxbd(25, at(row, RBX, 2));
          a.vpmovsxbd(26, at(row, RBX, 18));
          a.vcvtdq2ps(25, 25);
          a.vcvtdq2ps(26, 26);
          a.vmulps(25, 25, 24);
          a.vmulps(26, 26, 24);
        }
        case Q4_0, Q4_1 -> {
          a.vmulps(24, 31, 24);
          if (weights == Weights.Q4_1) {
            a.vpbroadcastw(25, at(row, RBX, 2));
            a.vcvtph2ps(25, 25);
            a.vaddps(24, 24, 25);
          }
          a.vpmovzxbd(25, at(row, RBX, weights.stepBytes - 16));
          a.vpsrld(26, 25, 4);
          a.vpermps(25, 25, 24);
          a.vpermps(26, 26, 24);
        }
        case BFLOAT16 -> throw new IllegalArgumentException(weights.toString());
      }
      for (int t = 0; t < tokens; t++) {
        a.vfmadd231ps(t * ROWS + r, 25, at(RAX, 2 * t * SUM));
        a.vfmadd231ps(t * ROWS + r, 26, at(RAX, (2 * t + 1) * SUM));
      }
      if (readsAhead) {
        a.lea(R12, at(RBX, RDI, 0));
        a.prefetcht0(at(row, R12, 0));
      }
    }
    a.add(RBX, weights.stepBytes);
    a.add(RAX, 2 * tokens * SUM);
    a.sub(RCX, 1);
    a.jump(Condition.NOT_EQUAL, step);
    a.bind(done);
  }

  /** Tokens side by side, step after step: what tiles read front to back. */
  private void pack(boolean bfloat16) {
    int bytes = bfloat16 ? SUM : 2 * SUM;
    a.mov(RAX, at(RDI, TAIL_LOW));
    a.kmovd(1, RAX);
    a.mov(RAX, at(RDI, TAIL_HIGH));
    a.kmovd(2, RAX);
    a.mov(RSI, at(RDI, SOURCE));
    a.mov(R8, at(RDI, TARGET));
    a.mov(R9, at(RDI, PACKED_TOKENS));
    a.mov(R10, R9);
    a.shl(R10, Integer.numberOfTrailingZeros(bytes));
    Label token = new Label();
    Label step = new Label();
    Label behind = new Label();
    Label done = new Label();
    a.bind(token);
    a.mov(RAX, RSI);
    a.mov(RDX, R8);
    a.mov(RCX, at(RDI, PACKED_STEPS));
    a.test(RCX, RCX);
    a.jump(Condition.EQUAL, behind);
    a.bind(step);
    a.vmovups(0, at(RAX));
    a.vmovups(1, at(RAX, SUM));
    put(bfloat16);
    a.add(RAX, 2 * SUM);
    a.add(RDX, R10);
    a.sub(RCX, 1);
    a.jump(Condition.NOT_EQUAL, step);
    a.bind(behind);
    a.mov(RCX, at(RDI, TAIL_LOW));
    a.test(RCX, RCX);
    a.jump(Condition.EQUAL, done);
    a.vmovups(0, at(RAX), 1);
    a.vmovups(1, at(RAX, SUM), 2);
    put(bfloat16);
    a.bind(done);
    a.add(RSI, at(RDI, SOURCE_STRIDE));
    a.add(R8, bytes);
    a.sub(R9, 1);
    a.jump(Condition.NOT_EQUAL, token);
    a.vzeroupper();
    a.ret();
  }

  private void put(boolean bfloat16) {
    if (bfloat16) {
      a.vcvtne2ps2bf16(0, 1, 0);
      a.vmovups(at(RDX), 0);
    } else {
      a.vmovups(at(RDX), 0);
      a.vmovups(at(RDX, SUM), 1);
    }
  }
}
