package io.superweight.cli;

import io.superweight.InputException;
import io.superweight.evaluate.EvaluationSettings;
import io.superweight.evaluate.Evaluations;
import io.superweight.evaluate.Preset;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import picocli.CommandLine.Option;

/** What is evaluated, and by whose rules. */
final class EvaluationOptions {
  @Option(
      names = {"--tasks", "--protocols"},
      paramLabel = "NAMES",
      split = ",",
      description =
          "What to measure, separated by commas: tasks winogrande, arc_challenge, arc_easy, piqa, sciq, hellaswag, "
              + "lambada_openai (all of these: paper); perplexities gptq-wikitext2, gptq-c4, gptq-c4-new, llama.cpp, "
              + "wikitext, c4, massive-activations-wikitext2, massive-activations-c4")
  private List<String> tasks = List.of();

  @Option(
      names = "--limit",
      paramLabel = "N",
      description = "Only the first N documents or windows of each. Default: all")
  private Integer limit;

  @Option(
      names = "--window",
      paramLabel = "TOKENS",
      description = "Length of a perplexity's windows. Default: the protocol's own")
  private Integer window;

  @Option(
      names = "--preset",
      paramLabel = "PRESET",
      description =
          "Whose rules hold for BOS on task prompts: lm-eval-0.4.12, as the model's tokenizer does; "
              + "lm-eval-0.4.4, none but for Gemma, as in the paper. --bos goes before. Default: lm-eval-0.4.12")
  private String preset = Preset.DEFAULT.text();

  /** Whether any evaluation is asked for. */
  boolean given() {
    return !tasks.isEmpty();
  }

  /**
   * The evaluations asked for, each once.
   *
   * @throws InputException of kind USAGE for an unknown name, and for none
   */
  List<String> names() {
    if (!given()) {
      throw usage("no --tasks given: name some, such as arc_easy,gptq-wikitext2");
    }
    List<String> names =
        tasks.stream()
            .map(String::strip)
            .flatMap(name ->
                name.equals("paper") ? Evaluations.names(Evaluations.Kind.TASK) : Stream.of(name))
            .distinct()
            .toList();
    names.forEach(Evaluations::entry);
    return names;
  }

  /**
   * @throws InputException of kind USAGE for what is out of range
   */
  EvaluationSettings settings(OpenModel model, ModelOptions options) {
    EvaluationSettings settings =
        EvaluationSettings.of(model.tokenizer(), model.transformer())
            .withPreset(preset())
            .withBos(options.bos());
    if (limit != null) {
      if (limit < 1) {
        throw usage("--limit must be at least 1, or left out for all documents");
      }
      settings = settings.withLimit(limit);
    }
    if (window != null) {
      if (window < 2 || window > settings.maxLength()) {
        throw usage(
            "--window must lie between 2 and the model's context of "
                + settings.maxLength()
                + " tokens");
      }
      settings = settings.withWindow(window);
    }
    return settings;
  }

  /**
   * @throws InputException of kind USAGE for an unknown one
   */
  Preset preset() {
    return Arrays.stream(Preset.values())
        .filter(known -> known.text().equals(preset))
        .findFirst()
        .orElseThrow(() ->
            usage(
                "there is no preset \""
                    + preset
                    + "\": there are "
                    + Arrays.stream(Preset.values())
                        .map(Preset::text)
                        .collect(Collectors.joining(" and "))));
  }

  private static InputException usage(String message) {
    return new InputException(InputException.Kind.USAGE, message);
  }
}
