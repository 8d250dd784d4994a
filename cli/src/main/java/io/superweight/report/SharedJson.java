package io.superweight.report;

import io.superweight.find.Extreme;
import io.superweight.find.Prompt;

/** The parts that several documents have in common. */
final class SharedJson {
  private SharedJson() {}

  static void tool(DocumentWriter json, String version) {
    json.object(
        "tool",
        () -> {
          json.text("name", "superweight");
          json.text("version", version);
        });
  }

  static void model(DocumentWriter json, ModelFacts model) {
    json.object(
        "model",
        () -> {
          json.text("name", model.name());
          json.text("source", model.source());
          json.text("commit", model.commit());
          json.text("digest", model.digest());
          json.text("format", model.format());
          json.text("family", model.family());
          json.integer("parameters", model.parameters());
          json.integer("bytes", model.bytes());
          json.text("dtype", model.dtype());
          json.integer("layers", model.layers());
          json.integer("hiddenSize", model.hiddenSize());
          json.integer("vocabularySize", model.vocabularySize());
          json.integer("maxPositions", model.maxPositions());
          json.text("tokenizer", model.tokenizer());
          json.indexOrNull("bosToken", model.bosToken());
          json.flag("addsBos", model.addsBos());
          json.text("device", model.device());
        });
  }

  static void prompt(DocumentWriter json, Prompt prompt) {
    json.text("text", prompt.text());
    json.choice("bos", prompt.bos());
    json.flag("startsWithBos", prompt.startsWithBos());
    json.integers("ids", prompt.ids());
    json.texts("tokens", prompt.tokens());
  }

  static void extreme(DocumentWriter json, Extreme extreme) {
    json.number("value", extreme.value());
    json.indexOrNull("channel", extreme.channel());
    json.indexOrNull("expert", extreme.expert());
    json.indexOrNull("prompt", extreme.prompt());
    json.indexOrNull("position", extreme.position());
    json.text("token", extreme.token());
  }
}
