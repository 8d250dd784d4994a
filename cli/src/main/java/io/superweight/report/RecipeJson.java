package io.superweight.report;

import io.superweight.recipe.Recipe;
import java.io.OutputStream;

/** Which modules get which bits, {@code docs/schema/recipe-1.json}. */
public final class RecipeJson {
  /** Name and version of the document's form. */
  public static final String SCHEMA = "superweight.recipe/1";

  private RecipeJson() {}

  /**
   * Writes the document, UTF-8; the stream is flushed and left open.
   *
   * @throws java.io.UncheckedIOException where the stream cannot be written
   */
  public static void write(String version, ModelFacts model, Recipe recipe, OutputStream out) {
    DocumentWriter.write(
        out,
        SCHEMA,
        json -> {
          SharedJson.tool(json, version);
          SharedJson.model(json, model);
          json.text("for", recipe.tool().text());
          json.integer("budgetBytes", recipe.budgetBytes());
          json.integer("elements", recipe.elements());
          json.choice("verdict", recipe.verdict());
          json.interval("difference", recipe.difference());
          json.object(
              "mix",
              () -> {
                json.text("base", recipe.base());
                json.integer("bytes", recipe.bytes());
                json.number("bits", recipe.bits());
                json.interval("divergence", recipe.divergence());
              });
          json.object(
              "stock",
              () -> {
                json.text("name", recipe.stock());
                json.integer("bytes", recipe.stockBytes());
                json.number("bits", recipe.stockBits());
                json.interval("divergence", recipe.stockDivergence());
              });
          json.array(
              "lines",
              recipe.lines(),
              line -> {
                json.text("text", line.text());
                json.text("why", line.why());
              });
          json.array(
              "modules",
              recipe.modules(),
              module -> {
                json.texts("parts", module.parts());
                json.text("coding", module.coding());
                json.integer("bytes", module.bytes());
                json.number("cost", module.cost());
                json.number("perMegabyte", module.perMegabyte());
                json.flag("superWeights", module.superWeights());
              });
          json.integer("chosenTokens", recipe.chosenTokens());
          json.integer("judgedTokens", recipe.judgedTokens());
        });
  }
}
