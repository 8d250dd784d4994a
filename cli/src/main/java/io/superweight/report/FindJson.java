package io.superweight.report;

import io.superweight.find.Candidate;
import io.superweight.find.ContinuationCase;
import io.superweight.find.Effect;
import io.superweight.find.FindOptions;
import io.superweight.find.FindResult;
import io.superweight.find.SetVerdict;
import io.superweight.find.SuperActivation;
import io.superweight.find.Verification;
import java.io.OutputStream;
import java.util.List;

/** What was found as a JSON document, {@code docs/schema/find-1.json}. */
public final class FindJson {
  /** Name and version of the document's form. */
  public static final String SCHEMA = "superweight.find/1";

  private FindJson() {}

  /**
   * Writes the document, UTF-8; the stream is flushed and left open.
   *
   * @throws java.io.UncheckedIOException where the stream cannot be written
   */
  public static void write(FindReport report, OutputStream out) {
    FindResult found = report.found();
    DocumentWriter.write(
        out,
        SCHEMA,
        json -> {
          SharedJson.tool(json, report.version());
          SharedJson.model(json, report.model());
          search(json, report.options(), found);
          headline(json, Headline.of(report));
          json.array(
              "superActivations", found.superActivations(), spike -> superActivation(json, spike));
          json.array("candidates", found.candidates(), candidate -> candidate(json, candidate));
          json.array("rejected", found.rejected(), candidate -> candidate(json, candidate));
          sets(json, found);
          extremes(json, found);
          trajectories(json, found);
          stability(json, found);
          rounds(json, found);
          json.texts("notes", found.notes());
          json.object(
              "nonFinite",
              () -> {
                json.integer("activations", found.nonFinite().activations());
                json.textOrNull("firstSite", found.nonFinite().firstSite());
                json.integer("weights", found.nonFinite().weights());
                json.textOrNull("firstWeight", found.nonFinite().firstWeight());
              });
          json.object(
              "cost",
              () -> {
                json.integer("passes", found.cost().passes());
                json.integer("bytesRead", found.cost().bytesRead());
                json.integer("tokens", found.cost().tokens());
                json.number("seconds", found.cost().seconds());
                json.optional(
                    "memory",
                    found.cost().memory(),
                    memory -> {
                      json.integer("anonymous", memory.anonymous());
                      json.integer("fileBacked", memory.fileBacked());
                      json.integer("peakResident", memory.peakResident());
                    });
              });
          json.optional("verification", report.verification(), proof -> verification(json, proof));
        });
  }

  private static void search(DocumentWriter json, FindOptions options, FindResult found) {
    json.object(
        "search",
        () -> {
          json.text("rule", found.rule().text());
          json.choice("bos", options.bos());
          json.integer("maxRounds", options.maxRounds());
          json.integer("maxRejected", options.maxRejected());
          json.array("prompts", found.prompts(), prompt -> SharedJson.prompt(json, prompt));
        });
  }

  private static void headline(DocumentWriter json, Headline headline) {
    json.object(
        "headline",
        () -> {
          json.text("kind", headline.kind().text());
          json.text("verdict", headline.verdict());
          json.text("grounds", headline.grounds());
          json.weights("weights", headline.coordinates());
        });
  }

  private static void superActivation(DocumentWriter json, SuperActivation spike) {
    json.number("value", spike.value());
    json.indexOrNull("layer", spike.layer());
    json.integer("channel", spike.channel());
    json.integer("prompt", spike.prompt());
    json.integer("position", spike.position());
    json.integer("tokenId", spike.tokenId());
    json.text("token", spike.token());
    json.indexOrNull("peakLayer", spike.peakLayer());
    json.indexOrNull("lastLayer", spike.lastLayer());
    json.integer("alike", spike.alike());
    json.integer("observed", spike.observed());
    json.number("typical", spike.typical());
    json.choice("writer", spike.writer());
  }

  private static void candidate(DocumentWriter json, Candidate candidate) {
    json.text("weight", candidate.coordinate().toString());
    json.integer("layer", candidate.coordinate().layer());
    json.indexOrNull("expert", candidate.coordinate().expert().orElse(-1));
    json.integer("row", candidate.coordinate().row());
    json.integer("col", candidate.coordinate().col());
    json.choice("role", candidate.role());
    json.text("reason", candidate.reason());
    json.number("value", candidate.value());
    json.integer("rank", candidate.rank());
    json.integer("matrixSize", candidate.matrixSize());
    json.number("share", candidate.share());
    json.number("input", candidate.input());
    json.number("output", candidate.output());
    json.number("written", candidate.written());
    json.number("before", candidate.before());
    json.number("after", candidate.after());
    json.measured("remaining", candidate.remaining());
    json.integer("prompt", candidate.prompt());
    json.integer("position", candidate.position());
    json.integer("tokenId", candidate.tokenId());
    json.text("token", candidate.token());
    json.integer("round", candidate.round());
    json.optional(
        "superActivation", candidate.superActivation(), spike -> superActivation(json, spike));
  }

  private static void sets(DocumentWriter json, FindResult found) {
    json.array(
        "sets",
        found.sets(),
        set -> {
          json.choice("shape", set.shape());
          json.weights("members", set.members());
          json.number("share", set.share());
          json.measured("remaining", set.remaining());
          json.text("words", set.words());
          json.optional(
              "superActivation", set.superActivation(), spike -> superActivation(json, spike));
        });
  }

  private static void extremes(DocumentWriter json, FindResult found) {
    json.array(
        "extremes",
        found.extremes(),
        layer -> {
          json.integer("layer", layer.layer());
          json.object("input", () -> SharedJson.extreme(json, layer.input()));
          json.object("output", () -> SharedJson.extreme(json, layer.output()));
          json.object("residual", () -> SharedJson.extreme(json, layer.residual()));
          json.number("medianInput", layer.medianInput());
          json.number("medianOutput", layer.medianOutput());
          json.number("medianResidual", layer.medianResidual());
        });
  }

  private static void trajectories(DocumentWriter json, FindResult found) {
    json.array(
        "trajectories",
        found.trajectories(),
        trajectory -> {
          json.object("superActivation", () -> superActivation(json, trajectory.superActivation()));
          json.numbers("intact", trajectory.intact());
          json.numbers("removed", trajectory.removed());
        });
  }

  private static void stability(DocumentWriter json, FindResult found) {
    json.array(
        "stability",
        found.stability(),
        stability -> {
          json.choice("bos", stability.policy());
          json.integer("same", stability.same());
          json.integer("of", stability.of());
          json.array(
              "cases",
              stability.cases(),
              one -> {
                json.text("text", one.text());
                json.flag("same", one.same());
                json.indexOrNull("layer", one.layer());
                json.indexOrNull("channel", one.channel());
                json.indexOrNull("position", one.position());
                json.text("token", one.token());
                json.number("value", one.value());
              });
        });
  }

  private static void rounds(DocumentWriter json, FindResult found) {
    json.array(
        "rounds",
        found.rounds(),
        round -> {
          json.integer("number", round.number());
          json.integer("superActivations", round.superActivations());
          json.number("largest", round.largest());
          json.weights("found", round.found());
        });
  }

  static void verification(DocumentWriter json, Verification proof) {
    json.textOrNull("refusal", proof.refusal().orElse(""));
    protocol(json, proof.protocol());
    json.object("intact", () -> baseline(json, proof.intact()));
    json.weights("superWeights", proof.superWeights());
    json.array("sets", proof.sets(), set -> set(json, set));
    json.optional(
        "otherPolicy",
        proof.otherPolicy(),
        other -> {
          json.flag("bosAdded", other.bosAdded());
          json.object("intact", () -> baseline(json, other.intact()));
          effects(json, "joint", other.joint());
        });
  }

  private static void protocol(DocumentWriter json, Verification.Protocol protocol) {
    json.object(
        "protocol",
        () -> {
          json.text("text", protocol.text());
          json.integer("documents", protocol.documents());
          json.integer("windows", protocol.windows());
          json.integer("windowTokens", protocol.windowTokens());
          json.integer("scoredTokens", protocol.scoredTokens());
          json.integer("doublings", protocol.doublings());
          json.choice("bos", protocol.bos());
          json.flag("bosAdded", protocol.bosAdded());
          json.number("importance", protocol.importance());
          json.number("confidence", protocol.confidence());
          json.integer("resamples", protocol.resamples());
          json.integer("seed", protocol.seed());
          json.integer("controlDraws", protocol.controlDraws());
          json.integer("passes", protocol.passes());
          json.integer("variants", protocol.variants());
          json.text("device", protocol.device());
          json.text("dtype", protocol.dtype());
          json.text("loopRule", protocol.loopRule());
          json.number("seconds", protocol.seconds());
        });
  }

  private static void baseline(DocumentWriter json, Verification.Baseline baseline) {
    json.number("perplexity", baseline.perplexity());
    json.number("unigramPerplexity", baseline.unigramPerplexity());
  }

  private static void set(DocumentWriter json, SetVerdict set) {
    json.text("name", set.name());
    json.choice("verdict", set.verdict());
    json.text("sentence", set.sentence());
    json.weights("members", set.members());
    json.weights("needed", set.needed());
    json.weightSets("equivalents", set.equivalents());
    json.object("joint", () -> effect(json, set.joint()));
    json.array(
        "memberVerdicts",
        set.memberVerdicts(),
        member -> {
          json.text("weight", member.weight().toString());
          json.choice("verdict", member.verdict());
          json.choice("aloneVerdict", member.aloneVerdict());
          json.flag("needed", member.needed());
          json.text("sentence", member.sentence());
          json.object("alone", () -> effect(json, member.alone()));
          json.optional("leftOut", member.leftOut(), rest -> effect(json, rest));
          json.interval("change", member.change());
        });
    json.array(
        "controls",
        set.controls(),
        controls -> {
          json.choice("kind", controls.kind());
          json.integer("zeroedAtOnce", controls.zeroedAtOnce());
          effects(json, "effects", controls.effects());
        });
    json.optional(
        "meanReplacement",
        set.meanReplacement(),
        mean -> {
          json.flag("constantBias", mean.constantBias());
          json.object("effect", () -> effect(json, mean.effect()));
          json.array(
              "constants",
              mean.constants(),
              constant -> {
                json.text("weight", constant.weight().toString());
                json.number("atSinks", constant.atSinks());
                json.number("elsewhere", constant.elsewhere());
                json.integer("sinks", constant.sinks());
              });
        });
    json.optional(
        "continuation",
        set.continuation(),
        text -> {
          json.text("prompt", text.prompt());
          json.integers("promptIds", text.promptIds());
          next(json, "intactTop", text.intactTop());
          next(json, "zeroedTop", text.zeroedTop());
          json.text("intactText", text.intactText());
          json.text("zeroedText", text.zeroedText());
          json.integer("tokens", text.tokens());
        });
  }

  private static void next(
      DocumentWriter json, String name, List<ContinuationCase.NextToken> tokens) {
    json.array(
        name,
        tokens,
        token -> {
          json.integer("id", token.id());
          json.text("text", token.text());
          json.number("probability", token.probability());
        });
  }

  private static void effects(DocumentWriter json, String name, List<Effect> effects) {
    json.array(name, effects, effect -> effect(json, effect));
  }

  private static void effect(DocumentWriter json, Effect effect) {
    json.text("variant", effect.variant());
    json.weights("zeroed", effect.zeroed());
    json.interval("perplexityRatio", effect.perplexityRatio());
    json.interval("divergence", effect.divergence());
    json.flag("textCollapses", effect.textCollapses());
    json.optional(
        "loops",
        effect.loops(),
        loops -> {
          json.integer("prompts", loops.prompts());
          json.integer("tokens", loops.tokens());
          json.integer("loops", loops.loops());
          json.integer("intactLoops", loops.intactLoops());
          json.integer("newLoops", loops.newLoops());
          json.integer("healed", loops.healed());
          json.flag("measurable", loops.measurable());
        });
  }
}
