package io.superweight.report;

import io.superweight.edit.EditedModel;
import io.superweight.model.Transformer;
import io.superweight.model.WeightTransform;
import io.superweight.quantize.QuantizedWeights;
import io.superweight.quantize.TensorReport;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * What rounding does to each matrix of a model as it is stored (before SmoothQuant, where that is
 * part of a version), as CSV: one line for each version and matrix, and one more for each held
 * weight.
 */
public final class RoundingCsv {
  private RoundingCsv() {}

  /** Writes the versions whose weights are rounded. */
  public static void write(List<EditedModel> versions, Transformer model, OutputStream to) {
    PrintStream out = new PrintStream(to, false, StandardCharsets.UTF_8);
    out.print(
        "version,matrix,rows,cols,mean_squared_error,relative_error,largest_error,blocks,"
            + "constant_blocks,clipped,one_block,held,original,without_holding,effect\n");
    for (EditedModel version : versions) {
      for (WeightTransform transform : version.variant().weights()) {
        if (transform instanceof QuantizedWeights rounded) {
          rounded.report(model).forEach(report -> line(version.label(), report, out));
        }
      }
    }
    out.flush();
  }

  private static void line(String version, TensorReport of, PrintStream out) {
    String start =
        String.join(
            ",",
            '"' + version.replace("\"", "\"\"") + '"',
            of.part(),
            "" + of.rows(),
            "" + of.cols(),
            "" + of.meanSquaredError(),
            "" + of.relativeError(),
            "" + of.largestError(),
            "" + of.outcome().blocks(),
            "" + of.outcome().constantBlocks(),
            "" + of.outcome().clipped(),
            "" + of.outcome().fallback());
    if (of.held().isEmpty()) {
      out.print(start + ",,,,\n");
    }
    for (TensorReport.Held held : of.held()) {
      out.print(
          start
              + ",\""
              + held.weight()
              + "\","
              + held.original()
              + ","
              + held.quantized()
              + ","
              + (held.noEffect() ? "none" : "restored")
              + "\n");
    }
  }
}
