package io.superweight.convert;

import io.superweight.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.util.Collection;
import java.util.List;

/** Weights whose blocks are stored so that they come back exactly. */
public final class HeldWeights {
  /** None. */
  public static final HeldWeights NONE = new HeldWeights(List.of());

  private final List<GgufContent.Element> elements;

  public HeldWeights(Collection<GgufContent.Element> elements) {
    this.elements = List.copyOf(elements);
  }

  List<GgufContent.Element> elements() {
    return elements;
  }

  /** Stores the blocks of a row anew that hold such weights. */
  void fix(String tensor, long row, float[] values, DType dtype, MemorySegment encoded) {}
}
