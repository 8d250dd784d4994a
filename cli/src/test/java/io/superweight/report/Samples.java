package io.superweight.report;

import io.superweight.find.Candidate;
import io.superweight.find.ContinuationCase;
import io.superweight.find.ControlSummary;
import io.superweight.find.Cost;
import io.superweight.find.Effect;
import io.superweight.find.Extreme;
import io.superweight.find.FindOptions;
import io.superweight.find.FindResult;
import io.superweight.find.LayerExtremes;
import io.superweight.find.LoopRate;
import io.superweight.find.MeanReplacement;
import io.superweight.find.MemberVerdict;
import io.superweight.find.ProcessMemory;
import io.superweight.find.Prompt;
import io.superweight.find.Role;
import io.superweight.find.Round;
import io.superweight.find.Rule;
import io.superweight.find.SetVerdict;
import io.superweight.find.Stability;
import io.superweight.find.SuperActivation;
import io.superweight.find.Trajectory;
import io.superweight.find.Verdict;
import io.superweight.find.Verification;
import io.superweight.find.WeightSet;
import io.superweight.model.Coordinate;
import io.superweight.statistics.Interval;
import io.superweight.tokenizer.BosPolicy;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Reports to print, with the numbers of SmolLM2-135M-Instruct (fixtures/smollm2-135m-q4_1 and the
 * measurements of the issue) and texts that try to break out of a page.
 */
public final class Samples {
  /** Text that a tokenizer may hand out and a page must not run. */
  public static final String HOSTILE = "</td><script>alert('x')</script>&amp;\u001B[31m";

  // Signed extremes of the 30 down projections on the reference prompt.
  private static final float[] IN = {
    8.1f, -28.3f, 63.6f, -1.1f, 1.5f, -1.8f, 3.7f, 2.3f, 14.8f, -88.8f, -14.2f, 2996f, -3.2f, 2.4f,
    6.7f, -3.4f, -2.9f, 3.9f, -4.7f, -6.1f, 4.5f, -8.8f, -7.9f, 8.3f, 10.2f, 12.1f, 14.9f, 61.2f,
    -1290f, 702f
  };
  private static final float[] OUT = {
    30.6f, 186.9f, 496.9f, 8.4f, 6.4f, 8.6f, 8.5f, -11.5f, -110.9f, -500.1f, -52.8f, 24021.9f, 8.9f,
    24.2f, 27.3f, 21f, 22.1f, 9.5f, 14.6f, 30.1f, 35.8f, 43.7f, 44.5f, 48.2f, 61f, 77f, 98f, 355f,
    -14217f, -9120f
  };

  private Samples() {}

  private static Coordinate down(int layer, int row, int col) {
    return Coordinate.down(layer, row, col);
  }

  public static FindReport smol() {
    FindResult found = found();
    return new FindReport(
        "1.2.3", facts(), FindOptions.DEFAULT, found, Optional.of(verification()));
  }

  public static FindReport unverified() {
    return new FindReport("1.2.3", facts(), FindOptions.DEFAULT, found(), Optional.empty());
  }

  /** Nothing was found. */
  public static FindReport none() {
    FindResult f = found();
    FindResult empty =
        new FindResult(
            f.rule(),
            f.prompts(),
            List.of(),
            List.of(),
            List.of(),
            List.of(),
            f.extremes(),
            List.of(),
            List.of(),
            f.rounds().subList(0, 1),
            List.of(),
            f.nonFinite(),
            f.cost());
    return new FindReport("1.2.3", facts(), FindOptions.DEFAULT, empty, Optional.empty());
  }

  /** A set that looks the part and is not. */
  public static FindReport harmless() {
    FindResult found = found();
    Verification v = verification();
    SetVerdict first = v.sets().getFirst();
    Effect joint = effect("joint", 1.021, 1.012, 1.031, first.members());
    SetVerdict harmless =
        new SetVerdict(
            first.name(),
            first.members(),
            Verdict.PROMINENT_BUT_HARMLESS,
            joint,
            first.memberVerdicts().stream()
                .map(m ->
                    new MemberVerdict(
                        m.weight(),
                        Verdict.PROMINENT_BUT_HARMLESS,
                        Verdict.PROMINENT_BUT_HARMLESS,
                        joint,
                        Optional.empty(),
                        joint.perplexityRatio(),
                        false,
                        "Zeroed alone it does next to nothing."))
                .toList(),
            List.of(),
            List.of(),
            first.controls(),
            Optional.empty(),
            first.continuation(),
            "Zeroing it changes perplexity by 2.1 %.");
    Verification verification =
        new Verification(
            v.protocol(), v.intact(), List.of(harmless), Optional.empty(), Optional.empty());
    return new FindReport("1.2.3", facts(), FindOptions.DEFAULT, found, Optional.of(verification));
  }

  public static FindReport refused() {
    Verification v = verification();
    return new FindReport(
        "1.2.3",
        facts(),
        FindOptions.DEFAULT,
        found(),
        Optional.of(
            new Verification(
                v.protocol(),
                new Verification.Baseline(9120, 801),
                List.of(),
                Optional.empty(),
                Optional.of(
                    "The intact model predicts this text no better than token frequencies do"))));
  }

  static ModelFacts facts() {
    return new ModelFacts(
        "SmolLM2-135M-Instruct.Q4_1.gguf",
        "models/SmolLM2-135M-Instruct.Q4_1.gguf",
        "",
        "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        "GGUF",
        "llama",
        134_515_008L,
        97_000_000L,
        "Q4_1",
        30,
        576,
        49152,
        8192,
        "GGUF gpt2/smollm",
        1,
        false,
        "java, Vector API 512 bit, f32, 2 threads");
  }

  static FindResult found() {
    Prompt prompt =
        new Prompt(
            Prompt.REFERENCE,
            List.of(39080, 5829, 30, 314, 253, 4969, 10722, 2727, 30),
            List.of("Apple", " Inc", ".", " is", " a", " worldwide", " tech", HOSTILE, "."),
            BosPolicy.AUTO,
            false);
    SuperActivation main =
        new SuperActivation(
            11,
            507,
            0,
            0,
            39080,
            "Apple",
            24511f,
            11,
            27,
            1,
            155_520,
            1.9f,
            SuperActivation.Writer.MLP);
    SuperActivation early =
        new SuperActivation(
            2,
            507,
            0,
            0,
            39080,
            "Apple",
            690f,
            2,
            8,
            19,
            155_520,
            1.2f,
            SuperActivation.Writer.MLP);
    List<Candidate> candidates =
        List.of(
            candidate(
                down(11, 507, 1229),
                5.85f,
                1,
                0.73,
                2996f,
                24022f,
                main,
                Role.SOURCE,
                0,
                "It writes 73 % of the super activation of 24,511 at channel 507."),
            candidate(
                down(11, 507, 1487),
                3.41f,
                2,
                0.26,
                1832f,
                24022f,
                main,
                Role.SOURCE,
                0,
                "It writes 26 % of the same output, in the same row."),
            candidate(
                down(2, 507, 90),
                3.1f,
                1,
                0.41,
                63.6f,
                497f,
                early,
                Role.MINOR_SOURCE,
                0,
                "It writes a spike of 690 that layer 9 erases again."));
    List<Candidate> rejected =
        List.of(
            candidate(
                down(28, 507, 678),
                10.6f,
                1,
                0.96,
                -1290f,
                -14217f,
                main,
                Role.ERASER,
                0,
                "The stream already carried 24,480 and carries 10,263 afterwards."),
            candidate(
                down(29, 507, 999),
                -7.2f,
                2,
                0.58,
                702f,
                -9120f,
                main,
                Role.ERASER,
                0,
                "It finishes the erasure that layer 28 began."),
            candidate(
                down(9, 507, 200),
                4.6f,
                1,
                0.83,
                -88.8f,
                -500f,
                early,
                Role.ERASER,
                0,
                "It cancels the spike of layer 2."),
            candidate(
                down(27, 199, 903),
                5.0f,
                1,
                0.97,
                61.2f,
                355f,
                null,
                Role.ECHO,
                0,
                "Two layers later nothing is left of it; token " + HOSTILE));
    List<WeightSet> sets =
        List.of(
            new WeightSet(
                WeightSet.Shape.ROW,
                List.of(down(11, 507, 1229), down(11, 507, 1487)),
                Optional.of(main),
                0.99,
                0.02,
                "Two weights of row 507 write the super activation together."),
            new WeightSet(
                WeightSet.Shape.SINGLE,
                List.of(down(2, 507, 90)),
                Optional.of(early),
                0.41,
                0.55,
                "It writes an earlier, smaller spike."));
    List<LayerExtremes> extremes = new ArrayList<>();
    for (int i = 0; i < IN.length; i++) {
      extremes.add(
          new LayerExtremes(
              i,
              new Extreme(IN[i], i == 11 ? 1229 : 83, -1, 0, 0, i == 28 ? HOSTILE : "Apple"),
              new Extreme(OUT[i], 507, -1, 0, i % 4 == 0 ? 2 : 0, "Apple"),
              new Extreme(
                  i < 2 ? 190 : i < 11 ? 690 : i < 28 ? 24511 : 310, 507, -1, 0, 0, "Apple"),
              0.1f,
              0.4f,
              1.9f));
    }
    List<Float> intact = new ArrayList<>();
    List<Float> removed = new ArrayList<>();
    for (int i = 0; i <= 30; i++) {
      float v =
          i < 2
              ? 0.2f * i
              : i < 3
                  ? 190
                  : i < 10 ? 690 : i < 12 ? 140 : i < 29 ? 24500 + i : i < 30 ? 10263 : 312;
      intact.add(v);
      removed.add(i < 2 ? 0.2f * i : i < 3 ? 190 : i < 12 ? 95 : i < 29 ? 410 - 4 * i : -80);
    }
    return new FindResult(
        Rule.SUPERWEIGHT,
        List.of(prompt),
        List.of(main, early),
        candidates,
        rejected,
        sets,
        extremes,
        List.of(new Trajectory(main, intact, removed)),
        List.of(
            new Stability(BosPolicy.NEVER, 10, 10, List.of()),
            new Stability(
                BosPolicy.ALWAYS,
                9,
                10,
                List.of(
                    new Stability.Case("def f(x): " + HOSTILE, 11, 507, 1, "f", 3000f, false)))),
        List.of(
            new Round(0, List.of(down(11, 507, 1229), down(11, 507, 1487)), 24511f, 2),
            new Round(1, List.of(), 0f, 0)),
        List.of("A note with " + HOSTILE),
        FindResult.NonFinite.NONE,
        new Cost(
            3,
            300_000_000L,
            27,
            1.4,
            Optional.of(new ProcessMemory(120_000_000L, 98_000_000L, 215_000_000L))));
  }

  private static Candidate candidate(
      Coordinate c,
      float value,
      long rank,
      double share,
      float in,
      float out,
      SuperActivation sa,
      Role role,
      int round,
      String reason) {
    return new Candidate(
        c,
        value,
        rank,
        576L * 1536,
        share,
        in,
        out,
        out,
        12f,
        12f + out,
        Double.NaN,
        0,
        0,
        39080,
        role == Role.ECHO ? HOSTILE : "Apple",
        Optional.ofNullable(sa),
        role,
        round,
        reason);
  }

  static Effect effect(String name, double r, double low, double high, List<Coordinate> zeroed) {
    boolean collapses = r > 100;
    return new Effect(
        name,
        zeroed,
        new Interval(r, low, high),
        new Interval(Math.log(r) + 0.01, Math.log(low) + 0.005, Math.log(high) + 0.02),
        Optional.of(new LoopRate(8, 60, collapses ? 8 : 2, 2, collapses ? 6 : 0, 0, true)),
        collapses);
  }

  private static SetVerdict single(Coordinate c, Verdict verdict, double r, String words) {
    Effect e = effect(c.toString(), r, r * 0.997, r * 1.004, List.of(c));
    return new SetVerdict(
        c.toString(),
        List.of(c),
        verdict,
        e,
        List.of(
            new MemberVerdict(
                c, verdict, verdict, e, Optional.empty(), e.perplexityRatio(), false, words)),
        List.of(c),
        List.of(),
        controls(1),
        Optional.empty(),
        Optional.empty(),
        words);
  }

  private static List<ControlSummary> controls(int n) {
    return List.of(
        new ControlSummary(
            ControlSummary.Kind.RANDOM,
            n,
            List.of(
                effect("c1", 1.0001, 0.9999, 1.0003, List.of()),
                effect("c2", 0.9998, 0.9995, 1.0001, List.of()))),
        new ControlSummary(
            ControlSummary.Kind.LARGEST,
            n,
            List.of(effect("c3", 1.0042, 1.0031, 1.0055, List.of()))));
  }

  static Verification verification() {
    Coordinate a = down(11, 507, 1229);
    Coordinate b = down(11, 507, 1487);
    Effect joint = effect("both", 31137, 27310, 35620, List.of(a, b));
    Effect onlyA = effect("a", 6.66, 6.21, 7.18, List.of(a));
    Effect onlyB = effect("b", 1.12, 1.11, 1.14, List.of(b));
    MemberVerdict ma =
        new MemberVerdict(
            a,
            Verdict.SUPER_WEIGHT,
            Verdict.SUPER_WEIGHT,
            onlyA,
            Optional.of(onlyB),
            new Interval(27800, 24300, 31900),
            true,
            "Alone × 6.66; the set without it only × 1.12.");
    MemberVerdict mb =
        new MemberVerdict(
            b,
            Verdict.SUPER_WEIGHT,
            Verdict.MINOR,
            onlyB,
            Optional.of(onlyA),
            new Interval(4675, 4100, 5300),
            true,
            "Alone only × 1.12, but with its partner × 31,137: the other one hides it.");
    SetVerdict main =
        new SetVerdict(
            "super activation at channel 507",
            List.of(a, b),
            Verdict.SUPER_WEIGHT,
            joint,
            List.of(ma, mb),
            List.of(a, b),
            List.of(),
            controls(2),
            Optional.of(
                new MeanReplacement(
                    effect("mean", 1.004, 1.001, 1.008, List.of(a, b)),
                    List.of(
                        new MeanReplacement.Constant(a, 17520, 0.01, 31),
                        new MeanReplacement.Constant(b, 6240, 0.02, 31)),
                    true)),
            Optional.of(
                new ContinuationCase(
                    "Summer is hot. Winter is",
                    List.of(34386, 314, 3380, 30, 16062, 314),
                    List.of(
                        new ContinuationCase.NextToken(1, " cold", 0.814),
                        new ContinuationCase.NextToken(2, " the", 0.041),
                        new ContinuationCase.NextToken(3, " a", 0.022),
                        new ContinuationCase.NextToken(4, " cool", 0.013),
                        new ContinuationCase.NextToken(5, HOSTILE, 0.009)),
                    List.of(
                        new ContinuationCase.NextToken(2, " the", 0.09),
                        new ContinuationCase.NextToken(6, ",", 0.06),
                        new ContinuationCase.NextToken(7, "\n", 0.05),
                        new ContinuationCase.NextToken(8, " of", 0.031),
                        new ContinuationCase.NextToken(9, "ооо", 0.0004)),
                    " cold.\nThe seasons turn because the Earth leans, and what leans towards the Sun grows warm.",
                    " the the the, of of of of the the the the the the the the the the the the the "
                        + HOSTILE.repeat(2),
                    60)),
            "Zeroing both multiplies perplexity by 31,137.");
    return new Verification(
        new Verification.Protocol(
            "built-in public-domain prose",
            24,
            48,
            512,
            24_528,
            0,
            BosPolicy.AUTO,
            false,
            2.0,
            0.95,
            2000,
            1,
            8,
            2,
            31,
            "java, Vector API 512 bit, f32, 2 threads",
            "Q4_1",
            "a text loops where its last 32 tokens repeat a pattern of at most 16",
            41.2),
        new Verification.Baseline(19.7, 801.2),
        List.of(
            main,
            single(down(2, 507, 90), Verdict.MINOR, 1.48, "A real effect below the bar."),
            single(
                down(28, 507, 678),
                Verdict.PROMINENT_BUT_HARMLESS,
                0.999,
                "It is not told from its controls."),
            single(
                down(29, 507, 999),
                Verdict.PROMINENT_BUT_HARMLESS,
                1.0,
                "It is not told from its controls."),
            single(down(9, 507, 200), Verdict.MINOR, 1.10, "A real effect below the bar."),
            single(
                down(27, 199, 903),
                Verdict.PROMINENT_BUT_HARMLESS,
                1.0,
                "It is not told from its controls.")),
        Optional.of(
            new Verification.OtherPolicy(
                true,
                new Verification.Baseline(20.9, 801.2),
                List.of(effect("both", 28000, 25000, 31000, List.of(a, b))))),
        Optional.empty());
  }
}
