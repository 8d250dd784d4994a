package io.superweight.experiment;

import io.superweight.experiment.Exhibit.Cell;
import io.superweight.experiment.Exhibit.Column;
import io.superweight.experiment.Exhibit.Fact;
import io.superweight.experiment.Exhibit.Form;
import io.superweight.experiment.Exhibit.Row;
import io.superweight.experiment.Exhibit.Table;
import io.superweight.experiment.Paper.PaperModel;
import io.superweight.find.Candidate;
import io.superweight.find.Role;
import io.superweight.model.Coordinate;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Table 2: the coordinates of the super weights, found here and published.
 *
 * @param subject the model and the search
 * @param lines each weight that is found or published
 */
public record Table2(Subject subject, Optional<PaperModel> published, List<Line> lines) {

  /**
   * A weight.
   *
   * @param value its value in this model; NaN where the model has no such weight
   * @param found what the search says of it; empty where it did not find it
   * @param published whether the paper lists it for this model
   */
  public record Line(
      Coordinate weight, double value, Optional<Candidate> found, boolean published) {}

  public Table2 {
    lines = List.copyOf(lines);
  }

  /** Puts what the search found beside what the paper lists. */
  public static Table2 of(Subject subject, Paper paper) {
    Optional<PaperModel> published = paper.named(subject.name());
    List<Candidate> candidates = subject.found().candidates();
    Set<Coordinate> weights = new LinkedHashSet<>();
    candidates.stream().map(Candidate::coordinate).forEach(weights::add);
    published.ifPresent(model -> weights.addAll(model.superWeights()));
    return new Table2(
        subject,
        published,
        weights.stream()
            .map(weight ->
                new Line(
                    weight,
                    value(subject, weight),
                    candidates.stream().filter(c -> c.coordinate().equals(weight)).findFirst(),
                    published.map(m -> m.superWeights().contains(weight)).orElse(false)))
            .toList());
  }

  private static double value(Subject subject, Coordinate weight) {
    var matrix = subject.model().matrices().get(weight.part());
    return matrix == null || weight.row() >= matrix.rows() || weight.col() >= matrix.cols()
        ? Double.NaN
        : subject.model().weight(weight);
  }

  /** The table. */
  public Exhibit exhibit(Paper paper) {
    List<Row> rows = new ArrayList<>();
    for (Line line : lines) {
      rows.add(
          Row.measured(
              Cell.of(line.weight.toString()),
              Double.isNaN(line.value)
                  ? Cell.of("no such weight in this model")
                  : Cell.of(line.value),
              line.found.map(c -> Cell.of(c.role().text())).orElse(Cell.of("not found")),
              line.found.map(c -> Cell.of((double) c.rank())).orElse(Cell.none()),
              line.found.map(c -> Cell.of(c.share() * 100)).orElse(Cell.none()),
              Cell.of(
                  published.isEmpty() ? "model not in the paper" : line.published ? "yes" : "no")));
    }
    Table found =
        new Table(
            "weights",
            "Found here",
            List.of(
                new Column("weight", "weight", Form.WORDS),
                new Column("value", "value", Form.WEIGHT),
                new Column("role", "role", Form.WORDS),
                new Column("rank", "rank in its matrix", Form.COUNT),
                new Column("share", "share of the output, %", Form.PERCENT),
                new Column("published", "in Table 2", Form.WORDS)),
            rows);
    List<Row> all = new ArrayList<>();
    for (PaperModel model : paper.models()) {
      for (int i = 0; i < model.superWeights().size(); i++) {
        all.add(
            Row.of(
                "paper",
                Cell.of(model.name()),
                Cell.of(model.superWeights().get(i).toString()),
                i < model.values().size() ? Cell.of(model.values().get(i)) : Cell.none(),
                Cell.of(i == model.superWeights().size() - 1 ? model.note() : "")));
      }
    }
    Table table2 =
        new Table(
            "paper",
            "The paper’s Table 2",
            List.of(
                new Column("model", "model", Form.WORDS),
                new Column("weight", "weight", Form.WORDS),
                new Column("value", "value, as replications report it", Form.WEIGHT),
                new Column("note", "note", Form.WORDS)),
            all);
    return new Exhibit(
        Item.TABLE2,
        answer(),
        findings(),
        List.of(),
        List.of(found, table2),
        List.of(
            "The paper reads coordinates off a plot, one for each layer and pass; here outputs are taken apart exactly, so that several weights of one layer are found, each with its share and role.",
            "Where Table 2 and the released code disagree (OLMo-1B), the code’s layer is taken: the weight there is the largest of its matrix."),
        List.of(),
        protocol());
  }

  private String answer() {
    List<Coordinate> sources =
        lines.stream()
            .filter(line -> line.found.map(c -> c.role() == Role.SOURCE).orElse(false))
            .map(Line::weight)
            .toList();
    String words =
        sources.isEmpty()
            ? "The search finds no weight that makes a super activation"
            : "The search finds "
                + Phrases.counted(sources.size(), "weight")
                + " that "
                + (sources.size() == 1 ? "makes" : "make")
                + " a super activation: "
                + Phrases.weights(sources);
    if (published.isEmpty()) {
      return words + ". The paper does not list this model.";
    }
    long listed = lines.stream().filter(Line::published).count();
    long both = lines.stream().filter(line -> line.published && line.found.isPresent()).count();
    return words
        + ". Of the "
        + listed
        + " that the paper lists for "
        + published.get().name()
        + " it finds "
        + both
        + ".";
  }

  private List<String> findings() {
    List<String> findings = new ArrayList<>();
    published
        .map(PaperModel::note)
        .filter(note -> !note.isEmpty())
        .ifPresent(note -> findings.add(note));
    List<String> others =
        lines.stream()
            .flatMap(line -> line.found.stream())
            .filter(c -> c.role() != Role.SOURCE)
            .map(c -> c.coordinate() + " (" + c.role().text() + ")")
            .toList();
    if (!others.isEmpty()) {
      findings.add("Also accepted, in other roles: " + Phrases.joined(others) + ".");
    }
    return findings;
  }

  private List<Fact> protocol() {
    List<Fact> facts = new ArrayList<>();
    facts.add(new Fact("rule", subject.found().rule().text()));
    facts.add(new Fact("rounds of zero-and-repeat", "" + subject.found().rounds().size()));
    subject.found().prompts().forEach(prompt -> facts.addAll(Phrases.prompt(prompt)));
    return facts;
  }
}
