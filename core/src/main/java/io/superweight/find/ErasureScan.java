package io.superweight.find;

import io.superweight.find.Attribution.Part;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Finds the weights that take a spike away again: Llama-7B's layer 30 writes −1,474 against 1,336,
 * more than its super weight does (paper, Figure 3).
 */
final class ErasureScan {
  /** A write of the other sign erases if it is at least this part of the peak. */
  private static final double ERASES = 0.2;

  private static final double PART = 0.005;

  private final Session session;
  private final Snapshot intact;
  private final Rejections rejections;

  ErasureScan(Session session, Snapshot intact, Rejections rejections) {
    this.session = session;
    this.intact = intact;
    this.rejections = rejections;
  }

  /** Follows a spike down the layers after its peak. */
  void follow(Episode e) {
    for (int i = e.peakLayer() + 1; i < intact.layers(); i++) {
      float entering = intact.stream(i - 1, e.sequence(), e.token())[e.channel()];
      double written = session.attribution.written(intact, i, e.sequence(), e.token(), e.channel());
      if (entering * e.peak() <= 0 || Math.abs(entering) < e.magnitude() / SpikeSearch.ORDER) {
        break;
      }
      if (written * e.peak() < 0 && Math.abs(written) >= ERASES * e.magnitude()) {
        erased(e, i, entering, written);
      }
    }
  }

  private void erased(Episode e, int layer, float entering, double written) {
    List<Part> parts =
        session.attribution.partsOfSign(
            intact,
            layer,
            e.sequence(),
            e.token(),
            e.channel(),
            Set.of(),
            PART * Math.abs(written),
            written);
    List<Part> members = Dominance.members(parts, Math.abs(written));
    if (members.isEmpty()) {
      // Several erasers may share the work with many small ones.
      members =
          parts.stream().filter(part -> part.share() >= ERASES).limit(Dominance.MOST).toList();
    }
    session.rank(members);
    float leaving = intact.stream(layer, e.sequence(), e.token())[e.channel()];
    for (Part part : members) {
      rejections.add(
          part,
          e,
          intact,
          Optional.empty(),
          Role.ERASER,
          0,
          part.share(),
          Rejections.eraserWords(layer, written, entering, leaving));
    }
  }
}
