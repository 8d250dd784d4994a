/**
 * Names, bytes and hyperparameters of models on disk: Hugging Face folders with safetensors, GGUF
 * files, and the local Hugging Face cache. {@link io.superweight.checkpoint.ModelLocator} turns
 * what a user types into a path, {@link io.superweight.checkpoint.Checkpoints} opens it.
 *
 * <p>Files are mapped, read-only, into one shared arena for each open checkpoint; opening reads
 * headers alone. Every fault of a file is an {@link io.superweight.InputException} of one line.
 * This package does no arithmetic, downloads nothing and writes nothing but what {@link
 * io.superweight.checkpoint.SafetensorsWriter} is asked to.
 */
package io.superweight.checkpoint;
