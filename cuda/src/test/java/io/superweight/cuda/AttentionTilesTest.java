package io.superweight.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import io.superweight.compute.AttentionSpec;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** How attention is divided among blocks of threads: no card is needed. */
final class AttentionTilesTest {
  private static final int QUERIES = 128;
  private static final int KEYS = 128;

  @ParameterizedTest
  @CsvSource({
    // sequences, longest, heads, key heads, head dim, window, processors
    "1, 1, 1, 1, 64, 0, 132",
    "1, 2048, 32, 32, 128, 0, 132",
    "8, 2048, 32, 8, 128, 0, 132",
    "300, 60, 9, 3, 64, 0, 132",
    "5, 5000, 7, 7, 128, 1000, 20",
    "3, 9000, 12, 4, 64, 0, 4",
  })
  void everyQueryOfEveryHeadIsTakenOnce(
      int sequences, int longest, int heads, int keyHeads, int d, int window, int processors) {
    AttentionSpec spec = new AttentionSpec(heads, keyHeads, d, 1, 0, window);
    List<AttentionSpec.Span> spans = spans(new Random(longest), sequences, longest);
    AttentionTiles tiles = AttentionTiles.forProcessors(spans, spec, QUERIES, KEYS, processors);
    assertThat(tiles.blocks()).isBetween(1, processors);
    int rows = spans.stream().mapToInt(AttentionSpec.Span::queryCount).sum();
    int[][] taken = new int[heads][rows];
    for (int block = 0; block < tiles.blocks(); block++) {
      int from = tiles.numbers()[tiles.begins() + block];
      int to = tiles.numbers()[tiles.begins() + block + 1];
      for (int w = from; w < to; w++) {
        int work = tiles.numbers()[tiles.work() + w];
        int[] tile = tile(tiles, work / heads);
        for (int query = 0; query < tile[1]; query++) {
          taken[work % heads][tile[0] + query]++;
        }
      }
    }
    for (int[] head : taken) {
      assertThat(head).containsOnly(1);
    }
    assertKeys(tiles, spans);
  }

  /** Of each tile the keys' first row, and how many of them its first query has before it. */
  private static void assertKeys(AttentionTiles tiles, List<AttentionSpec.Span> spans) {
    TreeMap<Integer, AttentionSpec.Span> byRow = new TreeMap<>();
    spans.stream()
        .filter(span -> span.queryCount() > 0)
        .forEach(span -> byRow.put(span.queryRow(), span));
    for (int t = 0; t < tiles.count(); t++) {
      int[] tile = tile(tiles, t);
      AttentionSpec.Span span = byRow.floorEntry(tile[0]).getValue();
      assertThat(tile[2]).isEqualTo(span.keyRow());
      assertThat(tile[3])
          .isEqualTo(span.keyCount() - span.queryCount() + tile[0] - span.queryRow());
    }
  }

  private static int[] tile(AttentionTiles tiles, int index) {
    return Arrays.copyOfRange(tiles.numbers(), 4 * index, 4 * index + 4);
  }

  /** Queries one below the other, some with keys before them, some without any query. */
  private static List<AttentionSpec.Span> spans(Random random, int sequences, int longest) {
    List<AttentionSpec.Span> spans = new ArrayList<>();
    int queryRow = 0;
    int keyRow = 0;
    for (int s = 0; s < sequences; s++) {
      int keys = s == 0 ? longest : 1 + random.nextInt(longest);
      int queries = s == 0 || s % 2 == 0 ? keys : random.nextInt(keys + 1);
      spans.add(new AttentionSpec.Span(queryRow, queries, keyRow, keys));
      queryRow += queries;
      keyRow += keys;
    }
    return spans;
  }

  @Test
  void noBlockHasMuchMoreToDoThanTheOthers() {
    AttentionSpec spec = new AttentionSpec(32, 32, 128, 1, 0, 0);
    List<AttentionSpec.Span> spans = new ArrayList<>();
    for (int s = 0; s < 4; s++) {
      spans.add(new AttentionSpec.Span(2048 * s, 2048, 2048 * s, 2048));
    }
    AttentionTiles tiles = AttentionTiles.forProcessors(spans, spec, QUERIES, KEYS, 132);
    int[] pieces = new int[tiles.blocks()];
    for (int block = 0; block < pieces.length; block++) {
      for (int w = tiles.numbers()[tiles.begins() + block];
          w < tiles.numbers()[tiles.begins() + block + 1];
          w++) {
        pieces[block] += tile(tiles, tiles.numbers()[tiles.work() + w] / 32)[3] / KEYS + 1;
      }
    }
    double mean = Arrays.stream(pieces).average().orElseThrow();
    assertThat(Arrays.stream(pieces).max().orElseThrow()).isLessThan((int) (1.1 * mean));
  }

  @Test
  void theLongestTilesComeFirst() {
    AttentionTiles tiles = AttentionTiles.of(spans(new Random(1), 6, 500), 32);
    int[] positions = new int[tiles.count()];
    Arrays.setAll(positions, t -> -tile(tiles, t)[3]);
    assertThat(positions).isSorted();
  }
}
