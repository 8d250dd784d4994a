package io.superweight.tokenizer;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Random;

/** Builds small vocabularies, sound and broken ones. */
final class TinyVocabulary {
  private final String model;
  private String architecture = "llama";
  private String pre = "gpt-2";
  private final List<String> tokens = new ArrayList<>();
  private final List<Float> scores = new ArrayList<>();
  private List<Integer> types = new ArrayList<>();
  private final List<String> merges = new ArrayList<>();
  private OptionalInt bos = OptionalInt.empty();
  private OptionalInt unknown = OptionalInt.empty();
  private Optional<Boolean> addBos = Optional.empty();
  private Optional<Boolean> addSpacePrefix = Optional.empty();

  TinyVocabulary(String model) {
    this.model = model;
  }

  /** Byte-level: the 256 bytes, the id of a byte its value, and one merge that never applies. */
  static TinyVocabulary bytes() {
    TinyVocabulary tiny = new TinyVocabulary("gpt2");
    ByteLetters letters = new ByteLetters();
    for (int b = 0; b < 256; b++) {
      tiny.token(String.valueOf(letters.letter(b)), TokenType.NORMAL);
    }
    // 0xFF occurs in no UTF-8; its merge makes a token that is there.
    tiny.tokens.set(0xFE, "ÿÿ");
    return tiny.merge("ÿ ÿ");
  }

  /** SentencePiece: unknown, the byte tokens, then these, the first merged first. */
  static TinyVocabulary sentencePiece(String... pieces) {
    TinyVocabulary tiny = new TinyVocabulary("llama").token("<unk>", TokenType.UNKNOWN).unknown(0);
    for (int b = 0; b < 256; b++) {
      tiny.token(String.format("<0x%02X>", b), TokenType.BYTE);
    }
    for (String piece : pieces) {
      tiny.scored(piece);
    }
    return tiny;
  }

  TinyVocabulary architecture(String value) {
    architecture = value;
    return this;
  }

  TinyVocabulary pre(String value) {
    pre = value;
    return this;
  }

  TinyVocabulary token(String text, TokenType type) {
    tokens.add(text);
    types.add(type.ordinal() + 1);
    if (model.equals("llama")) {
      scores.add(0f);
    }
    return this;
  }

  TinyVocabulary scored(String text) {
    token(text, TokenType.NORMAL);
    scores.set(scores.size() - 1, (float) -scores.size());
    return this;
  }

  TinyVocabulary score(int id, float value) {
    scores.set(id, value);
    return this;
  }

  TinyVocabulary scores(float... values) {
    scores.clear();
    for (float value : values) {
      scores.add(value);
    }
    return this;
  }

  TinyVocabulary types(int count) {
    types = new ArrayList<>(types.subList(0, count));
    return this;
  }

  TinyVocabulary merge(String merge) {
    merges.add(merge);
    return this;
  }

  TinyVocabulary noMerges() {
    merges.clear();
    return this;
  }

  TinyVocabulary bos(int id) {
    bos = OptionalInt.of(id);
    return this;
  }

  TinyVocabulary unknown(int id) {
    unknown = OptionalInt.of(id);
    return this;
  }

  TinyVocabulary addBos(boolean value) {
    addBos = Optional.of(value);
    return this;
  }

  TinyVocabulary addSpacePrefix(boolean value) {
    addSpacePrefix = Optional.of(value);
    return this;
  }

  /** One change that may or may not leave a sound vocabulary. */
  void damage(Random random) {
    int id = random.nextInt(tokens.size());
    switch (random.nextInt(11)) {
      case 0 -> tokens.set(id, "");
      case 1 -> tokens.set(id, tokens.get(random.nextInt(tokens.size())));
      case 2 -> tokens.set(id, RandomText.unicode(random, 3));
      case 3 -> merges.add(RandomText.unicode(random, 3));
      case 4 -> merges.add(tokens.get(id) + " " + tokens.get(random.nextInt(tokens.size())));
      case 5 -> types.set(random.nextInt(types.size()), random.nextInt());
      case 6 -> types.set(random.nextInt(types.size()), 1 + random.nextInt(6));
      case 7 -> bos(random.nextInt(-3, 600));
      case 8 -> unknown(random.nextInt(-3, 600));
      case 9 -> {
        if (!scores.isEmpty()) {
          score(random.nextInt(scores.size()), Float.intBitsToFloat(random.nextInt()));
        }
      }
      default -> tokens.remove(id);
    }
  }

  GgufVocabulary build() {
    float[] scoreArray = new float[scores.size()];
    for (int i = 0; i < scoreArray.length; i++) {
      scoreArray[i] = scores.get(i);
    }
    return new GgufVocabulary(
        "a test",
        architecture,
        "",
        model,
        Optional.ofNullable(pre),
        List.copyOf(tokens),
        scoreArray,
        types.stream().mapToInt(Integer::intValue).toArray(),
        List.copyOf(merges),
        bos,
        OptionalInt.empty(),
        unknown,
        addBos,
        addSpacePrefix);
  }
}
