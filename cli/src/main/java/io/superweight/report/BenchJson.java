package io.superweight.report;

import io.superweight.measure.BenchReport;
import io.superweight.measure.Spread;
import java.io.OutputStream;

/** What a machine can do and what the kernels reach, {@code docs/schema/bench-1.json}. */
public final class BenchJson {
  /** Name and version of the document's form. */
  public static final String SCHEMA = "superweight.bench/1";

  private BenchJson() {}

  /**
   * Writes the document, UTF-8; the stream is flushed and left open.
   *
   * @param version of the program
   * @throws java.io.UncheckedIOException where the stream cannot be written
   */
  public static void write(String version, BenchReport report, OutputStream out) {
    DocumentWriter.write(
        out,
        SCHEMA,
        json -> {
          SharedJson.tool(json, version);
          json.object(
              "machine",
              () -> {
                json.text("processor", report.processor());
                json.integer("threads", report.threads());
                json.text("jvm", report.jvm());
                json.texts("devices", report.devices());
              });
          json.array(
              "ceilings",
              report.ceilings(),
              ceiling -> {
                json.choice("kind", ceiling.kind());
                json.text("unit", ceiling.kind().unit());
                json.optional("value", ceiling.value(), spread -> spread(json, spread));
                json.text("how", ceiling.how());
              });
          json.array(
              "products",
              report.products(),
              product -> {
                json.text("device", product.device());
                json.choice("dtype", product.dtype());
                json.choice("precision", product.precision());
                json.text("size", product.shape().model());
                json.integer("rows", product.shape().rows());
                json.integer("cols", product.shape().cols());
                json.integer("tokens", product.tokens());
                json.object("secondsEach", () -> spread(json, product.seconds()));
                json.number("gigabytesPerSecond", product.gigabytes());
                json.number("gigaflops", product.gigaflops());
                json.measured("ofCeiling", product.ofCeiling());
              });
          json.integer("skipped", report.skipped());
          json.number("seconds", report.seconds());
        });
  }

  private static void spread(DocumentWriter json, Spread spread) {
    json.number("median", spread.median());
    json.number("low", spread.low());
    json.number("high", spread.high());
    json.integer("rounds", spread.rounds());
  }
}
