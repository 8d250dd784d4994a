package io.superweight.find;

import io.superweight.model.Coordinate;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * The rule {@link Rule#PAPER}, as a baseline: Yu et al. 2024, section 3.1, with the constant of the
 * released code.
 *
 * <p>In each layer (with experts: in each expert) take the largest down-projection input and output
 * by magnitude over all tokens. Where both exceed 50, their channels name the weight: column and
 * row. Zero what was found and run again "until the magnitudes of large maximum activations are
 * greatly suppressed", which is taken as a tenth of the first round's largest output, or until no
 * layer names a new one. The released code has neither the loop nor experts.
 */
final class PaperSearch implements Search {
  private static final float THRESHOLD = 50;
  private static final float SUPPRESSED = 0.1f;

  private final Session session;
  private final FindOptions options;

  PaperSearch(Session session, FindOptions options) {
    this.session = session;
    this.options = options;
  }

  /** Where the largest value is. */
  private record Largest(int sequence, int token, int channel, float value) {}

  @Override
  public FindResult run() {
    Snapshot intact = session.snapshot(Set.of(), null);
    PublishedResult result = new PublishedResult(Rule.PAPER, session, intact);
    Snapshot snapshot = intact;
    float first = 0;
    for (int round = 0; round < options.maxRounds(); round++) {
      List<Coordinate> news = new ArrayList<>();
      float top = largest(snapshot);
      first = Math.max(first, top);
      if (top <= SUPPRESSED * first) {
        break;
      }
      for (int i = 0; i < snapshot.layers(); i++) {
        for (int expert = -1; expert < session.model.experts(i); expert++) {
          int of = expert;
          Largest input = largest(snapshot, i, expert, true);
          Largest output = largest(snapshot, i, expert, false);
          if (input == null) {
            continue;
          }
          if (Math.abs(input.value) <= THRESHOLD || Math.abs(output.value) <= THRESHOLD) {
            continue;
          }
          Optional<Attribution.Part> part =
              session
                  .attribution
                  .parts(
                      snapshot,
                      i,
                      output.sequence,
                      output.token,
                      output.channel,
                      result.coordinates(),
                      0)
                  .stream()
                  .filter(p ->
                      p.coordinate().col() == input.channel
                          && p.coordinate().expert().orElse(-1) == of)
                  .findFirst();
          if (part.isPresent() && !result.has(part.get().coordinate())) {
            result.choose(
                part.get(),
                snapshot,
                output.sequence,
                output.token,
                round,
                "The layer's largest input and output both exceed 50.");
            news.add(part.get().coordinate());
          }
        }
      }
      result.round(new Round(round, news, top, 0));
      if (news.isEmpty() || round + 1 == options.maxRounds()) {
        break;
      }
      snapshot = session.snapshot(result.coordinates(), intact);
    }
    return result.result();
  }

  /** The largest output of all layers. */
  private float largest(Snapshot snapshot) {
    float top = 0;
    for (int i = 0; i < snapshot.layers(); i++) {
      for (int expert = -1; expert < session.model.experts(i); expert++) {
        Largest output = largest(snapshot, i, expert, false);
        top = output == null ? top : Math.max(top, Math.abs(output.value));
      }
    }
    return top;
  }

  private Largest largest(Snapshot snapshot, int layer, int expert, boolean input) {
    Largest best = null;
    for (int s = 0; s < snapshot.sequences(); s++) {
      for (int n = 0; n < snapshot.tokens(s).length; n++) {
        for (Snapshot.Product product : snapshot.products(layer, s, n)) {
          if (product.expert() != expert) {
            continue;
          }
          float[] values = input ? product.input() : product.output();
          for (int c = 0; c < values.length; c++) {
            if (best == null || Math.abs(values[c]) > Math.abs(best.value)) {
              best = new Largest(s, n, c, values[c]);
            }
          }
        }
      }
    }
    return best;
  }
}
