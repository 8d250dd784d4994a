package io.superweight.python;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class PythonSpaceTest {
  /** CPython 3.11: {@code [c for c in range(0x110000) if re.match(r"\s", chr(c))]}. */
  private static final int[] SPACES = {
    0x9, 0xa, 0xb, 0xc, 0xd, 0x1c, 0x1d, 0x1e, 0x1f, 0x20, 0x85, 0xa0, 0x1680, 0x2000, 0x2001,
    0x2002, 0x2003, 0x2004, 0x2005, 0x2006, 0x2007, 0x2008, 0x2009, 0x200a, 0x2028, 0x2029, 0x202f,
    0x205f, 0x3000
  };

  @Test
  void whiteSpaceIsPythonsOverAllCodePointsAsAPredicateAndAsAPattern() {
    Pattern pattern = Pattern.compile(PythonText.SPACE);
    assertThat(IntStream.rangeClosed(0, 0x10ffff).filter(PythonText::isSpace).toArray())
        .isEqualTo(SPACES);
    assertThat(
            IntStream.rangeClosed(0, 0x10ffff)
                .filter(c -> pattern.matcher(Character.toString(c)).matches())
                .toArray())
        .isEqualTo(SPACES);
  }
}
