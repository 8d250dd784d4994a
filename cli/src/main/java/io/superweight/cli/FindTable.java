package io.superweight.cli;

import io.superweight.find.Candidate;
import io.superweight.find.ContinuationCase;
import io.superweight.find.ContinuationCase.NextToken;
import io.superweight.find.FindResult;
import io.superweight.find.MemberVerdict;
import io.superweight.find.Prompt;
import io.superweight.find.SetVerdict;
import io.superweight.find.Stability;
import io.superweight.find.SuperActivation;
import io.superweight.find.Verdict;
import io.superweight.find.Verification;
import io.superweight.model.Coordinate;
import io.superweight.report.FindReport;
import io.superweight.report.Headline;
import io.superweight.report.Numerals;
import java.io.PrintStream;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;

/** The result of {@code find} and {@code verify} for a person at a terminal: verdict first. */
final class FindTable {
  private final FindReport report;
  private final PrintStream out;
  private final Look look;
  private final int width;

  private FindTable(FindReport report, Terminal terminal) {
    this.report = report;
    this.out = terminal.out();
    this.look = new Look(terminal.color());
    this.width = Math.clamp(terminal.columns(), 40, 132);
  }

  static void print(FindReport report, Terminal terminal) {
    new FindTable(report, terminal).print();
  }

  private void print() {
    Lines.title(report.model(), look, width, out);
    out.println();
    headline();
    evidence();
    superActivations();
    sets();
    continuation();
    rejected();
    stability();
    notes();
    protocol();
  }

  private void headline() {
    Headline headline = Headline.of(report);
    UnaryOperator<String> paint =
        switch (headline.kind()) {
          case SUPER_WEIGHTS -> look::alarm;
          case NONE -> look::good;
          case CANDIDATES, UNDECIDED, REFUSED -> look::warning;
        };
    Columns.wrap(headline.verdict(), width).forEach(line -> out.println(paint.apply(line)));
    if (!headline.grounds().isEmpty()) {
      Columns.wrap(headline.grounds(), width).forEach(out::println);
    }
  }

  private void evidence() {
    List<Candidate> candidates = report.found().candidates();
    if (candidates.isEmpty()) {
      return;
    }
    title("Evidence");
    Table table = table();
    for (Candidate c : candidates) {
      row(table, c).under(report.verification().isEmpty() ? Shown.prose(c.reason()) : sentence(c));
    }
    lines(table);
  }

  private void rejected() {
    List<Candidate> rejected = report.found().rejected();
    if (rejected.isEmpty()) {
      return;
    }
    title("Rejected: the signature without the substance");
    Table table = table();
    for (Candidate c : rejected) {
      row(table, c).under(Shown.prose(c.reason()));
    }
    lines(table);
  }

  private Table table() {
    return new Table()
        .left("weight", Table.ALWAYS)
        .right("value", 4)
        .right("rank", 5)
        .right("share", 8)
        .right("input", 3)
        .right("output", 6)
        .left("token", 2)
        .left("role", 9)
        .right("zeroed alone", 10)
        .left("verdict", 7);
  }

  private Table.Row row(Table table, Candidate c) {
    Optional<MemberVerdict> verdict = report.verification().flatMap(v -> v.of(c.coordinate()));
    return table
        .row()
        .cell(
            c.coordinate().toString(),
            verdict.map(MemberVerdict::verdict).orElse(Verdict.CANDIDATE) == Verdict.SUPER_WEIGHT
                ? look::alarm
                : look::strong)
        .cell(Numerals.weight(c.value()))
        .cell(Numerals.count(c.rank()))
        .cell(Numerals.share(c.share()))
        .cell(Numerals.value(c.input()))
        .cell(Numerals.value(c.output()))
        .cell(Columns.cut(Shown.token(c.token()), 14))
        .cell(c.role().text())
        .cell(verdict.map(v -> Numerals.ratio(v.alone().perplexityRatio().estimate())).orElse(""))
        .cell(
            verdict
                .map(v -> v.verdict().words())
                .orElse(c.accepted() ? Verdict.CANDIDATE.words() : ""),
            this::faintUnlessSuper);
  }

  private String faintUnlessSuper(String verdict) {
    return verdict.equals(Verdict.SUPER_WEIGHT.words()) ? look.alarm(verdict) : look.faint(verdict);
  }

  private String sentence(Candidate c) {
    return Shown.prose(
        report
            .verification()
            .flatMap(v -> v.of(c.coordinate()))
            .map(MemberVerdict::sentence)
            .orElse(c.reason()));
  }

  private void superActivations() {
    List<SuperActivation> all = report.found().superActivations();
    if (all.isEmpty()) {
      return;
    }
    title(all.size() == 1 ? "The super activation" : "The super activations");
    for (SuperActivation a : all.subList(0, Math.min(3, all.size()))) {
      sentence(
          look.strong(Numerals.value(a.value()))
              + " at channel "
              + a.channel()
              + " of token "
              + a.position()
              + " "
              + Shown.token(a.token())
              + ", "
              + writtenBy(a)
              + ", half of it or more until layer "
              + a.lastLayer()
              + "; "
              + Numerals.count(a.alike())
              + " of "
              + Numerals.count(a.observed())
              + " activations "
              + (a.alike() == 1 ? "is" : "are")
              + " within a tenth of it, the median is "
              + Numerals.value(a.typical())
              + ".");
    }
    if (all.size() > 3) {
      sentence(
          look.faint(
              "and " + Numerals.counted(all.size() - 3, "smaller one") + " (--json lists all)"));
    }
  }

  static String writtenBy(SuperActivation a) {
    return switch (a.writer()) {
      case EMBEDDING -> "already in the embedding";
      case ATTENTION -> "written by the attention of layer " + a.layer();
      case MLP -> "written by the MLP of layer " + a.layer();
      case POST_NORM -> "made by the norm after the MLP of layer " + a.layer();
    };
  }

  private void sets() {
    Optional<Verification> verification = report.verification();
    if (verification.isEmpty()) {
      return;
    }
    Table table =
        new Table()
            .left("zeroed at once", Table.ALWAYS)
            .right("perplexity", Table.ALWAYS)
            .left("95 % interval", 6)
            .right("KL, nats", 3)
            .right("loops", 2)
            .left("verdict", 5);
    for (SetVerdict set : verification.get().sets()) {
      if (set.members().size() < 2) {
        continue;
      }
      Table.Row row =
          table
              .row()
              .cell(shortNames(set.members()))
              .cell(Numerals.ratio(set.joint().perplexityRatio().estimate()))
              .cell(Numerals.range(set.joint().perplexityRatio()))
              .cell(Numerals.value(set.joint().divergence().estimate()))
              .cell(
                  set.joint()
                      .loops()
                      .map(l ->
                          l.measurable()
                              ? l.loops() + " of " + l.prompts() + " (" + l.intactLoops() + ")"
                              : "n. m.")
                      .orElse(""))
              .cell(set.verdict().words(), this::faintUnlessSuper)
              .under(Shown.prose(set.sentence()));
      if (!set.equivalents().isEmpty()) {
        row.under(
            "As good as "
                + Numerals.listed(set.needed())
                + ": "
                + set.equivalents().stream()
                    .map(Numerals::listed)
                    .collect(Collectors.joining("; or "))
                + ".");
      }
    }
    if (!table.isEmpty()) {
      title("Together");
      lines(table);
    }
  }

  private static String shortNames(List<Coordinate> members) {
    return members.size() <= 3
        ? Numerals.listed(members)
        : members.getFirst() + " and " + (members.size() - 1) + " more";
  }

  private void continuation() {
    Optional<ContinuationCase> first =
        report.verification().stream()
            .flatMap(v -> v.sets().stream())
            .flatMap(set -> set.continuation().stream())
            .findFirst();
    if (first.isEmpty()) {
      return;
    }
    ContinuationCase text = first.get();
    title("“" + Shown.text(text.prompt()) + "” continued");
    say("intact ", text.intactTop(), text.intactText());
    say("without", text.zeroedTop(), text.zeroedText());
  }

  private void say(String label, List<NextToken> top, String text) {
    String tokens =
        top.stream()
            .limit(4)
            .map(t -> Shown.token(t.text()) + " " + Numerals.percent(t.probability()))
            .collect(Collectors.joining("   "));
    String indent = "  " + " ".repeat(label.length()) + "  ";
    out.println("  " + look.strong(label) + "  " + Columns.cut(tokens, width - indent.length()));
    Columns.wrap(Shown.text(text).strip(), Math.max(30, Math.min(100, width) - indent.length()))
        .forEach(line -> out.println(indent + look.faint(line)));
  }

  private void stability() {
    FindResult found = report.found();
    if (found.stability().isEmpty() || found.main().isEmpty()) {
      return;
    }
    title("On other texts");
    SuperActivation main = found.main().get();
    sentence(
        "the same layer, channel and token position ("
            + main.layer()
            + ", "
            + main.channel()
            + ", "
            + main.position()
            + ") in "
            + found.stability().stream().map(this::policy).collect(Collectors.joining(", "))
            + ".");
  }

  private String policy(Stability s) {
    String bos =
        switch (s.policy()) {
          case AUTO -> "under the model's own BOS policy";
          case ALWAYS -> "with BOS";
          case NEVER -> "without BOS";
        };
    String count = s.same() + " of " + s.of();
    return (s.same() == s.of() ? look.good(count) : look.warning(count))
        + " built-in prompts "
        + bos;
  }

  private void notes() {
    List<String> notes = report.found().notes();
    if (notes.isEmpty()) {
      return;
    }
    title("Notes");
    notes.forEach(note -> sentence(Shown.prose(note)));
  }

  private void protocol() {
    title("How it was measured");
    FindResult found = report.found();
    Prompt prompt = found.prompts().getFirst();
    fact("model", report.model().source() + ", digest " + report.model().shortDigest());
    fact(
        "search",
        "rule "
            + found.rule().text()
            + ", "
            + Numerals.counted(found.cost().passes(), "pass").replace("passs", "passes")
            + ", "
            + Numerals.bytes(found.cost().bytesRead())
            + " read in "
            + Numerals.seconds(found.cost().seconds())
            + " ("
            + Numerals.value(found.cost().gigabytesPerSecond())
            + " GB/s)");
    found
        .cost()
        .memory()
        .ifPresent(memory ->
            fact(
                "memory",
                "at most "
                    + Numerals.bytes(memory.anonymous())
                    + " of its own and "
                    + Numerals.bytes(memory.fileBacked())
                    + " of mapped files resident"));
    fact("prompt", "“" + prompt.text() + "”" + more(found.prompts().size() - 1));
    fact(
        "ids",
        prompt.ids().stream().limit(40).map(String::valueOf).collect(Collectors.joining(" "))
            + (prompt.ids().size() > 40 ? " …" : "")
            + " ("
            + bos(prompt)
            + ", "
            + report.model().tokenizer()
            + ")");
    report
        .verification()
        .ifPresent(v -> {
          Verification.Protocol p = v.protocol();
          fact(
              "proof",
              Numerals.count(p.scoredTokens())
                  + " tokens of "
                  + p.text()
                  + ", "
                  + Numerals.counted(p.documents(), "document")
                  + ", windows of "
                  + p.windowTokens()
                  + (p.bosAdded() ? " with BOS" : " without BOS")
                  + "; intact perplexity "
                  + Numerals.value(v.intact().perplexity())
                  + ", of token frequencies "
                  + Numerals.value(v.intact().unigramPerplexity())
                  + "; bar × "
                  + Numerals.trimmed(p.importance())
                  + "; "
                  + Numerals.count(p.resamples())
                  + " resamples, seed "
                  + p.seed()
                  + "; "
                  + Numerals.seconds(p.seconds()));
          v.otherPolicy()
              .ifPresent(other ->
                  fact(
                      other.bosAdded() ? "with BOS" : "without BOS",
                      "intact perplexity "
                          + Numerals.value(other.intact().perplexity())
                          + "; "
                          + other.joint().stream()
                              .limit(3)
                              .map(e ->
                                  Numerals.listed(e.zeroed())
                                      + " "
                                      + Numerals.ratio(e.perplexityRatio().estimate()))
                              .collect(Collectors.joining("; "))));
        });
    fact("device", report.model().device());
  }

  private static String more(int prompts) {
    return prompts == 0 ? "" : " and " + Numerals.counted(prompts, "more prompt");
  }

  private static String bos(Prompt prompt) {
    return (prompt.startsWithBos() ? "BOS first" : "no BOS")
        + ", policy "
        + prompt.bos().name().toLowerCase(Locale.ROOT);
  }

  private void fact(String name, String text) {
    List<String> lines = Columns.wrap(Shown.text(text), Math.max(30, Math.min(110, width) - 15));
    out.println(look.faint("  " + Columns.left(name, 11) + "  " + lines.getFirst()));
    lines.stream().skip(1).forEach(line -> out.println(look.faint(" ".repeat(15) + line)));
  }

  private void title(String text) {
    out.println();
    out.println(look.strong(Columns.cut(text, width)));
  }

  private void sentence(String text) {
    Columns.wrap(text, Math.min(110, width) - 2).forEach(line -> out.println("  " + line));
  }

  private void lines(Table table) {
    table.render(width, look).forEach(out::println);
  }
}
