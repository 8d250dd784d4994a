package io.superweight.report;

import io.superweight.find.Verification;
import java.io.OutputStream;

/** What zeroing given weights does as a JSON document, {@code docs/schema/verify-1.json}. */
public final class VerifyJson {
  /** Name and version of the document's form. */
  public static final String SCHEMA = "superweight.verify/1";

  private VerifyJson() {}

  /**
   * Writes the document, UTF-8; the stream is flushed and left open.
   *
   * @param version of Superweight
   * @throws java.io.UncheckedIOException where the stream cannot be written
   */
  public static void write(String version, ModelFacts model, Verification proof, OutputStream out) {
    DocumentWriter.write(
        out,
        SCHEMA,
        json -> {
          SharedJson.tool(json, version);
          SharedJson.model(json, model);
          json.object("verification", () -> FindJson.verification(json, proof));
        });
  }
}
