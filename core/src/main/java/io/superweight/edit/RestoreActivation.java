package io.superweight.edit;

import io.superweight.InputException;
import io.superweight.compute.Matrix;
import io.superweight.compute.cpu.Bfloat16;
import io.superweight.model.ActivationTransform;
import io.superweight.model.Coordinate;
import io.superweight.model.ScalarEdit;
import io.superweight.model.Site;
import io.superweight.model.SiteValues;
import io.superweight.model.Transformer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * Puts back the super activation that edited weights of down projections no longer make: the
 * paper's “+SA” row (Table 1), as its released code does it for Llama-7B.
 *
 * <p>For each sequence and each edited row j, the output Y[t, j] of the down projection is what the
 * original weights make of the same input, at the one token t* where that is largest by magnitude;
 * at all others it stays what the edited weights make. Several rows of a layer each have a t* of
 * their own. Where weights of several layers are edited, a later one is given the input that flows
 * there with the earlier ones edited and put back; the code says nothing of that case, as its only
 * model has one weight. An expert's row is restored at the largest of the tokens routed to it.
 *
 * <p>The original output is the edited one plus Σ X[t, k] · (W − W′)[j, k] over the edited columns
 * k, in float64. It is not causal: t* depends on the whole sequence.
 */
public final class RestoreActivation implements ActivationTransform {
  /**
   * An edited output channel.
   *
   * @param missing original minus edited weight, {@code [cols.length]}
   */
  private record Channel(int row, int[] cols, double[] missing) {}

  /**
   * What the original weights would have added, {@code [channels][rows]}, until the output comes.
   */
  private record Pending(int sequence, double[][] added) {}

  private static final class Place {
    final List<Channel> channels = new ArrayList<>();
    final boolean rounds;

    /** Sequences pass both sites in the same order. */
    final Queue<Pending> pending = new ArrayDeque<>();

    Place(boolean rounds) {
      this.rounds = rounds;
    }
  }

  private final Map<Site, Place> byInput = new HashMap<>();
  private final Map<Site, Place> byOutput = new HashMap<>();
  private final List<String> rows;

  private RestoreActivation(List<String> rows) {
    this.rows = List.copyOf(rows);
  }

  /**
   * Restores what these edits change.
   *
   * @throws InputException of kind USAGE for an edit outside of down projections
   */
  static RestoreActivation of(Transformer model, List<ScalarEdit> edits) {
    Map<String, TreeMap<Integer, List<ScalarEdit>>> byRow = new TreeMap<>();
    for (ScalarEdit edit : edits) {
      Coordinate weight = edit.coordinate();
      if (!ofDownProjection(weight)) {
        throw new InputException(
            InputException.Kind.USAGE,
            "an activation can be restored behind down projections only, and "
                + weight
                + " is not in one: leave it out");
      }
      byRow
          .computeIfAbsent(weight.part(), p -> new TreeMap<>())
          .computeIfAbsent(weight.row(), r -> new ArrayList<>())
          .add(edit);
    }
    List<String> names = new ArrayList<>();
    byRow.forEach((part, of) -> of.keySet().forEach(row -> names.add(part + "[" + row + ",·]")));
    RestoreActivation restore = new RestoreActivation(names);
    byRow.forEach((part, of) -> {
      Matrix matrix = model.matrices().get(part);
      Coordinate any = of.firstEntry().getValue().getFirst().coordinate();
      Place place = new Place(model.device().precision().rounds(matrix.dtype()));
      of.forEach((row, changed) -> {
        float[] original = model.device().row(matrix, row);
        int[] cols = changed.stream().mapToInt(e -> e.coordinate().col()).sorted().toArray();
        Map<Integer, Float> values =
            changed.stream()
                .collect(Collectors.toMap(e -> e.coordinate().col(), ScalarEdit::value));
        double[] missing = new double[cols.length];
        for (int i = 0; i < cols.length; i++) {
          missing[i] = (double) original[cols[i]] - values.get(cols[i]);
        }
        place.channels.add(new Channel(row, cols, missing));
      });
      restore.byInput.put(site(any, true), place);
      restore.byOutput.put(site(any, false), place);
    });
    return restore;
  }

  private static boolean ofDownProjection(Coordinate weight) {
    return weight.part().equals("layers." + weight.layer() + ".mlp.down")
        || (weight.expert().isPresent() && weight.part().endsWith(".down"));
  }

  private static Site site(Coordinate weight, boolean input) {
    if (weight.expert().isPresent()) {
      return new Site(
          input ? Site.Kind.EXPERT_DOWN_IN : Site.Kind.EXPERT_DOWN_OUT,
          weight.layer(),
          weight.expert().getAsInt());
    }
    return Site.of(input ? Site.Kind.DOWN_IN : Site.Kind.DOWN_OUT, weight.layer());
  }

  /** What is done, for people. */
  String sentence() {
    return "in each sequence the output of "
        + (rows.size() <= 4
            ? String.join(", ", rows)
            : String.join(", ", rows.subList(0, 3)) + " and " + (rows.size() - 3) + " more rows")
        + (rows.size() == 1 ? " is" : " are")
        + " put back to what the original weights make of the same input, at the one token where "
        + (rows.size() == 1 ? "it is" : "each is")
        + " largest.";
  }

  @Override
  public boolean wants(Site site) {
    return byInput.containsKey(site) || byOutput.containsKey(site);
  }

  @Override
  public void transform(Site site, SiteValues values) {
    Place entering = byInput.get(site);
    if (entering != null) {
      entering.pending.add(
          new Pending(
              values.sequence(),
              entering.channels.stream()
                  .map(channel -> added(channel, values, entering.rounds))
                  .toArray(double[][]::new)));
      return;
    }
    Place leaving = byOutput.get(site);
    Pending pending = leaving.pending.remove();
    if (pending.sequence != values.sequence()) {
      throw new IllegalStateException(site + ": sequences changed their order within a layer");
    }
    for (int c = 0; c < leaving.channels.size(); c++) {
      restore(leaving.channels.get(c).row(), pending.added[c], values);
    }
  }

  private static double[] added(Channel channel, SiteValues x, boolean rounds) {
    double[] added = new double[x.rows()];
    for (int t = 0; t < added.length; t++) {
      for (int i = 0; i < channel.cols.length; i++) {
        float value = x.get(t, channel.cols[i]);
        added[t] += (rounds ? Bfloat16.round(value) : value) * channel.missing[i];
      }
    }
    return added;
  }

  private static void restore(int row, double[] added, SiteValues y) {
    int largest = 0;
    double value = 0;
    for (int t = 0; t < added.length; t++) {
      double original = y.get(t, row) + added[t];
      if (Math.abs(original) > Math.abs(value)) {
        largest = t;
        value = original;
      }
    }
    if (value != 0) {
      y.set(largest, row, (float) value);
    }
  }
}
