/**
 * Writes checkpoints as files that other tools load: GGUF from GGUF or safetensors, quantized or as
 * it is. What a file will hold is laid out first, tensor by tensor, as rows that can be read in any
 * order; then it is written in pieces.
 */
package io.superweight.convert;
