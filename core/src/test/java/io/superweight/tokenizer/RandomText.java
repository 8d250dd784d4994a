package io.superweight.tokenizer;

import java.util.Random;

/** Seeded texts that are hard on tokenizers. */
final class RandomText {
  private static final String[] PIECES = {
    " ",
    "  ",
    "    ",
    "\n",
    "\n\n",
    "\r\n",
    "\t",
    "\u00A0",
    "\u2003",
    "\u3000",
    "\u200B",
    "\u0085",
    "the",
    "The",
    "THE",
    "don't",
    "I'LL",
    "we've",
    "'S",
    "x",
    "_",
    "1",
    "12",
    "1234567",
    "3.14",
    "½",
    ".",
    "...",
    "!?",
    "--",
    "(",
    ")",
    "<",
    ">",
    "|",
    "#",
    "$",
    "\"",
    "'",
    "`",
    "\\",
    "/",
    "~",
    "é",
    "e\u0301",
    "ñ",
    "ß",
    "ſ",
    "İ",
    "Å",
    "中文",
    "日本語",
    "한국어",
    "가",
    "Привет",
    "שלום",
    "مرحبا",
    "हिन्दी",
    "ไทย",
    "🙂",
    "👩\u200D👧",
    "🇩🇪",
    "𝔘𝔫𝔦",
    "\uFFFD",
    "\uFEFF",
    "\0",
    "\u0007",
    "▁",
    "Ġ",
  };

  private RandomText() {}

  /** Words, blanks, signs and scripts, mixed. */
  static String mixed(Random random, int pieces) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < pieces; i++) {
      text.append(PIECES[random.nextInt(PIECES.length)]);
    }
    return text.toString();
  }

  /** Any characters of Unicode, most of them from its lower end; no lone surrogates. */
  static String unicode(Random random, int characters) {
    StringBuilder text = new StringBuilder();
    while (characters > 0) {
      int bits = 7 + random.nextInt(14);
      int c = random.nextInt(Math.min(1 << bits, Character.MAX_CODE_POINT + 1));
      if (c < Character.MIN_SURROGATE || c > Character.MAX_SURROGATE) {
        text.appendCodePoint(c);
        characters--;
      }
    }
    return text.toString();
  }
}
