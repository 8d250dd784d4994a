package io.superweight.compute;

import io.superweight.tensor.DType;

/** What a product does to its input x before it multiplies; sums are float32 in each. */
public enum Precision {
  /** x stays float32. */
  F32,
  /**
   * x is rounded to bfloat16, half to even, where W is stored in bfloat16, as PyTorch and llama.cpp
   * do; with other weights x stays float32.
   */
  BF16;

  /** What a checkpoint of such weights is computed in unless somebody asks otherwise. */
  public static Precision of(DType weights) {
    return weights == DType.BF16 ? BF16 : F32;
  }

  /** Whether x is rounded for a product with such weights. */
  public boolean rounds(DType weights) {
    return this == BF16 && weights == DType.BF16;
  }
}
