package io.superweight.edit;

import io.superweight.InputException;
import io.superweight.compute.Matrix;
import io.superweight.model.Coordinate;
import io.superweight.model.ScalarEdit;
import io.superweight.model.Transformer;
import io.superweight.model.Variant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * Makes changed versions of one model. The checkpoint is never written; new values are float32,
 * whatever type the weights are stored in.
 *
 * <p>A weight that is given the value it has is no change, so that {@code scale(…, 1)} is the
 * original, to the bit.
 */
public final class Edits {
  private final Transformer model;

  public Edits(Transformer model) {
    this.model = model;
  }

  /** Weights zeroed. */
  public EditedModel zero(String label, Collection<Coordinate> weights) {
    Map<Coordinate, Float> values = new HashMap<>();
    weights.forEach(w -> values.put(w, 0f));
    return set(label, values);
  }

  /**
   * Weights multiplied by a factor, all by the same (Figure 6 of the paper).
   *
   * @throws InputException of kind USAGE where a product is not finite
   */
  public EditedModel scale(String label, Collection<Coordinate> weights, double factor) {
    Map<Coordinate, Float> values = new HashMap<>();
    originals(weights).forEach((w, value) -> values.put(w, (float) (value * factor)));
    return set(label, values);
  }

  /**
   * Weights given values of one's own.
   *
   * @throws InputException of kind USAGE for a coordinate that the model does not have, and for a
   *     value that is not finite
   */
  public EditedModel set(String label, Map<Coordinate, Float> values) {
    Map<Coordinate, Float> originals = originals(values.keySet());
    List<ScalarEdit> edits = new ArrayList<>();
    new TreeMap<>(values)
        .forEach((weight, value) -> {
          if (!Float.isFinite(value)) {
            throw usage(weight + " would become " + value + ": give it a finite value");
          }
          // Not equals: −0 and 0 are the same weight.
          if (originals.get(weight).floatValue() != value) {
            edits.add(new ScalarEdit(weight, value == 0 ? 0f : value));
          }
        });
    List<String> notes =
        edits.isEmpty() && !values.isEmpty()
            ? List.of(label + ": the weights have these values already, nothing is changed.")
            : List.of();
    return new EditedModel(
        label, EditKey.of(edits, false), new Variant(label, edits, List.of()), notes);
  }

  /**
   * The paper's control: of each matrix the {@code ⌊elements · fraction⌋} weights of the largest
   * magnitude zeroed, in all layers, the super weights left as they are. As in the released code,
   * all that reach the magnitude of the last one are zeroed, so ties make more; embeddings, norms
   * and the output head are left alone (paper.md 1.4).
   *
   * <p>A matrix here is one of {@link Transformer#matrices()}: where a checkpoint stores gate and
   * up as one matrix (Phi-3), each half counts for itself.
   *
   * @param fraction within 0 to 1
   * @param keep weights that are not zeroed
   * @throws InputException of kind USAGE for a fraction outside of 0 to 1, or one that selects more
   *     than {@link #MOST} weights
   */
  public EditedModel pruneTop(String label, double fraction, Collection<Coordinate> keep) {
    if (!(fraction > 0 && fraction < 1)) {
      throw usage("the fraction of weights to prune must lie between 0 and 1, such as 1e-6");
    }
    originals(keep);
    Set<Coordinate> kept = new HashSet<>(keep);
    List<ScalarEdit> edits = new ArrayList<>();
    long largest = 0;
    int without = 0;
    int selected = 0;
    for (Map.Entry<String, Matrix> entry : model.matrices().entrySet()) {
      Matrix matrix = entry.getValue();
      long elements = (long) matrix.rows() * matrix.cols();
      largest = Math.max(largest, elements);
      long count = (long) (elements * fraction);
      if (count == 0) {
        without++;
        continue;
      }
      if (edits.size() + count > MOST) {
        throw usage(
            fraction + " of each matrix is more than " + MOST + " weights: give a smaller one");
      }
      for (LargestWeights.Place place : LargestWeights.of(matrix, (int) count)) {
        Coordinate weight = new Coordinate(entry.getKey(), place.row(), place.col());
        selected++;
        if (place.value() != 0 && !kept.contains(weight)) {
          edits.add(ScalarEdit.zero(weight));
        }
      }
    }
    int spared = selected - edits.size();
    String note =
        selected == 0
            ? String.format(
                Locale.ROOT,
                "%s: a fraction of %s selects no weight, as the largest matrix has %,d:"
                    + " this is the original model.",
                label,
                String.valueOf(fraction).replace(".0E", "e").replace('E', 'e'),
                largest)
            : String.format(
                Locale.ROOT,
                "%s: %,d weights of %d matrices zeroed%s%s.",
                label,
                edits.size(),
                model.matrices().size() - without,
                spared == 0 ? "" : ", " + spared + " of the largest kept as super weights",
                without == 0 ? "" : "; " + without + " matrices are too small for one");
    edits.sort(java.util.Comparator.comparing(ScalarEdit::coordinate));
    return new EditedModel(
        label, EditKey.of(edits, false), new Variant(label, edits, List.of()), List.of(note));
  }

  /** The most weights that one change may name. */
  public static final int MOST = 1_000_000;

  /**
   * The same with the super activations written back (the paper's “+SA”): see {@link
   * RestoreActivation}. Only of weights of down projections, where super activations are made.
   *
   * @throws InputException of kind USAGE where it edits another matrix
   */
  public EditedModel restored(String label, EditedModel edited) {
    if (edited.variant().edits().isEmpty()) {
      return edited.labelled(label);
    }
    RestoreActivation restore = RestoreActivation.of(model, edited.variant().edits());
    List<String> notes = new ArrayList<>(edited.notes());
    notes.add(label + ": " + restore.sentence());
    return new EditedModel(
        label,
        EditKey.of(edited.variant().edits(), true),
        new Variant(label, edited.variant().edits(), List.of(restore)),
        notes);
  }

  /** The values that weights have; each row is read once. */
  Map<Coordinate, Float> originals(Collection<Coordinate> weights) {
    Map<Coordinate, Float> values = new HashMap<>();
    String part = "";
    int row = -1;
    float[] read = null;
    for (Coordinate weight : new TreeSet<>(weights)) {
      if (!weight.part().equals(part) || weight.row() != row) {
        model.weight(weight); // refuses what the model does not have
        read = model.device().row(model.matrices().get(weight.part()), weight.row());
        part = weight.part();
        row = weight.row();
      }
      if (weight.col() >= read.length) {
        model.weight(weight);
      }
      values.put(weight, read[weight.col()]);
    }
    return values;
  }

  private static InputException usage(String message) {
    return new InputException(InputException.Kind.USAGE, message);
  }
}
