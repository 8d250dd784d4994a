package io.superweight.evaluate;

import io.superweight.tokenizer.Tokenizer;
import java.util.OptionalInt;
import java.util.function.Consumer;
import java.util.regex.Pattern;

/** Reads a text of whole numbers as those token ids, and lets somebody hear it. */
record NumberTokenizer(OptionalInt bos, OptionalInt eos, boolean addsBos, Consumer<String> listener)
    implements Tokenizer {
  private static final Pattern NUMBER = Pattern.compile("[0-9]+");

  NumberTokenizer(OptionalInt bos, OptionalInt eos, boolean addsBos) {
    this(bos, eos, addsBos, text -> {});
  }

  @Override
  public String description() {
    return "numbers";
  }

  @Override
  public int vocabularySize() {
    return Integer.MAX_VALUE;
  }

  @Override
  public int[] encode(String text) {
    listener.accept(text);
    return NUMBER.matcher(text).results().mapToInt(r -> Integer.parseInt(r.group())).toArray();
  }

  @Override
  public String decode(int... ids) {
    throw new UnsupportedOperationException();
  }

  @Override
  public void close() {}
}
