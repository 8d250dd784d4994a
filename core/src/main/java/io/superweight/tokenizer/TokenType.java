package io.superweight.tokenizer;

/** What a token of a GGUF vocabulary is, in the order of their numbers in the file, from 1. */
enum TokenType {
  /** A piece of text. */
  NORMAL,
  /** Stands for what the vocabulary cannot express. */
  UNKNOWN,
  /** Steers the model: BOS, EOS, the marks of a chat. */
  CONTROL,
  /** A text that is one token wherever it occurs. */
  USER_DEFINED,
  /** Fills the vocabulary up. */
  UNUSED,
  /** One byte, written {@code <0x0A>}. */
  BYTE;

  /** The type of that number; NORMAL for a number without meaning. */
  static TokenType of(int number) {
    return number >= 1 && number <= values().length ? values()[number - 1] : NORMAL;
  }

  /** Whether it is found in the text as it is written, before the rest is split. */
  boolean isParsed() {
    return this == CONTROL || this == USER_DEFINED || this == UNKNOWN;
  }
}
