package io.superweight.find;

import static org.assertj.core.api.Assertions.assertThat;

import io.superweight.model.Site;
import io.superweight.model.SiteValues;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class SpikeSearchTest {
  private static final int LAYERS = 8;
  private static final int TOKENS = 6;
  private static final int WIDTH = 64;

  @Test
  void aStreamOfNoiseHasNoSpike() {
    assertThat(search(noise())).isEmpty();
  }

  @Test
  void aPersistentSpikeIsFoundWithItsOnsetPeakAndEnd_atAnyScale() {
    for (double scale : new double[] {1e-6, 1, 1e6}) {
      float[][][] stream = noise();
      for (int i = 2; i <= 5; i++) {
        stream[i + 1][0][7] = i == 3 ? -120 : -100;
      }
      for (float[][] layer : stream) {
        for (float[] token : layer) {
          for (int c = 0; c < token.length; c++) {
            token[c] *= (float) scale;
          }
        }
      }
      List<Episode> episodes = search(stream);
      assertThat(episodes).hasSize(1);
      Episode e = episodes.getFirst();
      assertThat(e.channel()).isEqualTo(7);
      assertThat(e.position()).isZero();
      assertThat(e.onset()).isEqualTo(2);
      assertThat(e.peakLayer()).isEqualTo(3);
      assertThat(e.lastLayer()).isEqualTo(5);
      assertThat(e.carriers()).isEqualTo(3);
      assertThat(e.from()).isEqualTo(2);
    }
  }

  @Test
  void aSpikeThatGrowsInStepsIsFollowedDownToATenth() {
    float[][][] stream = noise();
    float[] values = {0, 30, 60, 200, 200, 200, 200, 200};
    for (int i = 0; i < LAYERS; i++) {
      stream[i + 1][0][7] = values[i];
    }
    Episode e = search(stream).getFirst();
    assertThat(e.onset()).isEqualTo(3);
    assertThat(e.from()).isEqualTo(1);
  }

  @Test
  void aChannelThatIsLargeAtEveryTokenIsNoSpike() {
    float[][][] stream = noise();
    for (int i = 1; i <= LAYERS; i++) {
      for (int t = 0; t < TOKENS; t++) {
        stream[i][t][7] = 100 + t;
      }
    }
    assertThat(search(stream)).isEmpty();
  }

  @Test
  void aTokenThatIsLargeInEveryChannelHasNoSpike() {
    float[][][] stream = noise();
    for (int i = 1; i <= LAYERS; i++) {
      for (int c = 0; c < WIDTH; c++) {
        stream[i][0][c] *= 100;
      }
    }
    assertThat(search(stream)).isEmpty();
  }

  @Test
  void aSpikeOfTheLastLayerAloneIsCarriedByNone() {
    float[][][] stream = noise();
    stream[LAYERS][0][7] = 300;
    assertThat(search(stream)).singleElement().satisfies(e -> assertThat(e.carriers()).isZero());
  }

  @Test
  void aSpikeOfTheEmbeddingIsFollowedDownToIt() {
    float[][][] stream = noise();
    for (float[][] layer : stream) {
      layer[0][7] = 90;
    }
    assertThat(search(stream)).singleElement().satisfies(e -> assertThat(e.from()).isEqualTo(-1));
  }

  @Test
  void twoSignsAreTwoSpikes() {
    float[][][] stream = noise();
    for (int i = 1; i <= LAYERS; i++) {
      stream[i][0][7] = i <= 4 ? 100 : -100;
    }
    assertThat(search(stream)).hasSize(2);
  }

  @Test
  void whatIsLeftIsMeasuredByTheIntactStream() {
    float[][][] stream = noise();
    float[][][] weaker = noise();
    for (int i = 3; i <= LAYERS; i++) {
      stream[i][0][7] = 400;
      weaker[i][0][7] = 100;
    }
    Snapshot intact = snapshot(stream);
    Snapshot left = snapshot(weaker);
    assertThat(new SpikeSearch(left, left).episodes()).hasSize(1);
    assertThat(new SpikeSearch(left, intact).episodes()).isEmpty();
  }

  @Test
  void valuesThatAreNotFiniteDoNotHideASpikeOfAnotherToken() {
    float[][][] stream = noise();
    for (int i = 3; i <= LAYERS; i++) {
      stream[i][0][7] = 400;
      stream[i][4][9] = Float.NaN;
    }
    assertThat(search(stream)).hasSize(1);
  }

  /** {@code [1 + layers][tokens][width]}, the embedding first. */
  private static float[][][] noise() {
    SplittableRandom random = new SplittableRandom(5);
    float[][][] stream = new float[LAYERS + 1][TOKENS][WIDTH];
    for (float[][] layer : stream) {
      for (float[] token : layer) {
        for (int c = 0; c < WIDTH; c++) {
          token[c] = (float) random.nextGaussian();
        }
      }
    }
    return stream;
  }

  private static List<Episode> search(float[][][] stream) {
    Snapshot snapshot = snapshot(stream);
    return new SpikeSearch(snapshot, snapshot).episodes();
  }

  private static Snapshot snapshot(float[][][] stream) {
    int[] positions = IntStream.range(0, TOKENS).toArray();
    Snapshot snapshot =
        new Snapshot(
            List.of(new int[TOKENS]), new int[][] {positions}, null, 0, true, new int[LAYERS]);
    for (int i = 0; i < stream.length; i++) {
      float[] flat = new float[TOKENS * WIDTH];
      for (int t = 0; t < TOKENS; t++) {
        System.arraycopy(stream[i][t], 0, flat, t * WIDTH, WIDTH);
      }
      snapshot.observe(
          i == 0 ? Site.of(Site.Kind.EMBED) : Site.of(Site.Kind.RESID_POST, i - 1),
          new SiteValues(0, 0, MemorySegment.ofArray(flat), TOKENS, WIDTH, positions));
    }
    return snapshot;
  }
}
