package io.superweight.compute;

import java.util.List;

/**
 * What the operations of a {@link Device} ask of their operands, for every device the same. Each
 * method takes the arguments of one operation and throws {@link IllegalArgumentException} with the
 * shapes that do not fit; where they do fit, it makes no string.
 */
public final class Operands {
  private Operands() {}

  /** {@link Device.Scope#upload}. */
  public static void requireRows(float[] values, int cols) {
    if (cols <= 0 || values.length % cols != 0) {
      throw misfit(values.length + " values have no rows of " + cols);
    }
  }

  /** {@link Device#matmul(Buffer, Matrix, Buffer)}. */
  public static void requireProduct(Buffer x, Matrix w, Buffer y) {
    if (x.cols() != w.cols() || y.cols() != w.rows() || x.rows() != y.rows()) {
      throw misfit(shape(x) + " · " + shape(w) + "ᵀ does not give " + shape(y));
    }
  }

  /** {@link Device#matmul(Buffer, Buffer, boolean, Buffer)}. */
  public static void requireProduct(Buffer x, Buffer w, Buffer y) {
    if (x.cols() != w.cols() || y.cols() != w.rows() || x.rows() != y.rows()) {
      throw misfit(shape(x) + " · " + shape(w) + "ᵀ does not give " + shape(y));
    }
  }

  /** {@link Device#matmulColumn}. */
  public static void requireColumn(Buffer x, Matrix w, float[] weights, Buffer y, int column) {
    if (x.cols() != weights.length
        || w.cols() != weights.length
        || x.rows() != y.rows()
        || column < 0
        || column >= y.cols()) {
      throw misfit(
          shape(x)
              + " · ["
              + weights.length
              + "] does not give column "
              + column
              + " of "
              + shape(y));
    }
  }

  /** {@link Device#decode}. */
  public static void requireDecoded(Matrix w, Buffer out) {
    if (out.rows() != w.rows() || out.cols() != w.cols()) {
      throw misfit(shape(w) + " does not fit " + shape(out));
    }
  }

  /** {@link Device#put(Buffer, int, int, float)}. */
  public static void requireElement(Buffer x, int row, int col) {
    if (row < 0 || row >= x.rows() || col < 0 || col >= x.cols()) {
      throw misfit("no element [" + row + ", " + col + "] in " + shape(x));
    }
  }

  /** {@link Device#embed}. */
  public static void requireEmbedded(Matrix table, int[] ids, Buffer out) {
    if (out.rows() != ids.length || out.cols() != table.cols()) {
      throw misfit(ids.length + " rows of " + table.cols() + " do not fit " + shape(out));
    }
    requireIndices("row", ids, 0, table.rows());
  }

  /** {@link Device#addBias}. */
  public static void requireBias(Buffer y, Buffer bias) {
    if (bias.rows() != 1 || bias.cols() != y.cols()) {
      throw misfit(shape(bias) + " is no bias for " + shape(y));
    }
  }

  /** {@link Device#add}, {@link Device#copy} and others that go over two buffers alike. */
  public static void requireSame(Buffer a, Buffer b) {
    if (a.rows() != b.rows() || a.cols() != b.cols()) {
      throw misfit(shape(a) + " and " + shape(b) + " differ in shape");
    }
  }

  /** {@link Device#copyColumns}. */
  public static void requireColumns(
      Buffer from, int fromColumn, Buffer to, int toColumn, int count) {
    if (from.rows() != to.rows()
        || fromColumn < 0
        || toColumn < 0
        || count < 0
        || fromColumn + count > from.cols()
        || toColumn + count > to.cols()) {
      throw misfit(
          count
              + " columns from "
              + fromColumn
              + " of "
              + shape(from)
              + " do not fit column "
              + toColumn
              + " of "
              + shape(to));
    }
  }

  /** {@link Device#gatherRows}. */
  public static void requireGathered(Buffer x, int[] rows, Buffer out) {
    if (out.rows() != rows.length || out.cols() != x.cols()) {
      throw misfit(rows.length + " rows of " + shape(x) + " do not fit " + shape(out));
    }
    requireIndices("row", rows, 0, x.rows());
  }

  /** {@link Device#scatterAddRows}. */
  public static void requireScattered(Buffer x, int[] rows, float[] factors, Buffer y) {
    if (x.rows() != rows.length || x.rows() != factors.length || x.cols() != y.cols()) {
      throw misfit(
          shape(x)
              + " with "
              + rows.length
              + " rows and "
              + factors.length
              + " factors does not add to "
              + shape(y));
    }
    requireIndices("row", rows, 0, y.rows());
  }

  /**
   * {@link Device#rmsNorm} and {@link Device#layerNorm}.
   *
   * @param vectors each {@code [1, cols]}, or null for none
   */
  public static void requireNorm(Buffer x, Buffer y, Buffer... vectors) {
    requireSame(x, y);
    for (Buffer vector : vectors) {
      if (vector != null && (vector.rows() != 1 || vector.cols() != x.cols())) {
        throw misfit(shape(vector) + " does not fit the rows of " + shape(x));
      }
    }
  }

  /** {@link Device#rope}. */
  public static void requireRope(Buffer x, int headDim, Buffer cos, Buffer sin, int[] positions) {
    requireSame(cos, sin);
    int pairs = cos.cols();
    if (x.rows() != positions.length || x.cols() % headDim != 0 || 2 * pairs > headDim) {
      throw misfit(
          shape(x)
              + " has no heads of "
              + headDim
              + " with "
              + pairs
              + " pairs at "
              + positions.length
              + " positions");
    }
    requireIndices("position", positions, 0, cos.rows());
  }

  /** {@link Device#attention}. */
  public static void requireAttention(
      Buffer q,
      Buffer k,
      Buffer v,
      Buffer out,
      List<AttentionSpec.Span> spans,
      AttentionSpec spec) {
    requireSame(q, out);
    requireSame(k, v);
    if (q.cols() != spec.heads() * spec.headDim()
        || k.cols() != spec.keyValueHeads() * spec.headDim()
        || spec.heads() % spec.keyValueHeads() != 0) {
      throw misfit(shape(q) + " and " + shape(k) + " do not fit " + spec);
    }
    for (AttentionSpec.Span span : spans) {
      if (span.queryRow() < 0
          || span.keyRow() < 0
          || span.queryCount() > span.keyCount()
          || span.queryRow() + span.queryCount() > q.rows()
          || span.keyRow() + span.keyCount() > k.rows()) {
        throw misfit(span + " is outside of " + shape(q) + " and " + shape(k));
      }
    }
  }

  /** {@link Device#logProbabilities}. */
  public static void requireTargets(Buffer logits, int[] targets) {
    if (logits.rows() != targets.length) {
      throw misfit(targets.length + " targets for " + shape(logits));
    }
    requireIndices("target", targets, 0, logits.cols());
  }

  /** {@link Device#logitBlock}. */
  public static void requireTargetsOrNone(Buffer logits, int[] targets) {
    if (logits.rows() != targets.length || logits.cols() <= 0) {
      throw misfit(targets.length + " targets for " + shape(logits));
    }
    requireIndices("target", targets, -1, logits.cols());
  }

  /** {@link Device#argMax}. */
  public static void requireValues(Buffer x) {
    if (x.cols() <= 0) {
      throw misfit(shape(x) + " has no largest value");
    }
  }

  /** {@link IntegerProducts#pack}. */
  public static void requireCodes(long bytes, int rows, int cols) {
    if (bytes != (long) rows * cols || cols > IntegerProducts.MOST_COLUMNS) {
      throw misfit(bytes + " bytes are not " + shape(rows, cols) + " codes that can be summed");
    }
  }

  /** {@link IntegerProducts#multiply}. */
  public static void requireIntegerProduct(
      Buffer x, float[] xScales, int most, IntegerProducts.Packed w, float[] wScales, Buffer y) {
    if (x.cols() != w.cols()
        || y.cols() != w.rows()
        || x.rows() != y.rows()
        || xScales.length != x.rows()
        || wScales.length != w.rows()
        || most > 127) {
      throw misfit(shape(x) + " · " + shape(w.rows(), w.cols()) + "ᵀ of codes");
    }
  }

  /** {@link IntegerProducts#scaleColumns}. */
  public static void requireFactors(Buffer y, float[] factors) {
    if (y.cols() != factors.length) {
      throw misfit(factors.length + " factors of " + y.cols() + " columns");
    }
  }

  private static void requireIndices(String what, int[] indices, int least, int count) {
    for (int index : indices) {
      if (index < least || index >= count) {
        throw misfit(what + " " + index + " of " + count);
      }
    }
  }

  private static String shape(Buffer x) {
    return shape(x.rows(), x.cols());
  }

  private static String shape(Matrix w) {
    return shape(w.rows(), w.cols());
  }

  private static String shape(int rows, int cols) {
    return "[" + rows + ", " + cols + "]";
  }

  private static IllegalArgumentException misfit(String message) {
    return new IllegalArgumentException(message);
  }
}
