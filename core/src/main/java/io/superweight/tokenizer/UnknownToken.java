package io.superweight.tokenizer;

import io.superweight.InputException;

/** The error for an id that the vocabulary does not have. */
final class UnknownToken {
  private UnknownToken() {}

  static InputException of(int id, Tokenizer tokenizer) {
    return new InputException(
        InputException.Kind.TEXT,
        "there is no token "
            + id
            + " in the vocabulary of "
            + tokenizer.description()
            + ": use ids from 0 to "
            + (tokenizer.vocabularySize() - 1)
            + " that it names");
  }
}
