package io.superweight.compute;

/** The non-linear function of an MLP. */
public enum Activation {
  /** {@code x · sigmoid(x)}. */
  SILU,
  /** {@code x · Φ(x)} with the error function. */
  GELU,
  /** The tanh approximation of GELU (Hendrycks and Gimpel 2016). */
  GELU_TANH,
  /** {@code max(x, 0)}. */
  RELU,
  /** {@code max(x, 0)²}. */
  RELU_SQUARED
}
