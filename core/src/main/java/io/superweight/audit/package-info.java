/**
 * What quantization did to a model: whether its super weights and the super activations that they
 * make are still there, and what became of its predictions.
 */
package io.superweight.audit;
