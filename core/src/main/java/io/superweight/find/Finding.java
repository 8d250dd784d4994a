package io.superweight.find;

import io.superweight.find.Attribution.Part;
import io.superweight.model.Coordinate;

/** An accepted weight, before it becomes a {@link Candidate}. */
final class Finding {
  final Part part;
  final Spike spike;
  final float before;
  final float after;
  Role role;

  /** What is left of its spike without it; of the later one that it precedes, for a precursor. */
  double remaining = Double.NaN;

  /** A further sentence for its reason. */
  String extra = "";

  Finding(Part part, Spike spike, Snapshot snapshot, Role role) {
    this.part = part;
    this.spike = spike;
    this.role = role;
    Episode e = spike.episode();
    after = snapshot.stream(coordinate().layer(), e.sequence(), e.token())[coordinate().row()];
    before = after - part.written();
  }

  Coordinate coordinate() {
    return part.coordinate();
  }

  /** The part of its spike that it writes. */
  double share() {
    return spike.explanation.share(part);
  }

  /** Why it has its role. */
  String reason(int layers) {
    SuperActivation a = spike.activation;
    String what =
        Numerals.value(a.value())
            + " at channel "
            + a.channel()
            + " of token "
            + a.position()
            + ", which lasts from layer "
            + spike.episode().onset()
            + " to "
            + a.lastLayer()
            + " of "
            + layers;
    String sentence =
        switch (role) {
          case SOURCE ->
              "It writes "
                  + Numerals.percent(share())
                  + " of the super activation "
                  + what
                  + (spike.round > 0 ? "; silent until the others are zeroed." : ".");
          case PRECURSOR ->
              spike.members.contains(this)
                  ? "It writes " + Numerals.percent(share()) + " of a smaller spike, " + what + "."
                  : "Without it "
                      + Numerals.percent(remaining)
                      + " is left of the super activation "
                      + what
                      + ".";
          default ->
              "It writes " + Numerals.percent(share()) + " of a smaller spike, " + what + ".";
        };
    return sentence + extra;
  }
}
