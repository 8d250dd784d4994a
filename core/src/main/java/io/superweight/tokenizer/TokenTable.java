package io.superweight.tokenizer;

import static io.superweight.tokenizer.GgufVocabulary.quoted;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** The tokens of a GGUF vocabulary by id and by text. */
final class TokenTable {
  private final GgufVocabulary vocabulary;
  private final Map<String, Integer> idOf;
  private final ParsedTokens parsed;
  private final boolean phi3;

  /**
   * @throws io.superweight.InputException of kind MALFORMED if two tokens have the same text
   */
  TokenTable(GgufVocabulary vocabulary) {
    this.vocabulary = vocabulary;
    List<String> tokens = vocabulary.tokens();
    this.idOf = HashMap.newHashMap(tokens.size());
    List<ParsedTokens.Parsed> parsedTokens = new ArrayList<>();
    // llama.cpp knows by the name that Phi-3's marks take the white space after them along.
    String name = vocabulary.name().toLowerCase(Locale.ROOT);
    this.phi3 = name.contains("phi-3") || name.contains("phi3");
    for (int id = 0; id < tokens.size(); id++) {
      String token = tokens.get(id);
      if (token.isEmpty()) {
        continue; // holds a place, and no text leads to it
      }
      Integer twin = idOf.putIfAbsent(token, id);
      if (twin != null) {
        throw vocabulary.malformed(
            "gives the token " + quoted(token) + " two ids, " + twin + " and " + id);
      }
      if (vocabulary.type(id).isParsed() && !token.equals("[PAD" + id + "]")) {
        // [PAD32011] is what converters fill a vocabulary up with, whatever type they give it.
        parsedTokens.add(new ParsedTokens.Parsed(token, id, stripsRight(token)));
      }
    }
    this.parsed = new ParsedTokens(parsedTokens);
  }

  /** Whether white space after a token that is found as it is written belongs to it. */
  boolean stripsRight(String token) {
    return phi3
        && switch (token) {
          case "<unk>", "<s>", "<|endoftext|>" -> false;
          default -> true;
        };
  }

  int size() {
    return vocabulary.tokens().size();
  }

  /** The id of the token with that text, or −1. */
  int id(String text) {
    return idOf.getOrDefault(text, -1);
  }

  String text(int id) {
    return vocabulary.tokens().get(id);
  }

  TokenType type(int id) {
    return vocabulary.type(id);
  }

  ParsedTokens parsed() {
    return parsed;
  }
}
