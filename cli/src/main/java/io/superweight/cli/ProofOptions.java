package io.superweight.cli;

import io.superweight.InputException;
import io.superweight.find.VerifyOptions;
import io.superweight.tokenizer.BosPolicy;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** How a proof is made. */
final class ProofOptions {
  @Option(
      names = "--importance",
      paramLabel = "RATIO",
      description = "Perplexity ratio from which on a weight is super. Default: 2")
  private double importance = 2;

  @Mixin private TextOption text;

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
    VerifyOptions seeded = seed == null ? how : how.withSeed(seed);
    return text.read().map(seeded::withText).orElse(seeded);
  }
}
