package io.superweight.python;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Expected values: CPython 3.11. */
class PythonTextTest {
  /** {@code [c for c in range(0x110000) if chr(c).isspace()]}. */
  private static final List<Integer> SPACES =
      List.of(
          0x9, 0xa, 0xb, 0xc, 0xd, 0x1c, 0x1d, 0x1e, 0x1f, 0x20, 0x85, 0xa0, 0x1680, 0x2000, 0x2001,
          0x2002, 0x2003, 0x2004, 0x2005, 0x2006, 0x2007, 0x2008, 0x2009, 0x200a, 0x2028, 0x2029,
          0x202f, 0x205f, 0x3000);

  @Test
  void whiteSpaceIsPythonsOverAllOfUnicode() {
    assertThat(IntStream.range(0, 0x110000).filter(PythonText::isSpace).boxed().toList())
        .isEqualTo(SPACES);
  }

  @Test
  void strippingTakesEveryWhiteSpaceOfPythonAndNothingElse() {
    for (int c : SPACES) {
      String space = Character.toString(c);
      assertThat(PythonText.strip(space + "a" + space + "b" + space)).isEqualTo("a" + space + "b");
      assertThat(PythonText.lstrip(space + "a" + space)).isEqualTo("a" + space);
      assertThat(PythonText.rstrip(space + "a" + space)).isEqualTo(space + "a");
      assertThat(PythonText.strip(space)).isEmpty();
      assertThat(PythonText.split("a" + space + space + "b" + space)).containsExactly("a", "b");
    }
    String others = "\u200b\ufeff\u180e\u2060";
    assertThat(PythonText.strip(others)).isEqualTo(others);
    assertThat(PythonText.strip("")).isEmpty();
  }

  @Test
  void splittingByTheExpressionKeepsEmptyStringsAtTheEnds() {
    assertThat(PythonText.splitAtSpace(" \n a b\u00a0\u0085c \n"))
        .containsExactly("", "a", "b", "c", "");
    assertThat(PythonText.splitAtSpace("")).containsExactly("");
    assertThat(PythonText.splitAtSpace("one")).containsExactly("one");
    assertThat(PythonText.split("")).isEmpty();
  }

  @Test
  void lengthCountsCodePoints() {
    assertThat(PythonText.length("a😀é")).isEqualTo(3);
  }

  @ParameterizedTest
  @CsvSource({
    "he iS, He is",
    "İI, İi",
    "ΑΣ, Ας",
    "ΣΑΣ, Σας",
    "a.ΣB, A.σb",
    "😀HE, 😀he",
    "1A, 1a",
    "[Title], [title]"
  })
  void capitalizeTitlesTheFirstCharacterAndLowersAllOthers(String text, String expected) {
    assertThat(PythonText.capitalize(text)).isEqualTo(expected);
  }

  /** Characters of which the title case is longer, or neither upper nor lower case. */
  @ParameterizedTest
  @CsvSource({
    "01c6, 01c5", // ǆ
    "00df, 0053 0073", // ß
    "0149, 02bc 004e", // ŉ
    "fb01, 0046 0069", // ﬁ
    "fb04, 0046 0066 006c", // ﬄ
    "fb17, 0544 056d",
    "0587, 0535 0582",
    "1e96, 0048 0331",
    "03b0, 03a5 0308 0301",
    "1fb3, 1fbc",
    "1fbc, 1fbc",
    "1f88, 1f88",
    "1fb2, 1fba 0345",
    "1fb7, 0391 0342 0345",
    "10d0, 10d0", // Georgian has capitals, but no title case
    "0131, 0049"
  })
  void capitalizeKnowsTheFullTitleCase(String character, String expected) {
    String text = Character.toString(Integer.parseInt(character, 16)) + "X";

    assertThat(PythonText.capitalize(text).codePoints().mapToObj("%04x"::formatted))
        .containsExactly((expected + " 0078").split(" "));
  }

  @Test
  void capitalizeOfNothingIsNothing() {
    assertThat(PythonText.capitalize("")).isEmpty();
  }
}
