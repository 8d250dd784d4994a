/**
 * Section 4 of the paper: weights and activations rounded to few bits and decoded again, with
 * outliers clipped, super weights put back and super activations left out of the scale. What is
 * simulated here is arithmetic in float32; nothing is stored in fewer bits.
 *
 * <p>Weights: {@link io.superweight.quantize.WeightQuantizer} rounds a matrix, {@link
 * io.superweight.quantize.QuantizedWeights} does so for every matrix that a pass reads.
 * Activations: {@link io.superweight.quantize.QuantizedActivations}. {@link
 * io.superweight.quantize.Quantization} is what a user writes.
 */
package io.superweight.quantize;
