package io.superweight.edit;

import io.superweight.model.Variant;

/**
 * A changed version of a model that is measured beside others.
 *
 * @param label for tables: {@code Prune SW, +SA}
 * @param key says exactly what was changed, equal for equal changes of the same model, whatever
 *     they were written like; empty for the model as it is
 * @param variant what a pass takes
 */
public record EditedModel(String label, String key, Variant variant) {
  /** The model as it is. */
  public static final EditedModel ORIGINAL = new EditedModel("Original", "", Variant.INTACT);
}
