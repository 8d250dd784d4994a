package io.superweight.evaluate;

import io.superweight.dataset.DatasetName;
import io.superweight.python.PythonText;
import java.util.List;
import java.util.regex.Pattern;

/**
 * The zero-shot tasks of the paper, as the LM Evaluation Harness asks and counts them (their
 * declarations are the same from 0.4.3 to 0.4.13).
 */
final class Tasks {
  private static final List<Task.Definition> ALL =
      List.of(
          new Task.Definition(
              "winogrande",
              new DatasetName("allenai/winogrande", "winogrande_xl", "validation"),
              Tasks::winogrande,
              (questions, scores) -> MultipleChoice.metrics(questions, scores, false)),
          choices("arc_challenge", "allenai/ai2_arc", "ARC-Challenge", "test", Tasks::arc),
          choices("arc_easy", "allenai/ai2_arc", "ARC-Easy", "test", Tasks::arc),
          choices("piqa", "baber/piqa", "", "validation", Tasks::piqa),
          choices("sciq", "allenai/sciq", "", "test", Tasks::sciq),
          choices("hellaswag", "Rowan/hellaswag", "", "validation", Tasks::hellaswag),
          new Task.Definition(
              "lambada_openai",
              new DatasetName("EleutherAI/lambada_openai", "default", "test"),
              Tasks::lambada,
              (questions, scores) -> LastWord.metrics(scores)));

  /** What HellaSwag's sources left in brackets; a bracket ends in its line. */
  private static final Pattern BRACKETS = Pattern.compile("\\[.*?]", Pattern.UNIX_LINES);

  private Tasks() {}

  private static Task.Definition choices(
      String name,
      String repository,
      String configuration,
      String split,
      java.util.function.Function<Row, Question> question) {
    return new Task.Definition(
        name,
        new DatasetName(repository, configuration, split),
        question,
        (questions, scores) -> MultipleChoice.metrics(questions, scores, true));
  }

  static List<Evaluations.Entry> entries() {
    return ALL.stream()
        .map(task ->
            new Evaluations.Entry(
                task.name(),
                Evaluations.Kind.TASK,
                task.dataset().toString(),
                (settings, datasets) -> Task.open(task, settings, datasets)))
        .toList();
  }

  private static Question arc(Row row) {
    List<String> texts = row.texts("choices", "text");
    List<String> labels = row.texts("choices", "label");
    if (labels.size() != texts.size()) {
      throw row.lacks(labels.size() + " labels for " + texts.size() + " choices");
    }
    return question(
        "Question: " + row.text("question") + "\nAnswer:",
        texts,
        row.gold(labels.indexOf(row.text("answerKey")), texts.size()));
  }

  private static Question piqa(Row row) {
    List<String> solutions = List.of(row.text("sol1"), row.text("sol2"));
    return question(
        "Question: " + row.text("goal") + "\nAnswer:", solutions, row.gold(row.number("label"), 2));
  }

  private static Question sciq(Row row) {
    return question(
        PythonText.lstrip(row.text("support"))
            + "\nQuestion: "
            + row.text("question")
            + "\nAnswer:",
        List.of(
            row.text("distractor1"),
            row.text("distractor2"),
            row.text("distractor3"),
            row.text("correct_answer")),
        3);
  }

  private static Question hellaswag(Row row) {
    List<String> endings = row.texts("endings").stream().map(Tasks::cleaned).toList();
    return question(
        cleaned(
            row.text("activity_label")
                + ": "
                + row.text("ctx_a")
                + " "
                + PythonText.capitalize(row.text("ctx_b"))),
        endings,
        row.gold(row.number("label"), endings.size()));
  }

  /** The harness's {@code preprocess} of HellaSwag. */
  static String cleaned(String text) {
    String titled = PythonText.strip(text).replace(" [title]", ". ");
    return BRACKETS.matcher(titled).replaceAll("").replace("  ", " ");
  }

  /** The options are put in the sentence's gap, and what follows is scored. */
  private static Question winogrande(Row row) {
    String sentence = row.text("sentence");
    int gap = sentence.indexOf('_');
    if (gap < 0) {
      throw row.lacks("a sentence without a gap (_)");
    }
    List<String> options = List.of(row.text("option1"), row.text("option2"));
    String rest = " " + PythonText.strip(sentence.substring(gap + 1));
    return new Question(
        options.stream().map(option -> sentence.substring(0, gap) + option).toList(),
        List.of(rest, rest),
        options,
        row.gold(row.number("answer") - 1, 2));
  }

  /** The last word and the blank before it are scored. */
  private static Question lambada(Row row) {
    String text = row.text("text");
    int blank = text.lastIndexOf(' ');
    String word = text.substring(blank + 1);
    return new Question(
        List.of(blank < 0 ? "" : text.substring(0, blank)), List.of(" " + word), List.of(word), 0);
  }

  private static Question question(String context, List<String> choices, int gold) {
    return new Question(
        List.of(context), choices.stream().map(choice -> " " + choice).toList(), choices, gold);
  }
}
