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
 * The machine code of products. A routine goes over rows of W, pieces of their elements and tiles
 * of tokens. The rows make four <i>runs</i> of neighbours, read side by side front to back, since
 * the processor reads ahead in long runs. It calls <i>tiles</i>, the inner loops, one for each type
 * of weights and number of tokens: {@value #ROWS} rows of W times one to {@value #MOST_TOKENS} rows
 * of x, all running sums in registers.
 *
 * <p>A <i>step</i> is 32 elements, those of a block. Running sums are vectors of 16 lanes, added up
 * at the end by halves onto halves. In float32 lane i takes the elements {@code k mod 16 = i} in
 * rising order of k, each with one fused multiply-add, as {@code VectorTiles} has it. In bfloat16
 * lane i takes the elements {@code 2i} and {@code 2i + 1} of each step with one {@code vdpbf16ps}.
 * Either way the bits of a sum depend on its row of x and its row of W alone.
 *
 * <p>Vectors that cross a cache line take twice as long, and files align nothing to lines. So where
 * all rows lie alike, steps begin at the line that a row begins in: with those of its elements that
 * are behind. That turns the lanes of a sum round, nothing else, and they are turned back at the
 * end.
 *
 * <p>A second routine is for bfloat16 and a few tokens, where memory is what counts. Its rows come
 * one after another, in groups of {@value #FEW_GROUP}; of a group it takes one piece after another
 * of all rows, {@value #ROWS} rows at a time, or for more tokens than a tile of four rows has
 * registers for, twice {@value #PAIR}. Reading goes on in two steps: into the second cache a group
 * ahead, which is the next piece and covers memory's delay, and into the first {@value #ROWS} rows
 * ahead.
 */
final class MachineCode {
  /** Rows of W in a tile. */
  static final int ROWS = 4;

  /** The most tokens of a tile: 24 sums, four rows of W and what is multiplied. */
  static final int MOST_TOKENS = 6;

  /** Up to so many tokens rows are read whole, as fast as memory is. */
  static final int FEWEST = 3;

  /** Rows of a tile of more tokens. */
  static final int PAIR = 2;

  /** The most tokens of such a tile: 26 sums, two rows of W and what is multiplied. */
  static final int MOST_TOKENS_OF_PAIR = 13;

  /** Rows of W whose sums are kept while pieces of them are read, of a few tokens. */
  static final int FEW_GROUP = 64;

  /**
   * Bytes from the sums of one token and such a group to the next token's; a multiple of 4,096
   * would put all sums of a row in the same set of the first cache.
   */
  static final int FEW_SUMS_OF_TOKEN = FEW_GROUP * 64 + ROWS * 64;

  /** Rows of each run whose totals are written at a time. */
  static final int GROUP = 4;

  /** So many rows before its use a piece of a row is asked for. */
  private static final int ROWS_AHEAD = 2;

  /** Elements of a step. */
  static final int STEP = 32;

  /** Bytes of a running sum. */
  static final int SUM = 64;

  /** Bytes of the sums of one token and a group of rows. */
  static final int SUMS_OF_TOKEN = GROUP * ROWS * SUM;

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

    /** Which element of 16 is at a lane, and which lane has an element. */
    int turned(int lane) {
      return this == Q4_0 || this == Q4_1 ? lane % 4 * 4 + lane / 4 : lane;
    }
  }

  /**
   * Which sums a tile has: of some tokens and of some rows of the four.
   *
   * @param sumsOfToken bytes from the sums of a token to those of the next
   */
  private record Form(int tokens, int firstRow, int rows, int sumsOfToken) {
    /** The register of a sum. */
    int sum(int token, int row) {
      return token * rows + row;
    }

    /** The register of a row of W. */
    int weights(int row) {
      return 28 - rows + row;
    }

    Reg pointer(int row) {
      return POINTERS[firstRow + row];
    }

    Mem kept(int token, int row) {
      return at(RDX, token * sumsOfToken + row * SUM);
    }
  }

  /** Which rows of W a tile asks for before their use. */
  enum Ahead {
    NONE,
    ALL,
    FIRST_TWO,
    LAST_TWO;

    private boolean row(int row) {
      return this == ALL || this == FIRST_TWO && row < 2 || this == LAST_TWO && row >= 2;
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

  /** Rows of a run: a quarter of all, rounded up. */
  static final int RUN = 104;

  /** The float32 values of all float16; blocks only. */
  static final int HALVES = 112;

  /** The elements of the first step that are a row's, as a mask of 32; bfloat16 only. */
  static final int HEAD = 120;

  private static final int FIRST_STEP = 128;
  private static final int ROW = 136;
  private static final int TILES_LEFT = 144;

  /** Rows that may be read ahead, counted from W; a few tokens only. */
  static final int LAST_AHEAD = 152;

  /** From a tile's rows to those that are brought into the first cache: of the first, the last. */
  private static final int NEAR = 160;

  private static final int NEAR_OF_LAST = 168;

  /** Which lane of a running sum is the first, the second, …: 16 numbers of 32 bits. */
  static final int ROTATION = 192;

  /** Bytes of the arguments. */
  static final int ARGUMENTS = 256;

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

  /** The same of the first step. */
  static final int HEAD_LOW = 56;

  static final int HEAD_HIGH = 64;

  /** From a token's step to its next one, in bytes. */
  static final int PACKED_STRIDE = 72;

  /** Which element of each 16 is the first, the second, …: numbers of 32 bits; float32 only. */
  static final int ORDER = 128;

  /** Which sum goes into which register, so that their totals come out in order. */
  private static final int[] TOTALS = {0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15};

  /** Rows of W, one of each run. */
  private static final Reg[] POINTERS = {R8, R9, R10, R11};

  private final Assembler a = new Assembler();
  private final Map<Weights, int[][]> tiles = new EnumMap<>(Weights.class);
  private final int multiply;
  private final int multiplyFew;
  private final int[][] few = new int[MOST_TOKENS_OF_PAIR + 1][];
  private final int packBfloat16;
  private final int pack;

  MachineCode() {
    Label fromZero = new Label();
    multiply = a.position();
    multiply(false);
    a.align();
    multiplyFew = a.position();
    multiply(true);
    a.align();
    packBfloat16 = a.position();
    pack(true);
    a.align();
    pack = a.position();
    pack(false);
    for (Weights weights : Weights.values()) {
      int[][] all = new int[Ahead.values().length][MOST_TOKENS + 1];
      for (Ahead ahead : Ahead.values()) {
        for (int tokens = 1; tokens <= MOST_TOKENS; tokens++) {
          all[ahead.ordinal()][tokens] = tile(weights, tokens, ahead, fromZero);
        }
      }
      tiles.put(weights, all);
    }
    for (int tokens = FEWEST + 1; tokens <= MOST_TOKENS_OF_PAIR; tokens++) {
      few[tokens] =
          tokens <= MOST_TOKENS
              ? new int[] {fewTile(tokens, 0, ROWS)}
              : new int[] {fewTile(tokens, 0, PAIR), fewTile(tokens, PAIR, PAIR)};
    }
    a.align();
    a.bind(fromZero);
    for (int i = 0; i < 16; i++) {
      a.data(Float.floatToRawIntBits(i));
    }
    for (int i = 0; i < 16; i++) {
      a.data(Float.floatToRawIntBits(i - 8));
    }
    for (int i = 0; i < 16; i++) {
      a.data(i / 4 * 8);
    }
    for (int i = 0; i < 16; i++) {
      a.data(i / 4 * 8 + 4);
    }
  }

  byte[] bytes() {
    return a.code();
  }

  /** Where the product begins. */
  int product() {
    return multiply;
  }

  /**
   * The same for bfloat16 and more than {@link #FEWEST}, at most {@link #MOST_TOKENS_OF_PAIR}
   * tokens.
   */
  int productOfFew() {
    return multiplyFew;
  }

  /** Where the tiles of a row's four neighbours begin, one after another of the four. */
  int[] tilesOfFew(int tokens) {
    return few[tokens].clone();
  }

  /** Where packing of x begins: {@code [steps, tokens, 32]}. */
  int packing(Weights weights) {
    return weights == Weights.BFLOAT16 ? packBfloat16 : pack;
  }

  /** Where a tile begins. */
  int tile(Weights weights, int tokens, Ahead ahead) {
    return tiles.get(weights)[ahead.ordinal()][tokens];
  }

  private static Mem argument(int offset) {
    return at(R15, offset);
  }

  /**
   * Goes over rows, pieces and tiles.
   *
   * @param few rows come one after another, not from runs
   */
  private void multiply(boolean few) {
    int rowsAtOnce = few ? ROWS : 1; // of each run
    int group = few ? FEW_GROUP : GROUP;
    int end = few ? W_ROWS : RUN;
    Reg[] kept = {RBX, RBP, R12, R13, R14, R15};
    for (Reg r : kept) {
      a.push(r);
    }
    a.mov(R15, RDI);
    a.mov(RAX, argument(TAIL));
    a.kmovd(1, RAX);
    a.mov(RAX, argument(HEAD));
    a.kmovd(6, RAX);
    a.mov(RAX, 0);
    a.mov(argument(ROW), RAX);

    Label groups = new Label();
    a.bind(groups);
    a.mov(RAX, 0);
    a.mov(argument(FIRST_STEP), RAX);

    Label piece = new Label();
    a.bind(piece);
    beginPiece();

    // rbp: row of the group; r8 to r11: that row of each run, or that one and its neighbours; the
    // last of W where there is none
    Label rows = new Label();
    a.bind(rows);
    a.mov(RAX, argument(ROW));
    a.add(RAX, RBP);
    a.mov(RDX, argument(W_ROWS));
    a.sub(RDX, 1);
    a.mov(RCX, argument(FIRST_STEP));
    a.imul(RCX, argument(W_STEP));
    a.add(RCX, argument(W));
    for (Reg pointer : POINTERS) {
      a.mov(pointer, RAX);
      a.cmp(pointer, RDX);
      a.cmov(Condition.GREATER, pointer, RDX);
      a.imul(pointer, argument(W_STRIDE));
      a.add(pointer, RCX);
      if (few) {
        a.add(RAX, 1);
      } else {
        a.add(RAX, argument(RUN));
      }
    }
    if (few) {
      readAheadOfFew();
    } else {
      readAhead(ROWS_AHEAD, GROUP);
    }
    callTiles(ROWS / rowsAtOnce * SUM);

    Label pieceDone = new Label();
    a.add(RBP, rowsAtOnce);
    a.cmp(RBP, group);
    a.jump(Condition.EQUAL, pieceDone);
    a.mov(RAX, argument(ROW));
    a.add(RAX, RBP);
    a.cmp(RAX, argument(end));
    a.jump(Condition.LESS, rows);
    a.bind(pieceDone);
    a.add(R13, argument(FIRST_STEP));
    a.mov(argument(FIRST_STEP), R13);
    a.cmp(R13, argument(STEPS));
    a.jump(Condition.LESS, piece);

    if (few) {
      totalsOfFew();
    } else {
      totals();
    }
    a.mov(RAX, argument(ROW));
    a.add(RAX, group);
    a.mov(argument(ROW), RAX);
    a.cmp(RAX, argument(end));
    a.jump(Condition.LESS, groups);

    a.vzeroupper();
    for (int i = kept.length - 1; i >= 0; i--) {
      a.pop(kept[i]);
    }
    a.ret();
  }

  /** r13: steps of the piece; rsi: whether the elements behind the last step are its, too. */
  private void beginPiece() {
    Label stepsKnown = new Label();
    a.mov(RSI, argument(TAIL));
    a.mov(R13, argument(STEPS));
    a.sub(R13, argument(FIRST_STEP));
    a.cmp(R13, argument(PIECE));
    a.jump(Condition.LESS_OR_EQUAL, stepsKnown);
    a.mov(R13, argument(PIECE));
    a.mov(RSI, 0);
    a.bind(stepsKnown);
    a.mov(RBP, 0);
  }

  /**
   * Multiplies the rows that are pointed to by every tile of tokens.
   *
   * @param sumsOfRow bytes of the sums that a step of rbp moves on by
   */
  private void callTiles(int sumsOfRow) {
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
    a.shl(RDX, Integer.numberOfTrailingZeros(sumsOfRow));
    a.add(RDX, argument(SUMS));
    a.add(RDX, at(R14, TILE_SUMS));
    a.mov(RCX, R13);
    a.call(at(R14, TILE_CODE));
    a.add(R14, TILE_BYTES);
    a.mov(RCX, argument(TILES_LEFT));
    a.sub(RCX, 1);
    a.mov(argument(TILES_LEFT), RCX);
    a.jump(Condition.NOT_EQUAL, tile);
  }

  /** How far ahead both caches are filled, and no further than it is of use. */
  private void readAheadOfFew() {
    readAheadWithin(ROWS);
    a.mov(argument(NEAR), RDI);
    a.mov(RAX, argument(W_STRIDE));
    a.add(RAX, RAX);
    a.sub(RDI, RAX);
    a.mov(argument(NEAR_OF_LAST), RDI);
    readAheadWithin(FEW_GROUP);
  }

  private void readAheadWithin(int rows) {
    Label known = new Label();
    readAhead(rows, FEW_GROUP);
    a.mov(RAX, argument(ROW));
    a.add(RAX, RBP);
    a.add(RAX, rows);
    a.cmp(RAX, argument(LAST_AHEAD));
    a.jump(Condition.LESS, known);
    a.mov(RDI, 0);
    a.bind(known);
  }

  /**
   * rdi = bytes from a piece of a row to the one that is read some rows later: the same piece so
   * many rows on, else the next piece of the group's first rows, else the first piece of the next
   * group.
   */
  private void readAhead(int rows, int group) {
    Label known = new Label();
    Label lastPiece = new Label();
    a.mov(RDI, rows);
    a.imul(RDI, argument(W_STRIDE));
    a.cmp(RBP, group - rows);
    a.jump(Condition.LESS, known);
    a.mov(RAX, argument(FIRST_STEP));
    a.mov(RDX, RAX);
    a.imul(RDX, argument(W_STEP));
    a.add(RAX, R13);
    a.cmp(RAX, argument(STEPS));
    a.jump(Condition.EQUAL, lastPiece);
    a.mov(RDI, rows - group);
    a.imul(RDI, argument(W_STRIDE));
    a.mov(RDX, argument(PIECE));
    a.imul(RDX, argument(W_STEP));
    a.add(RDI, RDX);
    a.jump(known);
    a.bind(lastPiece);
    a.sub(RDI, RDX);
    a.bind(known);
  }

  /** Adds up the sums of a group of few tokens and writes them to y, sixteen rows at a time. */
  private void totalsOfFew() {
    a.mov(R10, argument(ROW));
    a.mov(R11, argument(SUMS));
    a.vmovups(18, argument(ROTATION));
    Label sixteen = new Label();
    Label done = new Label();
    a.mov(RBP, FEW_GROUP / 16);
    a.bind(sixteen);
    a.mov(RCX, argument(W_ROWS));
    a.sub(RCX, R10);
    a.jump(Condition.LESS_OR_EQUAL, done);
    a.mov(RAX, 16);
    a.cmp(RCX, RAX);
    a.cmov(Condition.GREATER, RCX, RAX);
    a.mov(RBX, 1);
    a.shl(RBX);
    a.sub(RBX, 1);
    a.kmovd(2, RBX);
    a.mov(RDX, R10);
    a.shl(RDX, 2);
    a.add(RDX, argument(Y));
    a.mov(RAX, R11);
    a.mov(RCX, argument(TOKENS));
    Label token = new Label();
    a.bind(token);
    for (int i = 0; i < 16; i++) {
      a.vmovups(i, at(RAX, TOTALS[i] * SUM));
    }
    addUp();
    a.vmovups(at(RDX), 0, 2);
    a.add(RAX, FEW_SUMS_OF_TOKEN);
    a.add(RDX, argument(Y_STRIDE));
    a.sub(RCX, 1);
    a.jump(Condition.NOT_EQUAL, token);
    a.add(R10, 16);
    a.add(R11, 16 * SUM);
    a.sub(RBP, 1);
    a.jump(Condition.NOT_EQUAL, sixteen);
    a.bind(done);
  }

  /** Adds up the sums of a group and writes them to y: four neighbours in each run. */
  private void totals() {
    // Masks 2 to 5: those of the four that are rows of W and of the run.
    a.mov(RAX, argument(W_ROWS));
    a.sub(RAX, argument(ROW));
    a.mov(R8, argument(RUN));
    a.mov(RDX, R8);
    a.sub(RDX, argument(ROW));
    a.mov(R9, GROUP);
    a.cmp(RDX, R9);
    a.cmov(Condition.GREATER, RDX, R9);
    a.mov(R9, 0);
    for (int i = 0; i < ROWS; i++) {
      a.mov(RCX, RAX);
      a.cmp(RCX, RDX);
      a.cmov(Condition.GREATER, RCX, RDX);
      a.cmp(RCX, 0);
      a.cmov(Condition.LESS, RCX, R9);
      a.mov(RBX, 1);
      a.shl(RBX);
      a.sub(RBX, 1);
      a.kmovd(2 + i, RBX);
      a.sub(RAX, R8);
    }
    a.shl(R8, 2); // bytes of y from run to run, and three times that
    a.lea(R9, new Mem(R8, R8, 2, 0));
    a.mov(RDX, argument(ROW));
    a.shl(RDX, 2);
    a.add(RDX, argument(Y));
    a.mov(RAX, argument(SUMS));
    a.mov(RCX, argument(TOKENS));
    a.vmovups(18, argument(ROTATION));
    Label token = new Label();
    a.bind(token);
    // Total 4 · run + row of the group
    for (int i = 0; i < 16; i++) {
      a.vmovups(i, at(RAX, (TOTALS[i] % 4 * ROWS + TOTALS[i] / 4) * SUM));
    }
    addUp();
    a.vshuff32x4(1, 0, 0, 0x55);
    a.vshuff32x4(2, 0, 0, 0xaa);
    a.vshuff32x4(3, 0, 0, 0xff);
    a.vmovups(at(RDX), 0, 2);
    a.vmovups(at(RDX, R8, 0), 1, 3);
    a.vmovups(new Mem(RDX, R8, 2, 0), 2, 4);
    a.vmovups(at(RDX, R9, 0), 3, 5);
    a.add(RAX, SUMS_OF_TOKEN);
    a.add(RDX, argument(Y_STRIDE));
    a.sub(RCX, 1);
    a.jump(Condition.NOT_EQUAL, token);
  }

  /** Lane TOTALS[i] of register 0 = what all lanes of register i add up to, halves onto halves. */
  private void addUp() {
    for (int i = 0; i < 16; i++) {
      a.vpermps(i, 18, i);
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
  }

  /**
   * A tile. In: rax x; rcx steps; rdx sums; r8 to r11 rows of W; rsi whether elements follow the
   * last step, mask 1 which; mask 6 those of the first; rdi how far to read ahead; r12 zero where
   * sums begin. Keeps all but rax, rbx, rcx, r12, vectors and, with blocks, rsi.
   */
  private int tile(Weights weights, int tokens, Ahead ahead, Label constants) {
    a.align();
    int start = a.position();
    Form form = new Form(tokens, 0, ROWS, SUMS_OF_TOKEN);
    if (weights == Weights.BFLOAT16) {
      bfloat16(form, () -> readAhead(ahead));
    } else {
      Label add = new Label();
      Label begun = new Label();
      a.test(R12, R12);
      a.jump(Condition.NOT_EQUAL, add);
      zero(form);
      a.jump(begun);
      a.bind(add);
      load(form);
      a.bind(begun);
      blocks(weights, tokens, ahead, constants);
      store(form);
    }
    a.ret();
    return start;
  }

  /** A tile of few tokens: both kinds of reading ahead. */
  private int fewTile(int tokens, int firstRow, int rows) {
    a.align();
    int start = a.position();
    Form form = new Form(tokens, firstRow, rows, FEW_SUMS_OF_TOKEN);
    bfloat16(
        form,
        () -> {
          a.lea(R12, at(RBX, RDI, 0));
          for (int r = 0; r < rows; r++) {
            a.prefetcht1(at(form.pointer(r), R12, 0));
          }
          if (rows == ROWS) {
            a.mov(R12, argument(NEAR));
          } else if (firstRow == 0) {
            a.mov(R12, argument(W_STRIDE));
            a.add(R12, R12);
          } else {
            a.mov(R12, argument(NEAR_OF_LAST));
          }
          a.add(R12, RBX);
          for (int r = 0; r < rows; r++) {
            a.prefetcht0(at(form.pointer(r), R12, 0));
          }
        });
    a.ret();
    return start;
  }

  private void readAhead(Ahead ahead) {
    if (ahead == Ahead.NONE) {
      return;
    }
    a.lea(R12, at(RBX, RDI, 0));
    for (int r = 0; r < ROWS; r++) {
      if (ahead.row(r)) {
        a.prefetcht0(at(POINTERS[r], R12, 0));
      }
    }
  }

  private void zero(Form form) {
    for (int sum = 0; sum < form.rows * form.tokens; sum++) {
      a.zero(sum);
    }
  }

  private void load(Form form) {
    for (int t = 0; t < form.tokens; t++) {
      for (int r = 0; r < form.rows; r++) {
        a.vmovups(form.sum(t, r), form.kept(t, r));
      }
    }
  }

  private void store(Form form) {
    for (int t = 0; t < form.tokens; t++) {
      for (int r = 0; r < form.rows; r++) {
        a.vmovups(form.kept(t, r), form.sum(t, r));
      }
    }
  }

  private void bfloat16(Form form, Runnable readAhead) {
    Label add = new Label();
    Label begun = new Label();
    Label step = new Label();
    Label behind = new Label();
    Label done = new Label();
    int xBytes = form.tokens * SUM;
    a.mov(RBX, 0);
    a.test(R12, R12);
    a.jump(Condition.NOT_EQUAL, add);
    zero(form);
    a.test(RCX, RCX);
    a.jump(Condition.EQUAL, begun);
    for (int r = 0; r < form.rows; r++) {
      a.vmovdqu16(form.weights(r), at(form.pointer(r)), 6);
    }
    products(form);
    a.add(RBX, SUM);
    a.add(RAX, xBytes);
    a.sub(RCX, 1);
    a.jump(begun);
    a.bind(add);
    load(form);
    a.bind(begun);
    a.test(RCX, RCX);
    a.jump(Condition.EQUAL, behind);
    a.alignLoop();
    a.bind(step);
    for (int r = 0; r < form.rows; r++) {
      a.vmovups(form.weights(r), at(form.pointer(r), RBX, 0));
    }
    products(form);
    readAhead.run();
    a.add(RBX, SUM);
    a.add(RAX, xBytes);
    a.sub(RCX, 1);
    a.jump(Condition.NOT_EQUAL, step);
    a.bind(behind);
    a.test(RSI, RSI);
    a.jump(Condition.EQUAL, done);
    for (int r = 0; r < form.rows; r++) {
      a.vmovdqu16(form.weights(r), at(form.pointer(r), RBX, 0), 1);
    }
    products(form);
    a.bind(done);
    store(form);
  }

  /** The rows of W in registers times the step of each token. */
  private void products(Form form) {
    for (int t = 0; t < form.tokens; t++) {
      int x = 28 + t % 4;
      a.vmovups(x, at(RAX, t * SUM));
      for (int r = 0; r < form.rows; r++) {
        a.vdpbf16ps(form.sum(t, r), form.weights(r), x);
      }
    }
  }

  /** Weights are decoded as {@code Dequantizer} does, in registers, and multiplied in float32. */
  private void blocks(Weights weights, int tokens, Ahead ahead, Label constants) {
    Label step = new Label();
    Label done = new Label();
    if (weights != Weights.Q8_0) {
      a.lea(RBX, constants, weights == Weights.Q4_0 ? 64 : 0);
      a.vmovups(31, at(RBX));
      a.lea(RBX, constants, 128);
      a.vmovups(30, at(RBX));
      a.vmovups(29, at(RBX, SUM));
    }
    a.mov(RSI, argument(HALVES)); // no elements follow the last step
    a.mov(RBX, 0);
    a.test(RCX, RCX);
    a.jump(Condition.EQUAL, done);
    a.alignLoop();
    a.bind(step);
    if (tokens == 1) { // loads are what one token waits for
      a.vmovups(27, at(RAX));
      a.vmovups(28, at(RAX, SUM));
    }
    if (ahead != Ahead.NONE) {
      Label near = new Label();
      if (weights != Weights.Q8_0) { // two of its blocks are less than a line
        a.test(RCX, 1);
        a.jump(Condition.EQUAL, near);
      }
      readAhead(ahead);
      a.bind(near);
    }
    for (int r = 0; r < ROWS; r++) {
      Reg row = POINTERS[r];
      switch (weights) {
        case Q8_0 -> {
          a.vpbroadcastw(24, at(row, RBX, 0));
          a.vcvtph2ps(24, 24);
          a.vpmovsxbd(25, at(row, RBX, 2));
          a.vpmovsxbd(26, at(row, RBX, 18));
          a.vcvtdq2ps(25, 25);
          a.vcvtdq2ps(26, 26);
          a.vmulps(25, 25, 24);
          a.vmulps(26, 26, 24);
        }
        case Q4_0, Q4_1 -> {
          // A scale by a table, nibbles by shifts: exchanges between lanes take a cycle each, and
          // the
          // two that look weights up are enough. Lane 4i + j of 16 gets element 4j + i, as x has
          // it.
          Mem scale = new Mem(RSI, R12, 4, 0);
          a.movzx(R12, at(row, RBX, 0));
          a.vmulps(24, 31, scale);
          if (weights == Weights.Q4_1) {
            a.movzx(R12, at(row, RBX, 2));
            a.vaddps(24, 24, scale);
          }
          a.vbroadcasti32x4(25, at(row, RBX, weights.stepBytes - 16));
          a.vpsrlvd(26, 25, 29);
          a.vpsrlvd(25, 25, 30);
          a.vpermps(25, 25, 24);
          a.vpermps(26, 26, 24);
        }
        case BFLOAT16 -> throw new IllegalArgumentException(weights.toString());
      }
      for (int t = 0; t < tokens; t++) {
        if (tokens == 1) {
          a.vfmadd231ps(r, 25, 27);
          a.vfmadd231ps(r, 26, 28);
        } else {
          a.vfmadd231ps(t * ROWS + r, 25, at(RAX, 2 * t * SUM));
          a.vfmadd231ps(t * ROWS + r, 26, at(RAX, (2 * t + 1) * SUM));
        }
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
    a.mov(RAX, at(RDI, HEAD_LOW));
    a.kmovd(3, RAX);
    a.mov(RAX, at(RDI, HEAD_HIGH));
    a.kmovd(4, RAX);
    if (!bfloat16) {
      a.vmovups(2, at(RDI, ORDER));
    }
    a.mov(RSI, at(RDI, SOURCE));
    a.mov(R8, at(RDI, TARGET));
    a.mov(R9, at(RDI, PACKED_TOKENS));
    a.mov(R10, at(RDI, PACKED_STRIDE));
    Label token = new Label();
    Label first = new Label();
    Label step = new Label();
    Label behind = new Label();
    Label done = new Label();
    a.bind(token);
    a.mov(RAX, RSI);
    a.mov(RDX, R8);
    a.mov(RCX, at(RDI, PACKED_STEPS));
    a.test(RCX, RCX);
    a.jump(Condition.EQUAL, behind);
    a.vmovups(0, at(RAX), 3);
    a.vmovups(1, at(RAX, SUM), 4);
    a.jump(first);
    a.bind(step);
    a.vmovups(0, at(RAX));
    a.vmovups(1, at(RAX, SUM));
    a.bind(first);
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
      a.vpermps(0, 2, 0);
      a.vpermps(1, 2, 1);
      a.vmovups(at(RDX), 0);
      a.vmovups(at(RDX, SUM), 1);
    }
  }
}
