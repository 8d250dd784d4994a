package io.superweight.tokenizer;

import java.util.Arrays;

/**
 * GPT-2's way to write bytes as letters, so that a vocabulary can be a text file: the printable
 * characters of Latin-1 stand for themselves, the other 68 bytes for the characters from U+0100 on
 * ({@code Ġ} is the blank). Source: Radford et al. 2019, {@code bytes_to_unicode} of encoder.py.
 */
final class ByteLetters {
  private final char[] letterOf = new char[256];
  private final int[] byteOf = new int[256 + 68];

  ByteLetters() {
    Arrays.fill(byteOf, -1);
    int next = 256;
    for (int b = 0; b < 256; b++) {
      boolean printable = b >= '!' && b <= '~' || b >= 0xA1 && b <= 0xAC || b >= 0xAE;
      letterOf[b] = (char) (printable ? b : next++);
      byteOf[letterOf[b]] = b;
    }
  }

  /**
   * @param b 0 to 255
   */
  char letter(int b) {
    return letterOf[b];
  }

  /** The byte, 0 to 255, that a letter stands for; −1 if it stands for none. */
  int value(char letter) {
    return letter < byteOf.length ? byteOf[letter] : -1;
  }
}
