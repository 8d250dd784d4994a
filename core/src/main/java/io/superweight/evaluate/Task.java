package io.superweight.evaluate;

import io.superweight.InputException;
import io.superweight.dataset.Dataset;
import io.superweight.dataset.DatasetName;
import io.superweight.dataset.Datasets;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/** A zero-shot task over questions. */
final class Task implements Evaluation {
  /**
   * What makes a task.
   *
   * @param name as the harness names it
   * @param dataset the split that the harness reads
   * @param question from a row
   * @param counts what is counted
   */
  record Definition(
      String name, DatasetName dataset, Function<Row, Question> question, Counts counts) {}

  /** From scores to metrics. */
  interface Counts {
    List<Metric> metrics(List<Question> questions, List<Score> scores);
  }

  private final Definition definition;
  private final List<Question> questions;
  private final List<Request> requests;
  private final Protocol protocol;

  private Task(
      Definition definition, List<Question> questions, List<Request> requests, Protocol protocol) {
    this.definition = definition;
    this.questions = questions;
    this.requests = requests;
    this.protocol = protocol;
  }

  /** Reads the data and makes the requests. */
  static Evaluation open(Definition definition, EvaluationSettings settings, Datasets datasets) {
    List<String> notes = new ArrayList<>();
    Dataset data = data(definition, datasets, notes);
    int taken = settings.taken(data.rows().size());
    if (taken == 0) {
      throw new InputException(
          InputException.Kind.MALFORMED, data.name() + " has no rows: download it again");
    }
    List<Question> questions = new ArrayList<>();
    List<Request> requests = new ArrayList<>();
    ContinuationRequests encoder = new ContinuationRequests(settings);
    int longest = 0;
    for (int d = 0; d < taken; d++) {
      Question question =
          definition.question().apply(new Row(data.name().toString(), d, data.rows().get(d)));
      questions.add(question);
      for (int c = 0; c < question.continuations().size(); c++) {
        Request request = encoder.of(d, c, question.context(c), question.continuations().get(c));
        requests.add(request);
        longest = Math.max(longest, request.tokens().length);
      }
    }
    if (encoder.shortened() > 0) {
      notes.add(
          encoder.shortened()
              + " of "
              + requests.size()
              + " requests are longer than the model's context of "
              + settings.maxLength()
              + " tokens and lose their beginning, as in the harness.");
    }
    Protocol protocol =
        new Protocol(
            definition.name(),
            settings.preset().text(),
            data.name().toString(),
            data.files().stream()
                .map(file -> new Protocol.Source(file.name(), file.sha256()))
                .toList(),
            notes,
            encoder.bosInWords(),
            longest,
            taken,
            data.rows().size());
    return new Task(definition, List.copyOf(questions), List.copyOf(requests), protocol);
  }

  /** The split that the harness reads; where it is not there, the validation split, said so. */
  private static Dataset data(Definition definition, Datasets datasets, List<String> notes) {
    DatasetName wanted = definition.dataset();
    try {
      return datasets.open(wanted);
    } catch (InputException e) {
      if (e.kind() != InputException.Kind.NOT_FOUND || wanted.split().equals("validation")) {
        throw e;
      }
      try {
        Dataset other =
            datasets.open(
                new DatasetName(wanted.repository(), wanted.configuration(), "validation"));
        notes.add(
            "The "
                + wanted.split()
                + " split, which the harness reads, is not there: this is the validation split,"
                + " and the number is not comparable with published ones.");
        return other;
      } catch (InputException unused) {
        throw e;
      }
    }
  }

  @Override
  public String name() {
    return definition.name();
  }

  @Override
  public Protocol protocol() {
    return protocol;
  }

  @Override
  public List<Request> requests() {
    return requests;
  }

  @Override
  public List<Metric> metrics(List<Score> scores) {
    if (scores.size() != requests.size()) {
      throw new IllegalArgumentException(
          scores.size() + " scores for " + requests.size() + " requests");
    }
    return definition.counts().metrics(questions, scores);
  }

  /** The questions, for tests against the harness's own. */
  List<Question> questions() {
    return questions;
  }
}
