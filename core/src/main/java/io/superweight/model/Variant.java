package io.superweight.model;

import java.util.Collection;
import java.util.List;
import java.util.Optional;

/**
 * An edited version of the model that a pass carries beside others.
 *
 * @param name for reports
 * @param edits weights with other values; at most one for a coordinate
 * @param transforms replacements of activations, applied in order
 * @param weights replacements of whole matrices, applied in order, after the edits
 * @param executed computes products with some of those in a way of its own; mostly empty
 */
public record Variant(
    String name,
    List<ScalarEdit> edits,
    List<ActivationTransform> transforms,
    List<WeightTransform> weights,
    Optional<ExecutedProducts> executed) {
  /** The model as it is. */
  public static final Variant INTACT = new Variant("intact", List.of(), List.of());

  public Variant {
    edits = List.copyOf(edits);
    transforms = List.copyOf(transforms);
    weights = List.copyOf(weights);
  }

  /** All products are the device's. */
  public Variant(
      String name,
      List<ScalarEdit> edits,
      List<ActivationTransform> transforms,
      List<WeightTransform> weights) {
    this(name, edits, transforms, weights, Optional.empty());
  }

  /** Without replacements of matrices. */
  public Variant(String name, List<ScalarEdit> edits, List<ActivationTransform> transforms) {
    this(name, edits, transforms, List.of());
  }

  /** The model with some weights zeroed. */
  public static Variant zeroed(String name, Collection<Coordinate> coordinates) {
    return new Variant(name, coordinates.stream().map(ScalarEdit::zero).toList(), List.of());
  }
}
