package io.superweight.report;

import io.superweight.edit.EditedModel;
import io.superweight.experiment.Comparison;
import io.superweight.experiment.SweepResult;
import java.io.OutputStream;
import java.util.List;
import java.util.stream.IntStream;

/** A sweep as a JSON document, {@code docs/schema/sweep-1.json}. */
public final class SweepJson {
  /** Name and version of the document's form. */
  public static final String SCHEMA = "superweight.sweep/1";

  private SweepJson() {}

  /**
   * Writes the document, UTF-8; the stream is flushed and left open.
   *
   * @throws java.io.UncheckedIOException where the stream cannot be written
   */
  public static void write(SweepReport report, OutputStream out) {
    SweepResult result = report.result();
    DocumentWriter.write(
        out,
        SCHEMA,
        json -> {
          SharedJson.tool(json, report.version());
          SharedJson.model(json, report.model());
          json.object(
              "intervals",
              () -> {
                json.number("confidence", SweepResult.CONFIDENCE);
                json.integer("resamples", SweepResult.RESAMPLES);
                json.integer("seed", SweepResult.SEED);
              });
          json.array(
              "versions",
              result.models(),
              edited -> {
                json.text("label", edited.label());
                json.text("key", edited.key());
                json.flag("original", edited.key().equals(EditedModel.ORIGINAL.key()));
                json.integer("editedWeights", edited.variant().edits().size());
                json.texts("notes", edited.notes());
              });
          json.array("evaluations", result.parts(), part -> part(json, part));
        });
  }

  private static void part(DocumentWriter json, SweepResult.Part part) {
    json.text("name", part.name());
    json.object("protocol", () -> EvalJson.protocol(json, part.protocol()));
    List<Integer> rows = IntStream.range(0, part.rows().size()).boxed().toList();
    json.array(
        "rows",
        rows,
        r -> {
          SweepResult.Row row = part.rows().get(r);
          json.integer("version", r);
          json.array(
              "metrics",
              IntStream.range(0, row.metrics().size()).boxed().toList(),
              m -> {
                EvalJson.metric(json, row.metrics().get(m));
                json.optional("comparison", row.comparisons().get(m), c -> comparison(json, c));
              });
        });
  }

  private static void comparison(DocumentWriter json, Comparison comparison) {
    json.choice("kind", comparison.kind());
    json.number("estimate", comparison.estimate());
    json.optional(
        "interval",
        comparison.interval(),
        interval -> {
          json.number("low", interval.low());
          json.number("high", interval.high());
        });
    json.integer("better", comparison.better());
    json.integer("worse", comparison.worse());
    json.number("p", comparison.p());
  }
}
