/**
 * Typed, shaped views of bytes, and the one decoder that all faster readers of quantized weights
 * are held against.
 */
package io.superweight.tensor;
