package io.superweight.edit;

import io.superweight.model.Variant;
import java.util.List;

/**
 * A changed version of a model that is measured beside others. {@link Edits} makes them.
 *
 * @param label for tables: {@code Prune SW, +SA}
 * @param key says exactly what was changed, equal for equal changes of the same model, whatever
 *     they were written like; empty for the model as it is
 * @param variant what a pass takes
 * @param notes what a reader of its numbers should know, one sentence each: that a fraction selects
 *     no weight of a model this small
 */
public record EditedModel(String label, String key, Variant variant, List<String> notes) {
  /** The model as it is. */
  public static final EditedModel ORIGINAL = new EditedModel("Original", "", Variant.INTACT);

  public EditedModel {
    notes = List.copyOf(notes);
  }

  public EditedModel(String label, String key, Variant variant) {
    this(label, key, variant, List.of());
  }

  /** The same under another label. */
  public EditedModel labelled(String other) {
    return new EditedModel(
        other,
        key,
        new Variant(
            other, variant.edits(), variant.transforms(), variant.weights(), variant.executed()),
        notes);
  }
}
