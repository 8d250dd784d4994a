package io.superweight.find;

import io.superweight.tokenizer.BosPolicy;
import io.superweight.tokenizer.Tokenizer;
import java.util.ArrayList;
import java.util.List;

/** Compares the main super activation with those of other texts, which ride along in one pass. */
final class StabilityCheck {
  private final List<BosPolicy> policies;
  private final List<Prompt> prompts = new ArrayList<>();
  private final Snapshot snapshot;

  /** Has the texts go along with the session's next pass. */
  StabilityCheck(Session session, Tokenizer tokenizer) {
    policies =
        tokenizer.bos().isPresent()
            ? List.of(BosPolicy.ALWAYS, BosPolicy.NEVER)
            : List.of(BosPolicy.NEVER);
    for (BosPolicy policy : policies) {
      for (String text : StabilityPrompts.ALL) {
        prompts.add(Prompt.of(text, tokenizer, policy));
      }
    }
    snapshot = session.ride(prompts.stream().map(Prompt::idArray).toList());
  }

  /**
   * One line for each BOS policy that the tokenizer knows, after that pass.
   *
   * @param main what to compare with
   */
  List<Stability> lines(SuperActivation main) {
    List<Episode> episodes = new SpikeSearch(snapshot, snapshot).episodes();
    List<Stability> lines = new ArrayList<>();
    for (int p = 0; p < policies.size(); p++) {
      List<Stability.Case> cases = new ArrayList<>();
      for (int i = 0; i < StabilityPrompts.ALL.size(); i++) {
        int sequence = p * StabilityPrompts.ALL.size() + i;
        cases.add(
            episodes.stream()
                .filter(e -> e.sequence() == sequence && e.carriers() > 0)
                .findFirst()
                .map(e -> found(snapshot, e, prompts.get(sequence), main))
                .orElse(new Stability.Case(StabilityPrompts.ALL.get(i), -1, -1, -1, "", 0, false)));
      }
      int same = (int) cases.stream().filter(Stability.Case::same).count();
      lines.add(new Stability(policies.get(p), same, cases.size(), cases));
    }
    return lines;
  }

  private static Stability.Case found(
      Snapshot snapshot, Episode e, Prompt prompt, SuperActivation main) {
    // The layer that adds most to it is the one that writes it.
    int layer = Math.max(e.from(), 0);
    float most = 0;
    for (int i = Math.max(e.from(), 0); i <= e.peakLayer(); i++) {
      float step =
          (snapshot.stream(i, e.sequence(), e.token())[e.channel()]
                  - snapshot.stream(i - 1, e.sequence(), e.token())[e.channel()])
              * Math.signum(e.peak());
      if (step > most) {
        most = step;
        layer = i;
      }
    }
    return new Stability.Case(
        prompt.text(),
        layer,
        e.channel(),
        e.position(),
        prompt.tokens().get(e.position()),
        e.peak(),
        layer == main.layer() && e.channel() == main.channel() && e.position() == main.position());
  }
}
