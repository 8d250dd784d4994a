package io.superweight.experiment;

import io.superweight.InputException;
import io.superweight.Sha256;
import io.superweight.dataset.Dataset;
import io.superweight.dataset.DatasetName;
import io.superweight.dataset.Datasets;
import io.superweight.evaluate.Evaluation;
import io.superweight.evaluate.EvaluationSettings;
import io.superweight.evaluate.Evaluations;
import io.superweight.evaluate.Metric;
import io.superweight.evaluate.Preset;
import io.superweight.evaluate.Protocol;
import io.superweight.evaluate.Request;
import io.superweight.evaluate.Score;
import io.superweight.evaluate.TextPerplexity;
import io.superweight.experiment.Exhibit.Fact;
import io.superweight.experiment.Exhibit.Gap;
import io.superweight.find.Prompt;
import io.superweight.tokenizer.BosPolicy;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import tools.jackson.databind.node.JsonNodeFactory;

/**
 * The paper's seven tasks and two perplexities, those of them that there is data for.
 *
 * @param tasks in the paper's order
 * @param perplexities wikitext-2 and C4 as GPTQ has them; built-in prose where neither is there
 * @param gaps what there is no data for
 * @param whole whether all documents are read
 */
public record Battery(
    List<Evaluation> tasks, List<Evaluation> perplexities, List<Gap> gaps, boolean whole) {
  /** What the paper's tables average. */
  static final String METRIC = "acc";

  public Battery {
    tasks = List.copyOf(tasks);
    perplexities = List.copyOf(perplexities);
    gaps = List.copyOf(gaps);
  }

  /**
   * How much is read.
   *
   * @param documents of each task; empty for all
   * @param windows of each perplexity; empty for all
   * @param window tokens of a window; empty for the protocol's own
   */
  public record Size(OptionalInt documents, OptionalInt windows, OptionalInt window) {
    /** Enough for a first look at a small model in minutes. */
    public static final Size QUICK =
        new Size(OptionalInt.of(25), OptionalInt.of(4), OptionalInt.empty());

    /** As in the paper. */
    public static final Size FULL =
        new Size(OptionalInt.empty(), OptionalInt.empty(), OptionalInt.empty());
  }

  /** Gaps for one reader: those of several sets as one, with the remedy of the first. */
  public static List<Gap> told(List<Gap> gaps) {
    return gaps.size() < 3
        ? gaps
        : List.of(
            new Gap(
                Phrases.joined(gaps.stream().map(gap -> Table1.title(gap.what())).toList()),
                gaps.getFirst().remedy() + "; the others likewise"));
  }

  /** A text of one's own under the rules of another text's protocol. */
  private record OwnText(Evaluation of) implements Evaluation {
    @Override
    public String name() {
      return "text";
    }

    @Override
    public Protocol protocol() {
      return of.protocol();
    }

    @Override
    public List<Request> requests() {
      return of.requests();
    }

    @Override
    public List<Metric> metrics(List<Score> scores) {
      return of.metrics(scores);
    }
  }

  /**
   * A file as the one row of a data set, whatever is asked for.
   *
   * @throws InputException of kind NOT_FOUND where it cannot be read
   */
  private static Dataset dataset(Path file) {
    try {
      byte[] bytes = Files.readAllBytes(file);
      String sha256 = Sha256.hex(bytes);
      String name = file.getFileName().toString();
      return new Dataset(
          new DatasetName(name, "", "all"),
          List.of(new Dataset.File(name, sha256)),
          List.of(
              JsonNodeFactory.instance
                  .objectNode()
                  .put("text", new String(bytes, StandardCharsets.UTF_8))));
    } catch (IOException e) {
      throw new InputException(
          InputException.Kind.NOT_FOUND, "--text: " + file + " cannot be read: check the path", e);
    }
  }

  /**
   * Opens what there is data for; the paper's preset for BOS.
   *
   * @param text whose perplexity is measured in place of wikitext-2 and C4
   */
  public static Battery open(
      Subject subject, Paper paper, Datasets datasets, Size size, Optional<Path> text) {
    EvaluationSettings plain =
        EvaluationSettings.of(
                subject.tokenizer(),
                subject.model().architecture().family(),
                subject.model().maxPositions())
            .withBos(subject.bos());
    EvaluationSettings forTasks = plain.withPreset(Preset.LM_EVAL_0_4_4);
    if (size.documents().isPresent()) {
      forTasks = forTasks.withLimit(size.documents().getAsInt());
    }
    EvaluationSettings forText = plain;
    if (size.windows().isPresent()) {
      forText = forText.withLimit(size.windows().getAsInt());
    }
    if (size.window().isPresent()) {
      forText = forText.withWindow(size.window().getAsInt());
    }
    List<Gap> gaps = new ArrayList<>();
    List<Evaluation> tasks = opened(paper.tasks(), forTasks, datasets, gaps);
    EvaluationSettings settings = forText;
    if (text.isPresent()) {
      Dataset own = dataset(text.get());
      Evaluation evaluation = Evaluations.open("gptq-wikitext2", settings, name -> own);
      return new Battery(tasks, List.of(new OwnText(evaluation)), gaps, size.equals(Size.FULL));
    }
    List<Evaluation> perplexities =
        new ArrayList<>(opened(List.of("gptq-wikitext2", "gptq-c4"), forText, datasets, gaps));
    if (perplexities.isEmpty()) {
      perplexities.add(TextPerplexity.builtIn(forText));
    }
    return new Battery(tasks, perplexities, gaps, size.equals(Size.FULL));
  }

  private static List<Evaluation> opened(
      List<String> names, EvaluationSettings settings, Datasets datasets, List<Gap> gaps) {
    List<Evaluation> opened = new ArrayList<>();
    for (String name : names) {
      try {
        opened.add(Evaluations.open(name, settings, datasets));
      } catch (InputException missing) {
        if (!absent(missing)) {
          throw missing;
        }
        gaps.add(new Gap(name, missing.getMessage()));
      }
    }
    return opened;
  }

  /** Whether that says that there is no data, or not enough; a broken file is another matter. */
  static boolean absent(InputException missing) {
    return switch (missing.kind()) {
      case NOT_FOUND, NETWORK, TEXT -> true;
      default -> false;
    };
  }

  /** The number of a task that the tables hold. */
  static Metric accuracy(SweepResult.Row row) {
    return row.metrics().stream()
        .filter(metric -> metric.name().equals(METRIC))
        .findFirst()
        .orElseThrow();
  }

  /** The protocols of what was evaluated. */
  static List<Fact> facts(SweepResult result) {
    List<Fact> facts = new ArrayList<>();
    for (SweepResult.Part part : result.parts()) {
      Protocol p = part.protocol();
      StringBuilder words = new StringBuilder();
      words
          .append(p.dataset())
          .append(", ")
          .append(
              p.documents() < p.documentsOfAll()
                  ? String.format("%,d of %,d", p.documents(), p.documentsOfAll())
                  : Phrases.counted(p.documents(), "document"))
          .append(p.preset().isEmpty() ? "" : ", " + p.preset())
          .append(", BOS: ")
          .append(p.bos())
          .append(", at most ")
          .append(Phrases.counted(p.windowTokens(), "token"));
      p.sources()
          .forEach(s -> words.append(", ").append(s.name()).append(' ').append(s.sha256(), 0, 12));
      facts.add(new Fact(part.name(), words.toString()));
    }
    return facts;
  }

  /** What the models of a sweep say of themselves, each once. */
  static List<Fact> notes(String name, SweepResult result) {
    return result.models().stream()
        .flatMap(model -> model.notes().stream())
        .distinct()
        .map(note -> new Fact(name, note))
        .toList();
  }

  /**
   * How intervals were drawn.
   *
   * @param from what: {@code bootstrap over documents}
   * @param more behind it, or nothing
   */
  static Fact intervals(String from, String more) {
    return new Fact(
        "intervals",
        "95 %, " + from + ", " + SweepResult.RESAMPLES + " draws, seed " + SweepResult.SEED + more);
  }

  /** What was not read, and what BOS means for tasks. */
  List<String> differences(Subject subject) {
    List<String> differences = new ArrayList<>();
    if (subject.bos() == BosPolicy.AUTO
        && !tasks.isEmpty()
        && subject.found().prompts().stream().anyMatch(Prompt::startsWithBos)) {
      differences.add(
          "Task prompts have no BOS, as in the harness of the paper’s time (lm-eval 0.4.4), though this tokenizer adds one. Where a super activation sits on BOS, it is not there then; --bos always puts one.");
    }
    if (!whole) {
      differences.add(
          "Only the first documents of each set are read, so that this is done in minutes: the intervals are wide, and --full reads all.");
    }
    return differences;
  }
}
