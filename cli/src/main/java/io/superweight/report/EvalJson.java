package io.superweight.report;

import io.superweight.evaluate.Metric;
import io.superweight.evaluate.Protocol;
import io.superweight.experiment.SweepResult;
import java.io.OutputStream;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalDouble;

/** What a model scores as a JSON document, {@code docs/schema/eval-1.json}. */
public final class EvalJson {
  /** Name and version of the document's form. */
  public static final String SCHEMA = "superweight.eval/1";

  private EvalJson() {}

  /** An evaluation of one edited model. */
  private record Result(SweepResult.Part part, SweepResult.Row row) {}

  /**
   * Writes the document, UTF-8; the stream is flushed and left open.
   *
   * @param version of Superweight
   * @throws java.io.UncheckedIOException where the stream cannot be written
   */
  public static void write(String version, ModelFacts model, SweepResult result, OutputStream out) {
    List<Result> results =
        result.parts().stream()
            .flatMap(part -> part.rows().stream().map(row -> new Result(part, row)))
            .toList();
    DocumentWriter.write(
        out,
        SCHEMA,
        json -> {
          SharedJson.tool(json, version);
          SharedJson.model(json, model);
          json.array("results", results, one -> result(json, one));
        });
  }

  private static void result(DocumentWriter json, Result one) {
    json.text("name", one.part.name());
    json.object(
        "edit",
        () -> {
          json.text("label", one.row.model().label());
          json.text("key", one.row.model().key());
          json.texts("notes", one.row.model().notes());
        });
    json.object("protocol", () -> protocol(json, one.part.protocol()));
    json.array("metrics", one.row.metrics(), metric -> metric(json, metric));
    json.numbers("running", running(one.row.metrics()));
  }

  /** What llama.cpp prints as it goes; of perplexities per token alone, whose windows are alike. */
  private static List<Float> running(List<Metric> metrics) {
    return metrics.size() == 1 && metrics.getFirst().name().equals("perplexity")
        ? Arrays.stream(metrics.getFirst().running()).mapToObj(value -> (float) value).toList()
        : List.of();
  }

  /** What belongs to a number. */
  static void protocol(DocumentWriter json, Protocol protocol) {
    json.text("name", protocol.name());
    json.textOrNull("preset", protocol.preset());
    json.text("dataset", protocol.dataset());
    json.array(
        "sources",
        protocol.sources(),
        source -> {
          json.text("name", source.name());
          json.text("sha256", source.sha256());
        });
    json.texts("notes", protocol.notes());
    json.text("bos", protocol.bos());
    json.integer("windowTokens", protocol.windowTokens());
    json.integer("documents", protocol.documents());
    json.integer("documentsOfAll", protocol.documentsOfAll());
  }

  /** A number and what the reference says of it. */
  static void metric(DocumentWriter json, Metric metric) {
    json.text("name", metric.name());
    json.number("value", metric.value());
    numberOrNull(json, "standardError", metric.standardError());
    numberOrNull(json, "chance", metric.chance());
    json.flag("higherIsBetter", metric.higherIsBetter());
  }

  private static void numberOrNull(DocumentWriter json, String name, OptionalDouble value) {
    json.measured(name, value.orElse(Double.NaN));
  }
}
