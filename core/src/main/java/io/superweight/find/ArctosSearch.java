package io.superweight.find;

import io.superweight.model.Coordinate;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;

/**
 * The rule {@link Rule#ARCTOS_V5}, as a baseline: residual persistence, version 5 of the detector
 * of the arctos replication (reference: its notes; 14 of Table 2's 21 weights, 5 extras).
 *
 * <ol>
 *   <li>Massive channels of the residual stream: at least a tenth of the largest peak of the intact
 *       model. The stream after the last layer does not count.
 *   <li>Persistent: at least half of the peak in at least half of the layers from the onset on.
 *   <li>Onset: the first layer with half of the peak, at the peak's token.
 *   <li>Parts of the down projection's output there: the input among the ten largest of its token,
 *       the weight among the thousand largest of its matrix, each at least 0.35 of the output,
 *       until 0.8 is explained.
 *   <li>Zero what was found and run again, until nothing new shows.
 * </ol>
 */
final class ArctosSearch implements Search {
  private static final double MASSIVE = 0.1;
  private static final double PERSISTENT = 0.5;
  private static final int LARGEST_INPUTS = 10;
  private static final int LARGEST_WEIGHTS = 1000;
  private static final double SHARE = 0.35;
  private static final double EXPLAINED = 0.8;

  private final Session session;
  private final FindOptions options;

  ArctosSearch(Session session, FindOptions options) {
    this.session = session;
    this.options = options;
  }

  @Override
  public FindResult run() {
    Snapshot intact = session.snapshot(Set.of(), null);
    PublishedResult result = new PublishedResult(Rule.ARCTOS_V5, session, intact);
    Snapshot snapshot = intact;
    double bar = 0;
    for (int round = 0; round < options.maxRounds(); round++) {
      List<Episode> peaks = peaks(snapshot);
      if (round == 0) {
        bar = MASSIVE * peaks.stream().mapToDouble(Episode::magnitude).max().orElse(0);
      }
      List<Coordinate> news = new ArrayList<>();
      int massive = 0;
      float top = 0;
      for (Episode peak : peaks) {
        if (peak.magnitude() < bar || !persistent(snapshot, peak)) {
          continue;
        }
        massive++;
        top = Math.max(top, peak.magnitude());
        for (Attribution.Part part : parts(snapshot, peak, result)) {
          result.choose(
              part,
              snapshot,
              peak.sequence(),
              peak.token(),
              round,
              "It explains a large part of a persistent residual channel at its onset.");
          news.add(part.coordinate());
        }
      }
      result.round(new Round(round, news, top, massive));
      if (news.isEmpty() || round + 1 == options.maxRounds()) {
        break;
      }
      snapshot = session.snapshot(result.coordinates(), intact);
    }
    return result.result();
  }

  /** Each channel's peak with its onset. */
  private static List<Episode> peaks(Snapshot snapshot) {
    int width = snapshot.stream(0, 0, 0).length;
    int last = Math.max(0, snapshot.layers() - 2);
    List<Episode> peaks = new ArrayList<>();
    for (int c = 0; c < width; c++) {
      int sequence = 0;
      int token = 0;
      int layer = 0;
      float best = 0;
      for (int i = 0; i <= last; i++) {
        for (int s = 0; s < snapshot.sequences(); s++) {
          for (int n = 0; n < snapshot.tokens(s).length; n++) {
            float v = snapshot.stream(i, s, n)[c];
            if (Math.abs(v) > Math.abs(best)) {
              best = v;
              sequence = s;
              token = n;
              layer = i;
            }
          }
        }
      }
      int onset = 0;
      while (onset < layer
          && Math.abs(snapshot.stream(onset, sequence, token)[c]) < PERSISTENT * Math.abs(best)) {
        onset++;
      }
      peaks.add(
          new Episode(
              sequence,
              token,
              snapshot.position(sequence, token),
              c,
              onset,
              onset,
              layer,
              last,
              best,
              0));
    }
    return peaks;
  }

  private static boolean persistent(Snapshot snapshot, Episode peak) {
    int kept = 0;
    for (int i = peak.onset(); i <= peak.lastLayer(); i++) {
      float v = snapshot.stream(i, peak.sequence(), peak.token())[peak.channel()];
      kept += Math.abs(v) >= PERSISTENT * peak.magnitude() ? 1 : 0;
    }
    return kept >= PERSISTENT * (peak.lastLayer() - peak.onset() + 1);
  }

  private List<Attribution.Part> parts(Snapshot snapshot, Episode peak, PublishedResult result) {
    int layer = peak.onset();
    List<Attribution.Part> chosen = new ArrayList<>();
    double explained = 0;
    List<Attribution.Part> parts =
        session.attribution.parts(
            snapshot,
            layer,
            peak.sequence(),
            peak.token(),
            peak.channel(),
            result.coordinates(),
            0);
    for (Attribution.Part part : parts) {
      if (explained >= EXPLAINED || part.share() < SHARE) {
        break;
      }
      float[] input =
          snapshot.products(layer, peak.sequence(), peak.token()).stream()
              .filter(p -> p.expert() == part.coordinate().expert().orElse(-1))
              .findFirst()
              .orElseThrow()
              .input();
      float[] sorted = new float[input.length];
      for (int i = 0; i < sorted.length; i++) {
        sorted[i] = Math.abs(input[i]);
      }
      Arrays.sort(sorted);
      float tenth = sorted[Math.max(0, sorted.length - LARGEST_INPUTS)];
      if (Math.abs(part.input()) < tenth
          || session.standing(part).rank() > LARGEST_WEIGHTS
          || result.has(part.coordinate())) {
        continue;
      }
      chosen.add(part);
      explained += part.share();
    }
    return chosen;
  }
}
