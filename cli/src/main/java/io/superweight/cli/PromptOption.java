package io.superweight.cli;

import io.superweight.InputException;
import io.superweight.find.Prompt;
import io.superweight.tokenizer.BosPolicy;
import io.superweight.tokenizer.Tokenizer;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Option;

/** {@code --prompt}: what the model is run on. */
final class PromptOption {
  @Option(
      names = "--prompt",
      paramLabel = "TEXT",
      description =
          "Text to run the model on, repeatable. Default: the reference prompt, “"
              + Prompt.REFERENCE
              + "”")
  private List<String> prompts = new ArrayList<>();

  boolean given() {
    return !prompts.isEmpty();
  }

  /**
   * The prompts as given, or the reference prompt.
   *
   * @throws InputException of kind TEXT where one is empty
   */
  List<String> prompts() {
    for (String prompt : prompts) {
      if (prompt.isEmpty()) {
        throw new InputException(
            InputException.Kind.TEXT, "--prompt is empty: give it some text, or leave it out");
      }
    }
    return prompts.isEmpty() ? List.of(Prompt.REFERENCE) : prompts;
  }

  List<Prompt> encoded(Tokenizer tokenizer, BosPolicy bos) {
    return prompts().stream().map(text -> Prompt.of(text, tokenizer, bos)).toList();
  }
}
