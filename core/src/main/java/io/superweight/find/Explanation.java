package io.superweight.find;

import io.superweight.find.Attribution.Part;
import io.superweight.model.Coordinate;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Set;

/**
 * What made a spike.
 *
 * @param episode the spike
 * @param growth what its layers wrote: the peak less what was there before
 * @param writer which part of the layers wrote most of it
 * @param layer the layer that wrote most of it
 * @param parts single weights' parts of it, the largest first
 * @param members the few of them that stand apart; none where it is diffuse
 * @param ordinary those of the few that chance would put into their matrix
 */
record Explanation(
    Episode episode,
    double growth,
    SuperActivation.Writer writer,
    int layer,
    List<Part> parts,
    List<Part> members,
    List<Part> ordinary) {

  /** A layer's write counts if it is at least this part of the peak. */
  private static final double WRITE = 0.05;

  /** A weight's part is kept if it is at least this part of the peak. */
  private static final double PART = 0.005;

  /** Takes a spike apart over all layers that had a part in it. */
  static Explanation of(Session session, Snapshot snapshot, Episode e, Set<Coordinate> zeroed) {
    Attribution attribution = session.attribution;
    double growth = Math.abs(e.peak() - e.base());
    double byMlp = 0;
    double strongest = 0;
    int layer = Math.max(e.onset(), 0);
    boolean productSpikes = false;
    List<Part> parts = new ArrayList<>();
    for (int i = Math.max(e.from(), 0); i <= e.peakLayer(); i++) {
      double written = attribution.written(snapshot, i, e.sequence(), e.token(), e.channel());
      byMlp += written * Math.signum(e.peak());
      if (written * e.peak() <= 0 || Math.abs(written) < WRITE * e.magnitude()) {
        continue;
      }
      if (Math.abs(written) > strongest) {
        strongest = Math.abs(written);
        layer = i;
      }
      if (attribution.productSpikes(snapshot, i, e.sequence(), e.token(), e.channel())) {
        productSpikes = true;
        parts.addAll(
            attribution.partsOfSign(
                snapshot,
                i,
                e.sequence(),
                e.token(),
                e.channel(),
                zeroed,
                PART * e.magnitude(),
                e.peak()));
      }
    }
    parts.sort(
        Comparator.comparingDouble((Part part) -> -part.magnitude())
            .thenComparing(Part::coordinate));
    List<Part> few = Dominance.members(parts, growth);
    session.rank(few);
    return new Explanation(
        e,
        growth,
        writer(snapshot, e, byMlp < growth / 2, productSpikes || strongest == 0),
        layer,
        parts,
        few.stream().filter(part -> !session.ordinary(part)).toList(),
        few.stream().filter(session::ordinary).toList());
  }

  private static SuperActivation.Writer writer(
      Snapshot snapshot, Episode e, boolean elsewhere, boolean productSpikes) {
    float embedded = snapshot.stream(-1, e.sequence(), e.token())[e.channel()];
    if (e.from() < 0 && embedded * e.peak() > 0 && Math.abs(embedded) >= e.magnitude() / 2) {
      return SuperActivation.Writer.EMBEDDING;
    }
    if (elsewhere) {
      return SuperActivation.Writer.ATTENTION;
    }
    return productSpikes ? SuperActivation.Writer.MLP : SuperActivation.Writer.POST_NORM;
  }

  /** The part of the spike that a weight explains. */
  double share(Part part) {
    return part.magnitude() / growth;
  }

  /** Why no weight is to blame, as a sentence about {@code subject}; only where there is none. */
  String words(String subject) {
    return subject
        + switch (writer) {
          case EMBEDDING -> " is in the token embedding: no MLP weight makes it.";
          case ATTENTION ->
              " is written by attention in layer "
                  + episode.onset()
                  + ": no weight of a down projection makes it.";
          case POST_NORM ->
              " is made by the norm behind the MLP of layer "
                  + layer
                  + ": the down projection's own output has no spike there.";
          case MLP ->
              " is diffuse: no few weights explain half of it"
                  + (parts.isEmpty()
                      ? "."
                      : "; the largest part, in layer "
                          + parts.getFirst().coordinate().layer()
                          + ", is "
                          + Numerals.percent(share(parts.getFirst()))
                          + ".");
        };
  }
}
