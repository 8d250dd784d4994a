package io.superweight.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Text set into columns, and text of others made harmless. */
class TextTest {
  @Test
  void wideCharactersTakeTwoColumnsAndCombiningOnesNone() {
    assertThat(Columns.width("abc")).isEqualTo(3);
    assertThat(Columns.width("数字")).isEqualTo(4);
    assertThat(Columns.width("e\u0301")).isEqualTo(1);
    assertThat(Columns.width("😀")).isEqualTo(2);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 5, 9, 40})
  void whatIsCutNeverTakesMoreThanItsRoom(int width) {
    for (String text : List.of("layers.11.mlp.down", "数字数字数字数字", "a数b字c", "")) {
      assertThat(Columns.width(Columns.cut(text, width))).isLessThanOrEqualTo(width);
    }
    assertThat(Columns.cut("short", 5)).isEqualTo("short");
    assertThat(Columns.cut("longer", 5)).isEqualTo("long…");
  }

  @Test
  void wrappingKeepsEveryWordInOrder() {
    String text = "one two three fourteen-chars five 六 seven";
    for (int width = 14; width < 50; width++) {
      assertThat(String.join(" ", Columns.wrap(text, width))).isEqualTo(text);
    }
  }

  @Test
  void aNumberIsNotPartedFromItsSignOrUnit() {
    assertThat(Columns.wrap("together × 9,320 at 95 % in 61 s", 11))
        .containsExactly("together", "× 9,320 at", "95 % in", "61 s");
  }

  @Test
  void aWordLongerThanTheLineIsBrokenAndNothingIsLost() {
    String text = "ab 数字数字数字 !!!!!!!!!!!!!!!!! cd";
    for (int width = 2; width < 30; width++) {
      assertThat(Columns.wrap(text, width))
          .allSatisfy(line -> assertThat(Columns.width(line)).isPositive());
      for (String line : Columns.wrap(text, width)) {
        assertThat(Columns.width(line)).isLessThanOrEqualTo(width);
      }
      assertThat(String.join("", Columns.wrap(text, width)).replace(" ", ""))
          .isEqualTo(text.replace(" ", ""));
    }
  }

  @Test
  void controlAndDirectionCharactersBecomeVisible() {
    assertThat(Shown.text("a\u001B[2Jb\u202Ec\r\nd\te")).isEqualTo("a�[2Jb�c⏎d⇥e");
    assertThat(Shown.token(" x")).isEqualTo("“ x”");
  }

  @Test
  void numbersInSentencesAreSetLikeThoseInTables() {
    assertThat(Shown.prose("28.6 against -49.4, ×1.18, layer-wise 2-3, layers.1.mlp.down[161,288]"))
        .isEqualTo("28.6 against −49.4, × 1.18, layer-wise 2-3, layers.1.mlp.down[161,288]");
  }

  @Test
  void aTableDropsTheLeastImportantColumnsFirst() {
    Table table = new Table().left("weight", Table.ALWAYS).right("rank", 1).right("share", 2);
    table.row().cell("layers.1.mlp.down[1,2]").cell("123456").cell("0.73");
    Look plain = new Look(false);
    assertThat(table.render(80, plain).getFirst()).contains("weight", "rank", "share");
    assertThat(table.render(33, plain).getFirst())
        .contains("weight", "share")
        .doesNotContain("rank");
    assertThat(table.render(20, plain).get(2)).contains("layers.1.mlp.down[1,2]");
  }

  @Test
  void aColumnWithoutContentIsLeftOut() {
    Table table = new Table().left("weight", Table.ALWAYS).left("verdict", 1);
    table.row().cell("w").cell("");
    assertThat(table.render(80, new Look(false)).getFirst()).doesNotContain("verdict");
  }
}
