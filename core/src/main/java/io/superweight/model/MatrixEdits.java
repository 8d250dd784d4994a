package io.superweight.model;

import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * The edited weights of one matrix, row by row: arrays, since there may be a hundred thousand.
 *
 * @param rows ascending
 * @param cols of the same length, ascending within a row
 * @param values of the same length
 * @param editedRows how many different rows there are
 */
record MatrixEdits(int[] rows, int[] cols, float[] values, int editedRows) {
  /** By part name; of two edits of a weight the later one counts. */
  static Map<String, MatrixEdits> of(List<ScalarEdit> edits) {
    Map<String, MatrixEdits> byPart = new HashMap<>();
    edits.stream()
        .collect(Collectors.groupingBy(edit -> edit.coordinate().part()))
        .forEach((part, own) -> byPart.put(part, ofMatrix(own)));
    return byPart;
  }

  private static MatrixEdits ofMatrix(List<ScalarEdit> edits) {
    List<ScalarEdit> sorted =
        edits.stream()
            .sorted(
                Comparator.comparingInt((ScalarEdit edit) -> edit.coordinate().row())
                    .thenComparingInt(edit -> edit.coordinate().col()))
            .toList();
    int[] rows = sorted.stream().mapToInt(edit -> edit.coordinate().row()).toArray();
    int[] cols = sorted.stream().mapToInt(edit -> edit.coordinate().col()).toArray();
    float[] values = new float[rows.length];
    int editedRows = 0;
    for (int i = 0; i < rows.length; i++) {
      values[i] = sorted.get(i).value();
      editedRows += i == 0 || rows[i] != rows[i - 1] ? 1 : 0;
    }
    return new MatrixEdits(rows, cols, values, editedRows);
  }

  int count() {
    return rows.length;
  }
}
