package io.superweight.checkpoint;

/**
 * A checkpoint in a GGUF file. Tensors keep the file's names ({@code blk.0.ffn_down.weight}); their
 * shapes are row-major, {@code [out, in]}, which is the reverse of what the file writes.
 */
public interface GgufCheckpoint extends Checkpoint {
  /** The key-value pairs, the vocabulary among them. */
  GgufMetadata metadata();
}
