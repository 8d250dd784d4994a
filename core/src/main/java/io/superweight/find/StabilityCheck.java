package io.superweight.find;

import io.superweight.tokenizer.BosPolicy;
import io.superweight.tokenizer.Tokenizer;
import java.util.ArrayList;
import java.util.List;

/** Compares the main super activation with those of other texts, all in one pass. */
final class StabilityCheck {
  private StabilityCheck() {}

  /**
   * One line for each BOS policy that the tokenizer knows.
   *
   * @param main what to compare with
   */
  static List<Stability> of(Session session, Tokenizer tokenizer, SuperActivation main) {
    List<BosPolicy> policies =
        tokenizer.bos().isPresent()
            ? List.of(BosPolicy.ALWAYS, BosPolicy.NEVER)
            : List.of(BosPolicy.NEVER);
    List<Prompt> prompts = new ArrayList<>();
    for (BosPolicy policy : policies) {
      for (String text : StabilityPrompts.ALL) {
        prompts.add(Prompt.of(text, tokenizer, policy));
      }
    }
    Snapshot snapshot = session.stream(prompts.stream().map(Prompt::idArray).toList());
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
