package io.superweight.tokenizer;

import io.superweight.InputException;
import io.superweight.checkpoint.GgufMetadata;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * The vocabulary inside a GGUF file: the keys {@code tokenizer.ggml.*} (source: the GGUF
 * specification and llama.cpp's reader, llama-vocab.cpp).
 *
 * @param source the file, for messages
 * @param architecture {@code general.architecture}; tells the pre-tokenizer of old files
 * @param name {@code general.name}; empty if absent
 * @param model the kind: {@code gpt2} (byte-level BPE) or {@code llama} (SentencePiece-BPE)
 * @param pre the pre-tokenizer of byte-level BPE; empty if absent
 * @param tokens the texts, in the order of the ids
 * @param scores of the tokens: a higher one is merged first; empty if absent
 * @param types of the tokens, numbered as {@link TokenType}; empty if absent: all are normal
 * @param merges pairs with a blank between, the first merged first; empty if absent
 * @param bos the BOS token
 * @param eos the EOS token
 * @param unknown the token for what the vocabulary cannot express
 * @param addBos whether BOS is put before a text
 * @param addSpacePrefix whether a blank is put before a text
 */
public record GgufVocabulary(
    String source,
    String architecture,
    String name,
    String model,
    Optional<String> pre,
    List<String> tokens,
    float[] scores,
    int[] types,
    List<String> merges,
    OptionalInt bos,
    OptionalInt eos,
    OptionalInt unknown,
    Optional<Boolean> addBos,
    Optional<Boolean> addSpacePrefix) {

  /** No vocabulary comes near it; a file with more tokens is broken. */
  private static final int MOST_TOKENS = 1 << 24;

  /**
   * @throws InputException of kind MALFORMED if lists and ids do not fit together
   */
  public GgufVocabulary {
    if (tokens.isEmpty() || tokens.size() > MOST_TOKENS) {
      throw malformed(source, "has a vocabulary of " + tokens.size() + " tokens");
    }
    if (types.length != 0 && types.length != tokens.size()) {
      throw malformed(source, lengths(types.length, "token types", tokens.size()));
    }
    if (scores.length != 0 && scores.length != tokens.size()) {
      throw malformed(source, lengths(scores.length, "token scores", tokens.size()));
    }
    check(source, "bos_token_id", bos, tokens.size());
    check(source, "eos_token_id", eos, tokens.size());
    check(source, "unknown_token_id", unknown, tokens.size());
  }

  /**
   * The vocabulary that a file's metadata holds.
   *
   * @param source the file, for messages
   * @throws InputException of kind NOT_FOUND if there is none, MALFORMED if it is broken
   */
  public static GgufVocabulary of(String source, GgufMetadata metadata) {
    String model = metadata.text("tokenizer.ggml.model", "none");
    if (model.equals("none") || model.equals("no_vocab")) {
      throw new InputException(
          InputException.Kind.NOT_FOUND,
          source
              + " holds no vocabulary (tokenizer.ggml.model): convert the model to GGUF again"
              + " together with its tokenizer");
    }
    List<String> tokens = metadata.texts("tokenizer.ggml.tokens");
    OptionalInt bos = id(metadata, "tokenizer.ggml.bos_token_id");
    if (bos.isEmpty()
        && model.equals("llama")
        && tokens.size() > 1
        && tokens.get(1).equals("<s>")) {
      bos = OptionalInt.of(1); // files of the first Llamas do not name it; llama.cpp takes 1
    }
    return new GgufVocabulary(
        source,
        metadata.text("general.architecture", ""),
        metadata.text("general.name", ""),
        model,
        metadata.text("tokenizer.ggml.pre"),
        tokens,
        metadata.numbers("tokenizer.ggml.scores"),
        metadata.integers("tokenizer.ggml.token_type"),
        metadata.texts("tokenizer.ggml.merges"),
        bos,
        id(metadata, "tokenizer.ggml.eos_token_id"),
        id(metadata, "tokenizer.ggml.unknown_token_id"),
        flag(metadata, "tokenizer.ggml.add_bos_token"),
        flag(metadata, "tokenizer.ggml.add_space_prefix"));
  }

  private static OptionalInt id(GgufMetadata metadata, String key) {
    return metadata.has(key) ? OptionalInt.of(metadata.count(key, 0)) : OptionalInt.empty();
  }

  private static Optional<Boolean> flag(GgufMetadata metadata, String key) {
    return metadata.has(key) ? Optional.of(metadata.flag(key, false)) : Optional.empty();
  }

  private static String lengths(int count, String what, int tokens) {
    return "has " + count + " " + what + " for " + tokens + " tokens";
  }

  private static void check(String source, String key, OptionalInt id, int tokens) {
    if (id.isPresent() && (id.getAsInt() < 0 || id.getAsInt() >= tokens)) {
      throw malformed(
          source,
          "names the token " + id.getAsInt() + " as " + key + ", but has " + tokens + " tokens");
    }
  }

  static InputException malformed(String source, String trouble) {
    return new InputException(
        InputException.Kind.MALFORMED,
        source + " " + trouble + ": convert the model to GGUF again, or use its tokenizer.json");
  }

  InputException malformed(String trouble) {
    return malformed(source, trouble);
  }

  /** A text of the file for a message of one line: short, and without control characters. */
  static String quoted(String text) {
    StringBuilder shown = new StringBuilder("\"");
    text.codePoints()
        .limit(60)
        .forEach(c -> {
          if (Character.isISOControl(c) || c == 0x2028 || c == 0x2029) {
            shown.append(String.format("\\u%04X", c));
          } else {
            shown.appendCodePoint(c);
          }
        });
    return shown.append('"').toString();
  }

  TokenType type(int id) {
    return types.length == 0 ? TokenType.NORMAL : TokenType.of(types[id]);
  }
}
