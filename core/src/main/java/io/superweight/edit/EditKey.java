package io.superweight.edit;

import io.superweight.Sha256;
import io.superweight.model.ScalarEdit;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Collectors;

/** The canonical text of a change: what equal changes have in common. */
final class EditKey {
  /** More edits are told by their checksum: the key stands beside every stored score. */
  private static final int SPELT_OUT = 16;

  private EditKey() {}

  /**
   * Sorted coordinates with the bits of their new values, and {@code +SA} where the activation is
   * put back.
   */
  static String of(List<ScalarEdit> edits, boolean restored) {
    if (edits.isEmpty()) {
      return "";
    }
    String text =
        edits.stream()
            .sorted(Comparator.comparing(ScalarEdit::coordinate))
            .map(e ->
                e.coordinate() + "=" + HexFormat.of().toHexDigits(Float.floatToIntBits(e.value())))
            .collect(Collectors.joining(";"));
    if (edits.size() > SPELT_OUT) {
      text = edits.size() + " edits, sha256 " + Sha256.hex(text);
    }
    return restored ? text + " +SA" : text;
  }
}
