/**
 * Text to token ids and back: Hugging Face's own library for {@code tokenizer.json}, Java for the
 * vocabularies inside GGUF files. {@link io.superweight.tokenizer.Tokenizers} opens both.
 */
package io.superweight.tokenizer;
