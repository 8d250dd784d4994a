package io.superweight.report;

import io.superweight.find.Card;
import java.io.OutputStream;
import java.util.Objects;

/** A card of activations as a JSON document, {@code docs/schema/card-1.json}. */
public final class CardJson {
  /** Name and version of the document's form. */
  public static final String SCHEMA = "superweight.card/1";

  private CardJson() {}

  /**
   * Writes the document, UTF-8; the stream is flushed and left open.
   *
   * @throws java.io.UncheckedIOException where the stream cannot be written
   */
  public static void write(Card card, ModelFacts model, OutputStream out) {
    DocumentWriter.write(
        out,
        SCHEMA,
        json -> {
          SharedJson.tool(
              json,
              Objects.requireNonNullElse(
                  CardJson.class.getPackage().getImplementationVersion(), "development"));
          SharedJson.model(json, model);
          json.array("prompts", card.prompts(), prompt -> SharedJson.prompt(json, prompt));
          json.text("sentence", card.sentence());
          json.integers("overflowF16", card.overflowF16());
          json.integers("nearF16", card.nearF16());
          json.integers("keepOutOfW8A8", card.keepOutOfW8A8());
          json.integers("keepOutOfW8A8PerToken", card.keepOutOfW8A8PerToken());
          json.array(
              "layers",
              card.layers(),
              layer -> {
                json.integer("layer", layer.layer());
                json.optional("input", layer.input(), site -> site(json, site));
                json.optional("output", layer.output(), site -> site(json, site));
                json.optional("residual", layer.residual(), site -> site(json, site));
              });
        });
  }

  private static void site(DocumentWriter json, Card.SiteCard site) {
    json.object("largest", () -> SharedJson.extreme(json, site.largest()));
    json.number("median", site.median());
    json.number("headroomF16", site.headroomF16());
    json.number("headroomBf16", site.headroomBf16());
    json.number("headroomFp8", site.headroomFp8());
    json.number("int8MedianSteps", site.int8MedianSteps());
    json.number("int8Zeroed", site.int8Zeroed());
    json.number("int8WorstTokenMedianSteps", site.int8WorstTokenMedianSteps());
    json.indexOrNull("int8WorstToken", site.int8WorstToken());
    json.indexOrNull("int8WorstTokenPrompt", site.int8WorstTokenPrompt());
    json.integer("nonFinite", site.nonFinite());
  }
}
