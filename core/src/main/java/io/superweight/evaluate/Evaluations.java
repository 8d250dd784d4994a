package io.superweight.evaluate;

import io.superweight.InputException;
import io.superweight.dataset.Datasets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/** All evaluations that there are, by the name that a user writes. */
public final class Evaluations {
  private Evaluations() {}

  /** Binds an evaluation to data and a model's tokenizer; reads the data. */
  @FunctionalInterface
  public interface Opener {
    /**
     * @throws InputException as {@link Datasets#open}; of kind TEXT where the data and the settings
     *     do not go together
     */
    Evaluation open(EvaluationSettings settings, Datasets datasets);
  }

  /**
   * What there is of an evaluation before it is opened.
   *
   * @param name as the user writes it
   * @param kind what it is
   * @param summary one line for the help: what is read and what is measured
   * @param opener opens it
   */
  public record Entry(String name, Kind kind, String summary, Opener opener) {}

  /** What an evaluation is. */
  public enum Kind {
    /** Zero-shot accuracy. */
    TASK,
    /** Perplexity of a text. */
    PERPLEXITY
  }

  private static final Map<String, Entry> ENTRIES =
      byName(List.of(Tasks.entries(), Perplexities.entries()));

  private static Map<String, Entry> byName(List<List<Entry>> families) {
    Map<String, Entry> entries = new LinkedHashMap<>();
    families.stream()
        .flatMap(List::stream)
        .forEach(entry -> {
          if (entries.put(entry.name(), entry) != null) {
            throw new IllegalStateException("two evaluations are named " + entry.name());
          }
        });
    return entries;
  }

  /** All of them, tasks first. */
  public static List<Entry> all() {
    return List.copyOf(ENTRIES.values());
  }

  /** The names of a kind. */
  public static Stream<String> names(Kind kind) {
    return ENTRIES.values().stream().filter(e -> e.kind() == kind).map(Entry::name);
  }

  /**
   * The evaluation of that name.
   *
   * @throws InputException of kind USAGE for an unknown name, which lists those that are known;
   *     else as {@link Opener#open}
   */
  public static Evaluation open(String name, EvaluationSettings settings, Datasets datasets) {
    return entry(name).opener().open(settings, datasets);
  }

  /**
   * What there is under that name.
   *
   * @throws InputException of kind USAGE for an unknown name, which lists those that are known
   */
  public static Entry entry(String name) {
    Entry entry = ENTRIES.get(name);
    if (entry == null) {
      throw new InputException(
          InputException.Kind.USAGE,
          "there is no task or protocol named \""
              + name
              + "\": there are "
              + String.join(", ", ENTRIES.keySet()));
    }
    return entry;
  }
}
