package io.superweight.report;

import io.superweight.audit.Audit;
import java.io.OutputStream;
import java.util.Optional;

/** What quantization did to a model, {@code docs/schema/audit-1.json}. */
public final class AuditJson {
  /** Name and version of the document's form. */
  public static final String SCHEMA = "superweight.audit/1";

  private AuditJson() {}

  /**
   * Writes the document, UTF-8; the stream is flushed and left open.
   *
   * @param base empty where it was not given
   * @throws java.io.UncheckedIOException where the stream cannot be written
   */
  public static void write(
      String version, ModelFacts model, Optional<ModelFacts> base, Audit audit, OutputStream out) {
    DocumentWriter.write(
        out,
        SCHEMA,
        json -> {
          SharedJson.tool(json, version);
          SharedJson.model(json, model);
          json.optional(
              "base",
              base,
              b -> {
                json.text("name", b.name());
                json.text("source", b.source());
                json.text("commit", b.commit());
                json.text("digest", b.digest());
                json.text("format", b.format());
                json.text("dtype", b.dtype());
              });
          json.choice("verdict", audit.verdict());
          json.integer("exitCode", audit.verdict().exitCode());
          json.text("sentence", audit.sentence());
          json.choice("origin", audit.origin());
          json.textOrNull("entry", audit.originName());
          json.array(
              "weights",
              audit.weights(),
              w -> {
                json.text("weight", w.weight().toString());
                json.measured("before", w.before());
                json.measured("after", w.after());
                json.measured("relativeError", w.relativeError());
                json.textOrNull("dtype", w.storedAs());
                json.measured("step", w.step());
                json.indexOrNull("rank", w.rank() == 0 ? -1 : (int) w.rank());
                json.measured("activationBefore", w.activationBefore());
                json.measured("activationAfter", w.activationAfter());
                json.indexOrNull("position", w.position());
                json.choice("state", w.state());
              });
          json.object(
              "predictions",
              () -> {
                Audit.Predictions p = audit.predictions();
                json.measured("basePerplexity", p.basePerplexity());
                json.measured("perplexity", p.perplexity());
                json.measured("unigramPerplexity", p.unigramPerplexity());
                interval(json, "perplexityRatio", p.ratio());
                interval(json, "divergence", p.divergence());
                json.measured("restoredPerplexity", p.restoredPerplexity());
                interval(json, "restoredDivergence", p.restoredDivergence());
              });
          json.object(
              "protocol",
              () -> {
                Audit.Protocol p = audit.protocol();
                json.text("text", p.text());
                json.integer("windows", p.windows());
                json.integer("tokens", p.tokens());
                json.flag("bosAdded", p.bosAdded());
                json.text("prompt", p.prompt());
                json.number("maxKl", p.mostDivergence());
                json.number("maxRatio", p.mostRatio());
                json.number("confidence", p.confidence());
                json.integer("resamples", p.resamples());
                json.integer("seed", p.seed());
              });
        });
  }

  private static void interval(
      DocumentWriter json, String name, Optional<io.superweight.statistics.Interval> interval) {
    json.optional(
        name,
        interval,
        i -> {
          json.number("estimate", i.estimate());
          json.number("low", i.low());
          json.number("high", i.high());
        });
  }
}
