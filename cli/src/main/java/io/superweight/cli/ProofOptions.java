package io.superweight.cli;

import io.superweight.InputException;
import io.superweight.find.VerificationText;
import io.superweight.find.VerifyOptions;
import io.superweight.tokenizer.BosPolicy;
import java.nio.file.Path;
import picocli.CommandLine.Option;

/** How a proof is made. */
final class ProofOptions {
  @Option(
      names = "--importance",
      paramLabel = "RATIO",
      description = "Perplexity ratio from which on a weight is super. Default: 2")
  private double importance = 2;

  @Option(
      names = "--text",
      paramLabel = "FILE",
      description =
          "Text to measure on, documents separated by two or more blank lines. Default: built-in "
              + "public-domain prose")
  private Path text;

  @Option(names = "--seed", paramLabel = "N", description = "Seed of controls and intervals")
  private Long seed;

  /**
   * The options of the verifier; reads the text.
   *
   * @throws InputException where one of them cannot be used
   */
  VerifyOptions under(BosPolicy bos) {
    if (!(importance > 1) || Double.isInfinite(importance)) {
      throw new InputException(
          InputException.Kind.USAGE, "--importance must be a ratio above 1, such as 2");
    }
    VerifyOptions how = VerifyOptions.defaults().withBos(bos).withImportance(importance);
    how = seed == null ? how : how.withSeed(seed);
    return text == null ? how : how.withText(VerificationText.of(text));
  }
}
