package io.superweight.tokenizer;

import static io.superweight.tokenizer.GgufVocabulary.quoted;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.text.Normalizer;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;

/**
 * Byte-pair encoding over bytes, as GPT-2 introduced it (Radford et al. 2019): the text is cut into
 * words, a word's bytes are merged pair by pair.
 *
 * <p>As in Hugging Face's library, a byte that the vocabulary has no token for is dropped: SmolLM's
 * lacks six control characters.
 */
final class ByteLevelBpe implements Tokenizer {
  private static final ByteLetters LETTERS = new ByteLetters();

  private final GgufVocabulary vocabulary;
  private final String description;
  private final TokenTable table;
  private final PreTokenizer preTokenizer;
  private final WordSplitter splitter;
  private final PairRanks ranks;

  /** The token of each byte, or −1. */
  private final int[] byteToken = new int[256];

  /**
   * @throws io.superweight.InputException of kind MALFORMED if tokens and merges do not fit
   *     together, UNSUPPORTED if the pre-tokenizer is not known
   */
  ByteLevelBpe(GgufVocabulary vocabulary, String description) {
    this.vocabulary = vocabulary;
    this.description = description;
    this.preTokenizer = PreTokenizer.of(vocabulary);
    this.splitter = preTokenizer.splitter();
    this.table = new TokenTable(vocabulary);
    int known = 0;
    for (int b = 0; b < 256; b++) {
      byteToken[b] = table.id(String.valueOf(LETTERS.letter(b)));
      known += byteToken[b] >= 0 ? 1 : 0;
    }
    if (known == 0) {
      throw vocabulary.malformed("has no token for any byte");
    }
    this.ranks = ranks(vocabulary, table);
  }

  private static PairRanks ranks(GgufVocabulary vocabulary, TokenTable table) {
    List<String> merges = vocabulary.merges();
    if (merges.isEmpty()) {
      throw vocabulary.malformed("has no merges (tokenizer.ggml.merges)");
    }
    PairRanks ranks = new PairRanks(merges.size());
    for (int rank = 0; rank < merges.size(); rank++) {
      String merge = merges.get(rank);
      // A blank inside a token is written Ġ, so the first one that follows a character divides.
      int blank = merge.indexOf(' ', 1);
      if (blank < 0 || blank == merge.length() - 1) {
        throw vocabulary.malformed("has the merge " + quoted(merge) + ", which is no pair");
      }
      String left = merge.substring(0, blank);
      String right = merge.substring(blank + 1);
      ranks.add(
          known(vocabulary, table, left, merge),
          known(vocabulary, table, right, merge),
          rank,
          known(vocabulary, table, left + right, merge));
    }
    return ranks;
  }

  private static int known(
      GgufVocabulary vocabulary, TokenTable table, String token, String merge) {
    int id = table.id(token);
    if (id < 0) {
      throw vocabulary.malformed(
          "has the merge " + quoted(merge) + ", but no token " + quoted(token));
    }
    return id;
  }

  @Override
  public String description() {
    return description;
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
    return vocabulary.bos().isPresent() && vocabulary.addBos().orElse(preTokenizer.addsBos());
  }

  @Override
  public int[] encode(String text) {
    IntList ids = new IntList();
    Map<String, int[]> knownWords = new HashMap<>();
    table
        .parsed()
        .split(
            UnpairedSurrogates.replaceIn(text),
            new ParsedTokens.Parts() {
              @Override
              public void text(String part) {
                encodePart(part, ids, knownWords);
              }

              @Override
              public void token(int id) {
                ids.add(id);
              }
            });
    return ids.toArray();
  }

  private void encodePart(String part, IntList ids, Map<String, int[]> knownWords) {
    String text = preTokenizer.composes() ? Normalizer.normalize(part, Normalizer.Form.NFC) : part;
    splitter.split(
        text,
        (start, end) ->
            ids.addAll(knownWords.computeIfAbsent(text.substring(start, end), this::encodeWord)));
  }

  private int[] encodeWord(String word) {
    byte[] bytes = word.getBytes(StandardCharsets.UTF_8);
    if (preTokenizer.takesWholeWords()) {
      StringBuilder letters = new StringBuilder(bytes.length);
      for (byte b : bytes) {
        letters.append(LETTERS.letter(b & 0xFF));
      }
      int whole = table.id(letters.toString());
      if (whole >= 0) {
        return new int[] {whole};
      }
    }
    PairMerger merger =
        new PairMerger(bytes.length) {
          @Override
          long pair(int left, int right) {
            return ranks.get(token[left], token[right]);
          }
        };
    int symbols = 0;
    for (byte b : bytes) {
      int id = byteToken[b & 0xFF];
      if (id >= 0) {
        merger.token[symbols++] = id;
      }
    }
    IntList ids = new IntList();
    merger.merge(symbols, symbol -> ids.add(merger.token[symbol]));
    return ids.toArray();
  }

  @Override
  public String decode(int... ids) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    for (int id : ids) {
      if (id < 0 || id >= table.size()) {
        throw UnknownToken.of(id, this);
      }
      String token = table.text(id);
      if (table.type(id) == TokenType.NORMAL) {
        for (int i = 0; i < token.length(); ) {
          int character = token.codePointAt(i);
          int value = character > Character.MAX_VALUE ? -1 : LETTERS.value((char) character);
          if (value >= 0) {
            bytes.write(value);
          } else { // not in the alphabet: a token that was written as plain text
            bytes.writeBytes(Character.toString(character).getBytes(StandardCharsets.UTF_8));
          }
          i += Character.charCount(character);
        }
      } else {
        bytes.writeBytes(token.getBytes(StandardCharsets.UTF_8));
      }
    }
    return bytes.toString(StandardCharsets.UTF_8);
  }

  @Override
  public void close() {
    // holds nothing but memory of the JVM
  }
}
