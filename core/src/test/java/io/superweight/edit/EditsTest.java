package io.superweight.edit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.superweight.Fixtures;
import io.superweight.InputException;
import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.Checkpoints;
import io.superweight.compute.Device;
import io.superweight.compute.Matrix;
import io.superweight.compute.cpu.CpuDevice;
import io.superweight.model.Coordinate;
import io.superweight.model.Head;
import io.superweight.model.Probe;
import io.superweight.model.ScalarEdit;
import io.superweight.model.Site;
import io.superweight.model.SiteValues;
import io.superweight.model.Transformer;
import io.superweight.model.Variant;
import io.superweight.tensor.DType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeSet;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class EditsTest {
  private static final Coordinate A = Coordinate.down(1, 161, 288);
  private static final Coordinate B = Coordinate.down(1, 161, 495);
  private static final Coordinate C = Coordinate.down(1, 161, 613);

  private static Checkpoint checkpoint;
  private static Device device;
  private static Transformer model;
  private static Edits edits;

  @BeforeAll
  static void open() {
    checkpoint = Checkpoints.open(Fixtures.books12m());
    device = CpuDevice.create();
    model = Transformer.load(checkpoint, device);
    edits = new Edits(model);
  }

  @AfterAll
  static void close() {
    model.close();
    device.close();
    checkpoint.close();
  }

  @Test
  void equalChangesHaveEqualKeysHoweverTheyWereWritten() {
    float a = model.weight(A);
    String zeroed = edits.zero("one", List.of(B, A)).key();
    assertThat(edits.zero("other", List.of(A, B, A)).key()).isEqualTo(zeroed);
    assertThat(edits.scale("by nothing", List.of(A, B), 0).key()).isEqualTo(zeroed);
    assertThat(edits.scale("by minus nothing", List.of(A, B), -0.0).key()).isEqualTo(zeroed);
    assertThat(edits.set("set", Map.of(A, -0f, B, 0f)).key()).isEqualTo(zeroed);
    assertThat(edits.set("half", Map.of(A, a / 2)).key())
        .isEqualTo(edits.scale("half", List.of(A), 0.5).key());
    assertThat(zeroed).isEqualTo(A + "=00000000;" + B + "=00000000");
  }

  @Test
  void otherChangesHaveOtherKeys() {
    List<String> keys = new ArrayList<>();
    keys.add(EditedModel.ORIGINAL.key());
    keys.add(edits.zero("", List.of(A)).key());
    keys.add(edits.zero("", List.of(B)).key());
    keys.add(edits.zero("", List.of(A, B)).key());
    keys.add(edits.scale("", List.of(A), Math.nextUp(1f)).key());
    keys.add(edits.restored("", edits.zero("", List.of(A))).key());
    keys.add(edits.pruneTop("", 1e-4, List.of()).key());
    keys.add(edits.pruneTop("", 1e-4, List.of(A)).key());
    keys.add(edits.pruneTop("", 2e-4, List.of()).key());
    assertThat(keys).doesNotHaveDuplicates();
  }

  @Test
  void aWeightGivenTheValueItHasIsNoChangeAndThatIsSaid() {
    EditedModel same = edits.scale("× 1", List.of(A, B), 1);
    assertThat(same.key()).isEmpty();
    assertThat(same.variant().edits()).isEmpty();
    assertThat(same.notes()).singleElement().asString().contains("nothing is changed");
    assertThat(edits.restored("+SA", same).variant().transforms()).isEmpty();
  }

  @Test
  void aKeyOfManyEditsStaysShort() {
    List<Coordinate> row = new ArrayList<>();
    for (int c = 0; c < 100; c++) {
      row.add(Coordinate.down(1, 161, c));
    }
    EditedModel edited = edits.zero("row", row);
    assertThat(edited.key()).startsWith("100 edits, sha256 ").hasSizeLessThan(90);
    assertThat(edits.zero("row", row.reversed()).key()).isEqualTo(edited.key());
    assertThat(edits.zero("row", row.subList(0, 99)).key()).isNotEqualTo(edited.key());
  }

  @Test
  void whatTheModelDoesNotHaveOrCannotBecomeIsRefused() {
    refused(() -> edits.zero("", List.of(Coordinate.down(99, 1, 1))), "layers.99.mlp.down");
    refused(() -> edits.zero("", List.of(Coordinate.down(1, 161, 999_999))), "outside");
    refused(() -> edits.set("", Map.of(A, Float.NaN)), "finite");
    refused(() -> edits.scale("", List.of(A), 1e39), "finite");
    refused(() -> edits.pruneTop("", 0, List.of()), "between 0 and 1");
    refused(() -> edits.pruneTop("", Double.NaN, List.of()), "between 0 and 1");
    refused(() -> edits.pruneTop("", 0.9, List.of()), "smaller");
    Coordinate query = new Coordinate("layers.1.attn.q", 0, 0);
    refused(() -> edits.restored("", edits.zero("", List.of(A, query))), "down projections");
  }

  private static void refused(
      org.assertj.core.api.ThrowableAssert.ThrowingCallable call, String why) {
    assertThatThrownBy(call)
        .isInstanceOfSatisfying(
            InputException.class, e -> assertThat(e.kind()).isEqualTo(InputException.Kind.USAGE))
        .hasMessageContaining(why);
  }

  @ParameterizedTest
  @ValueSource(doubles = {1e-6, 1e-5, 1.3e-4})
  void pruneTopZeroesWhatSortingEachMatrixWouldZero(double fraction) {
    TreeSet<Coordinate> expected = new TreeSet<>();
    model
        .matrices()
        .forEach((part, matrix) -> {
          float[][] rows = new float[matrix.rows()][];
          float[] all = new float[matrix.rows() * matrix.cols()];
          for (int r = 0; r < rows.length; r++) {
            rows[r] = device.row(matrix, r);
            for (int c = 0; c < matrix.cols(); c++) {
              all[r * matrix.cols() + c] = Math.abs(rows[r][c]);
            }
          }
          int k = (int) (all.length * fraction);
          if (k == 0) {
            return;
          }
          Arrays.sort(all);
          float threshold = all[all.length - k];
          for (int r = 0; r < rows.length; r++) {
            for (int c = 0; c < matrix.cols(); c++) {
              if (Math.abs(rows[r][c]) >= threshold) {
                expected.add(new Coordinate(part, r, c));
              }
            }
          }
        });
    EditedModel pruned = edits.pruneTop("top", fraction, List.of());
    assertThat(pruned.variant().edits().stream().map(ScalarEdit::coordinate))
        .containsExactlyElementsOf(expected);
    assertThat(pruned.variant().edits()).allMatch(e -> e.value() == 0);
    if (expected.isEmpty()) {
      assertThat(pruned.notes()).singleElement().asString().contains("selects no weight");
    } else {
      assertThat(pruned.notes())
          .singleElement()
          .asString()
          .contains("%,d weights".formatted(expected.size()));
    }
  }

  @Test
  void pruneTopKeepsTheSuperWeights() {
    List<ScalarEdit> all = edits.pruneTop("all", 1e-4, List.of()).variant().edits();
    List<ScalarEdit> kept = edits.pruneTop("kept", 1e-4, List.of(A, B, C)).variant().edits();
    assertThat(all).contains(ScalarEdit.zero(A));
    assertThat(kept).isSubsetOf(all).doesNotContain(ScalarEdit.zero(A));
  }

  @ParameterizedTest
  @EnumSource(
      value = DType.class,
      names = {"F32", "F16", "BF16"})
  void tiesAtTheThresholdAreAllAmongTheLargestAndNanIsNot(DType type) {
    // 1 … 20, the 15 three times, both signs; transposed, of awkward size.
    float[] values = new float[7 * 11];
    SplittableRandom random = new SplittableRandom(3);
    for (int i = 0; i < values.length; i++) {
      values[i] = 1 + random.nextInt(10);
    }
    values[5] = -15;
    values[40] = 15;
    values[76] = -15;
    values[10] = 20;
    values[20] = Float.NaN;
    try (Arena arena = Arena.ofConfined()) {
      int bytes = type == DType.F32 ? 4 : 2;
      MemorySegment data = arena.allocate((long) bytes * values.length, 4);
      for (int i = 0; i < values.length; i++) {
        switch (type) {
          case F32 -> data.setAtIndex(ValueLayout.JAVA_FLOAT, i, values[i]);
          case F16 -> data.setAtIndex(ValueLayout.JAVA_SHORT, i, Float.floatToFloat16(values[i]));
          default ->
              data.setAtIndex(
                  ValueLayout.JAVA_SHORT, i, (short) (Float.floatToRawIntBits(values[i]) >>> 16));
        }
      }
      for (boolean transposed : new boolean[] {false, true}) {
        Matrix matrix = new Matrix(type, data, 7, 11, transposed);
        for (int count = 2; count <= 4; count++) {
          assertThat(LargestWeights.of(matrix, count))
              .extracting(LargestWeights.Place::value)
              .containsExactly(-15f, 20f, 15f, -15f);
        }
        assertThat(LargestWeights.of(matrix, 1))
            .containsExactly(
                transposed
                    ? new LargestWeights.Place(3, 1, 20)
                    : new LargestWeights.Place(0, 10, 20));
        assertThat(LargestWeights.of(matrix, values.length)).hasSize(values.length - 1);
      }
    }
  }

  /** Y[·, row] of a down projection for each sequence. */
  private static final class Outputs implements Probe {
    final int row;
    final int layer;
    final Map<String, float[]> seen = new HashMap<>();

    Outputs(int layer, int row) {
      this.layer = layer;
      this.row = row;
    }

    @Override
    public boolean wants(Site site) {
      return site.equals(Site.of(Site.Kind.DOWN_OUT, layer));
    }

    @Override
    public void observe(Site site, SiteValues values) {
      float[] column = new float[values.rows()];
      for (int t = 0; t < column.length; t++) {
        column[t] = values.get(t, row);
      }
      seen.put(values.variant() + "/" + values.sequence(), column);
    }
  }

  @Test
  void theRestoredActivationIsTheOriginalOneAtItsOneTokenAndTheEditedOneElsewhere() {
    EditedModel zeroed = edits.zero("zeroed", List.of(A, B, C));
    EditedModel restored = edits.restored("restored", zeroed);
    List<int[]> sequences =
        List.of(
            new int[] {1, 35, 431, 12, 900},
            new int[] {1, 700, 5},
            new int[] {44, 35, 431, 12, 9, 10, 11});
    Outputs outputs = new Outputs(1, 161);
    model.forward(
        sequences,
        List.of(Variant.INTACT, zeroed.variant(), restored.variant()),
        List.of(outputs),
        Head.SKIP);
    for (int s = 0; s < sequences.size(); s++) {
      float[] intact = outputs.seen.get("0/" + s);
      float[] without = outputs.seen.get("1/" + s);
      float[] with = outputs.seen.get("2/" + s);
      int largest = 0;
      for (int t = 1; t < intact.length; t++) {
        largest = Math.abs(intact[t]) > Math.abs(intact[largest]) ? t : largest;
      }
      for (int t = 0; t < intact.length; t++) {
        if (t == largest) {
          assertThat(with[t]).isCloseTo(intact[t], within(1e-5f * Math.abs(intact[t])));
          assertThat(Math.abs(without[t])).isLessThan(Math.abs(intact[t]) * 0.9f);
        } else {
          assertThat(with[t]).isEqualTo(without[t]);
        }
      }
    }
  }

  @Test
  void aSequenceIsRestoredTheSameWayWhateverIsComputedBesideIt() {
    EditedModel restored = edits.restored("restored", edits.zero("", List.of(A, B, C)));
    List<int[]> sequences =
        List.of(new int[] {1, 35, 431}, new int[] {1, 9, 431, 12}, new int[] {1, 35, 8});
    double[][] together =
        model.forward(
                sequences,
                List.of(Variant.INTACT, restored.variant(), restored.variant()),
                List.of(),
                Head.SCORE)
            .logProbabilities()[1];
    for (int s = 0; s < sequences.size(); s++) {
      double[] alone =
          model.forward(
                  List.of(sequences.get(s)), List.of(restored.variant()), List.of(), Head.SCORE)
              .logProbabilities()[0][0];
      for (int t = 0; t < alone.length; t++) {
        assertThat(together[s][t]).isCloseTo(alone[t], within(1e-5));
      }
    }
  }

  @Test
  void severalLayersAreRestoredEachWithTheInputThatFlowsThere() {
    Coordinate later = Coordinate.down(3, 161, 7);
    EditedModel restored =
        edits.restored("both", edits.set("", Map.of(A, 0f, B, 0f, C, 0f, later, 5f)));
    int[] ids = {1, 35, 431, 12, 900};
    Outputs first = new Outputs(1, 161);
    Outputs second = new Outputs(3, 161);
    model.forward(
        List.of(ids),
        List.of(restored.variant(), edits.restored("", edits.zero("", List.of(A, B, C))).variant()),
        List.of(first, second),
        Head.SKIP);
    assertThat(first.seen.get("0/0")).containsExactly(first.seen.get("1/0"));
    // The layer in between is the same, so the largest of the later layer is the unedited one's.
    float[] unedited = second.seen.get("1/0");
    int largest = 0;
    for (int t = 1; t < unedited.length; t++) {
      largest = Math.abs(unedited[t]) > Math.abs(unedited[largest]) ? t : largest;
    }
    assertThat(second.seen.get("0/0")[largest])
        .isCloseTo(unedited[largest], within(1e-4f * Math.abs(unedited[largest]) + 1e-5f));
  }
}
