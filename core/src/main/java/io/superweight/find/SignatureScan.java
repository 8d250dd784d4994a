package io.superweight.find;

import io.superweight.find.Attribution.Part;
import io.superweight.model.Coordinate;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Finds the paper's signature where it is no super weight's: large outputs that one weight
 * explains, and inputs that stay large when the source behind them is zeroed.
 */
final class SignatureScan {
  /** An output is shown if it is so many times the largest one of the median layer. */
  private static final double OVER_MEDIAN_LAYER = 5;

  private static final int A_LAYER = 3;
  private static final double SHARE = 0.5;
  private static final double PART = 0.005;

  private final Session session;
  private final Snapshot intact;
  private final Persistence persistence;
  private final Rejections rejections;

  SignatureScan(Session session, Snapshot intact, Persistence persistence, Rejections rejections) {
    this.session = session;
    this.intact = intact;
    this.persistence = persistence;
    this.rejections = rejections;
  }

  private record Peak(int sequence, int token, int channel, float value) {}

  /** The largest outputs of each layer of the intact model that are not accepted. */
  void outputs(Set<Coordinate> accepted) {
    double bar = OVER_MEDIAN_LAYER * medianOfLargest();
    for (int i = 0; i < intact.layers(); i++) {
      for (Peak p : peaks(i, bar)) {
        List<Part> parts =
            session.attribution.partsOfSign(
                intact,
                i,
                p.sequence,
                p.token,
                p.channel,
                Set.of(),
                PART * Math.abs(p.value),
                p.value);
        if (parts.isEmpty() || parts.getFirst().share() < SHARE) {
          continue;
        }
        Coordinate c = parts.getFirst().coordinate();
        if (!accepted.contains(c) && !rejections.contains(c)) {
          classify(i, p, parts.getFirst());
        }
      }
    }
  }

  private double medianOfLargest() {
    double[] tops = new double[intact.layers()];
    for (int i = 0; i < tops.length; i++) {
      for (int s = 0; s < intact.sequences(); s++) {
        for (int n = 0; n < intact.tokens(s).length; n++) {
          for (float v : intact.written(i, s, n)) {
            tops[i] = Math.max(tops[i], Math.abs(v));
          }
        }
      }
    }
    Arrays.sort(tops);
    return tops[tops.length / 2];
  }

  private List<Peak> peaks(int layer, double bar) {
    List<Peak> peaks = new ArrayList<>();
    for (int s = 0; s < intact.sequences(); s++) {
      for (int n = 0; n < intact.tokens(s).length; n++) {
        float[] written = intact.written(layer, s, n);
        for (int c = 0; c < written.length; c++) {
          if (Math.abs(written[c]) >= bar) {
            peaks.add(new Peak(s, n, c, written[c]));
          }
        }
      }
    }
    peaks.sort(
        Comparator.comparingDouble((Peak p) -> -Math.abs(p.value))
            .thenComparing(Peak::sequence)
            .thenComparing(Peak::token)
            .thenComparing(Peak::channel));
    return peaks.subList(0, Math.min(A_LAYER, peaks.size()));
  }

  private void classify(int layer, Peak p, Part part) {
    float[] stream = intact.stream(layer, p.sequence, p.token);
    float leaving = stream[p.channel];
    float entering = intact.stream(layer - 1, p.sequence, p.token)[p.channel];
    double square = 0;
    for (float v : stream) {
      square += (double) v * v;
    }
    Role role;
    String reason;
    if (part.value() * entering < 0 && Math.abs(part.written()) <= 2 * Math.abs(entering)) {
      role = Role.ERASER;
      reason = Rejections.eraserWords(layer, part.written(), entering, leaving);
    } else if (session.ordinary(part)) {
      role = Role.ORPHANED_INPUT;
      reason = rejections.orphanWords(part);
    } else if (!session.attribution.productSpikes(intact, layer, p.sequence, p.token, p.channel)) {
      role = Role.NORM_MADE;
      reason =
          "The norm behind the MLP makes the "
              + Numerals.value(part.written())
              + " at channel "
              + p.channel
              + " out of "
              + Numerals.value(part.output())
              + "; the product has no spike there.";
    } else if (persistence.late(layer)) {
      role = Role.ECHO;
      reason =
          "The spike of " + Numerals.value(leaving) + " is " + persistence.lateWords(layer) + ".";
    } else {
      role = Role.BELOW_BAR;
      reason =
          "Its channel holds "
              + Numerals.percent(leaving * (double) leaving / square)
              + " of the stream's energy at its token; a super activation holds "
              + Numerals.percent(SpikeSearch.ENERGY)
              + " and lasts.";
    }
    rejections.add(
        part, at(layer, p, intact), intact, Optional.empty(), role, 0, part.share(), reason);
  }

  private static Episode at(int layer, Peak p, Snapshot snapshot) {
    float leaving = snapshot.stream(layer, p.sequence, p.token)[p.channel];
    return new Episode(
        p.sequence,
        p.token,
        snapshot.position(p.sequence, p.token),
        p.channel,
        layer,
        layer,
        layer,
        layer,
        leaving,
        snapshot.stream(layer - 1, p.sequence, p.token)[p.channel]);
  }

  /**
   * The largest output of a layer that a source's input makes once the source is zeroed, through
   * whatever weight comes next in its column.
   *
   * @param removed the model without all that was accepted
   * @param round the last round
   */
  void orphan(Finding source, Snapshot removed, Set<Coordinate> zeroed, int round) {
    Coordinate c = source.coordinate();
    Episode e = source.spike.episode();
    float[] written = removed.written(c.layer(), e.sequence(), e.token());
    int top = 0;
    for (int i = 0; i < written.length; i++) {
      top = Math.abs(written[i]) > Math.abs(written[top]) ? i : top;
    }
    List<Part> parts =
        session.attribution.partsOfSign(
            removed,
            c.layer(),
            e.sequence(),
            e.token(),
            top,
            zeroed,
            PART * Math.abs(written[top]),
            written[top]);
    if (parts.isEmpty()) {
      return;
    }
    Part part = parts.getFirst();
    Coordinate p = part.coordinate();
    if (p.col() != c.col()
        || !p.part().equals(c.part())
        || Math.abs(part.input()) < Math.abs(source.part.input()) / 2
        || zeroed.contains(p)) {
      return;
    }
    rejections.add(
        part,
        at(c.layer(), new Peak(e.sequence(), e.token(), top, written[top]), removed),
        removed,
        Optional.empty(),
        Role.ORPHANED_INPUT,
        round,
        part.share(),
        "With "
            + c
            + " zeroed, its input of "
            + Numerals.value(part.input())
            + " makes this the layer's largest output ("
            + Numerals.value(part.written())
            + "), which is "
            + Numerals.percent(Math.abs(part.written() / e.peak()))
            + " of the spike that it made.");
  }
}
