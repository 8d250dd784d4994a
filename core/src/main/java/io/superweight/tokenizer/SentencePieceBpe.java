package io.superweight.tokenizer;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.OptionalInt;

/**
 * SentencePiece's byte-pair encoding (Kudo and Richardson 2018), as Llama, Mistral, Gemma and Phi-3
 * use it: blanks become {@code ▁}, characters are merged while the result is a token, the token of
 * the highest score first; what is no token then is written in byte tokens.
 */
final class SentencePieceBpe implements Tokenizer {
  private static final char BLANK = '▁';

  private final GgufVocabulary vocabulary;
  private final TokenTable table;

  /** The place of each token's score among all scores, the highest first; equal scores share it. */
  private final int[] rank;

  /** The token of each byte, or −1. */
  private final int[] byteToken = new int[256];

  private final int longestToken;

  /**
   * @throws io.superweight.InputException of kind MALFORMED if scores are missing or there is no
   *     token for what the vocabulary cannot express
   */
  SentencePieceBpe(GgufVocabulary vocabulary) {
    this.vocabulary = vocabulary;
    this.table = new TokenTable(vocabulary);
    this.rank = ranks(vocabulary);
    boolean allBytes = true;
    for (int b = 0; b < 256; b++) {
      byteToken[b] = table.id(String.format("<0x%02X>", b));
      allBytes &= byteToken[b] >= 0;
    }
    if (!allBytes && vocabulary.unknown().isEmpty()) {
      throw vocabulary.malformed("has neither a token for every byte nor an unknown_token_id");
    }
    this.longestToken = vocabulary.tokens().stream().mapToInt(String::length).max().orElse(0);
  }

  private static int[] ranks(GgufVocabulary vocabulary) {
    float[] scores = vocabulary.scores();
    if (scores.length == 0) {
      throw vocabulary.malformed("has no scores (tokenizer.ggml.scores)");
    }
    float[] sorted = scores.clone();
    Arrays.sort(sorted);
    int[] rank = new int[scores.length];
    for (int id = 0; id < scores.length; id++) {
      if (Float.isNaN(scores[id])) {
        throw vocabulary.malformed("gives the token " + id + " no number as its score");
      }
    }
    // Rank 0 is the highest score; the number of distinct scores above gives the place.
    int[] distinctAbove = new int[sorted.length];
    for (int i = sorted.length - 2; i >= 0; i--) {
      distinctAbove[i] = distinctAbove[i + 1] + (sorted[i] == sorted[i + 1] ? 0 : 1);
    }
    for (int id = 0; id < scores.length; id++) {
      rank[id] = distinctAbove[Arrays.binarySearch(sorted, scores[id])];
    }
    return rank;
  }

  @Override
  public String description() {
    return "GGUF llama/" + vocabulary.architecture();
  }

  @Override
  public int vocabularySize() {
    return table.size();
  }

  @Override
  public OptionalInt bos() {
    return vocabulary.bos();
  }

  @Override
  public OptionalInt eos() {
    return vocabulary.eos();
  }

  @Override
  public boolean addsBos() {
    return vocabulary.bos().isPresent() && vocabulary.addBos().orElse(true);
  }

  private boolean addsSpacePrefix() {
    return vocabulary.addSpacePrefix().orElse(true);
  }

  @Override
  public int[] encode(String text) {
    IntList ids = new IntList();
    table
        .parsed()
        .split(
            UnpairedSurrogates.replaceIn(text),
            new ParsedTokens.Parts() {
              @Override
              public void text(String part) {
                encodePart((addsSpacePrefix() ? " " + part : part).replace(' ', BLANK), ids);
              }

              @Override
              public void token(int id) {
                ids.add(id);
              }
            });
    return ids.toArray();
  }

  private void encodePart(String text, IntList ids) {
    PairMerger merger =
        new PairMerger(text.codePointCount(0, text.length())) {
          @Override
          long pair(int left, int right) {
            if (end[right] - start[left] > longestToken) {
              return -1;
            }
            int id = table.id(text.substring(start[left], end[right]));
            return id < 0 ? -1 : packed(rank[id], id);
          }
        };
    int symbols = 0;
    for (int i = 0; i < text.length(); symbols++) {
      merger.start[symbols] = i;
      i += Character.charCount(text.codePointAt(i));
      merger.end[symbols] = i;
      merger.token[symbols] = table.id(text.substring(merger.start[symbols], i));
    }
    merger.merge(
        symbols,
        symbol -> {
          if (merger.token[symbol] >= 0) {
            ids.add(merger.token[symbol]);
          } else {
            encodeBytes(text.substring(merger.start[symbol], merger.end[symbol]), ids);
          }
        });
  }

  private void encodeBytes(String character, IntList ids) {
    byte[] bytes = character.getBytes(StandardCharsets.UTF_8);
    for (byte b : bytes) {
      if (byteToken[b & 0xFF] < 0) {
        ids.add(vocabulary.unknown().getAsInt());
        return;
      }
    }
    for (byte b : bytes) {
      ids.add(byteToken[b & 0xFF]);
    }
  }

  @Override
  public String decode(int... ids) {
    StringBuilder text = new StringBuilder();
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    for (int id : ids) {
      if (id < 0 || id >= table.size()) {
        throw UnknownToken.of(id, this);
      }
      int value = byteValue(id);
      if (value >= 0) {
        bytes.write(value);
        continue;
      }
      appendBytes(bytes, text);
      String token = table.text(id);
      text.append(table.type(id) == TokenType.NORMAL ? token.replace(BLANK, ' ') : token);
    }
    appendBytes(bytes, text);
    boolean prefixed = addsSpacePrefix() && !text.isEmpty() && text.charAt(0) == ' ';
    return prefixed ? text.substring(1) : text.toString();
  }

  /** The byte that a byte token stands for, or −1. */
  private int byteValue(int id) {
    if (table.type(id) != TokenType.BYTE) {
      return -1;
    }
    for (int b = 0; b < 256; b++) {
      if (byteToken[b] == id) {
        return b;
      }
    }
    return -1;
  }

  /** As Hugging Face's decoder: bytes that are no UTF-8 become as many U+FFFD. */
  private static void appendBytes(ByteArrayOutputStream bytes, StringBuilder text) {
    if (bytes.size() == 0) {
      return;
    }
    try {
      text.append(StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes.toByteArray())));
    } catch (CharacterCodingException e) {
      text.repeat('\uFFFD', bytes.size());
    }
    bytes.reset();
  }

  @Override
  public void close() {
    // holds nothing but memory of the JVM
  }
}
