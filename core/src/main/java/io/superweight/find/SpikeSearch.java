package io.superweight.find;

import io.superweight.statistics.Selection;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.TreeMap;

/**
 * Finds the spikes of a residual stream by three relative tests, none of which knows a magnitude:
 *
 * <ol>
 *   <li><b>Energy.</b> The channel holds at least a tenth of the squared norm of the stream at its
 *       token. What follows reads the stream through a norm, so a channel matters by its part of
 *       it. In later rounds of zero-and-repeat the norm of the intact stream counts where it is
 *       larger: a spike survives only if it still matters beside what the model had.
 *   <li><b>Rarity.</b> It stands an order of magnitude above what is typical: the median of the
 *       other channels at its token, and that of its layer. (A channel of a Gaussian vector with a
 *       million entries reaches seven times the median.)
 *   <li><b>Its token's own.</b> It is at least three times the median of the same channel at the
 *       prompt's other tokens. A channel that is large everywhere is an outlier feature, not a
 *       super activation. Not asked of prompts with fewer than four tokens.
 * </ol>
 */
final class SpikeSearch {
  /** Part of the token's squared norm. */
  static final double ENERGY = 0.1;

  /** "Within a tenth of it": an order of magnitude. */
  static final double ORDER = 10;

  private static final double OVER_OTHER_TOKENS = 3;
  private static final int TOKENS_TO_COMPARE = 4;

  private final Snapshot snapshot;
  private final Snapshot bar;

  /**
   * @param snapshot where to search
   * @param bar the intact model, whose norms the energy is measured by; may be the same
   */
  SpikeSearch(Snapshot snapshot, Snapshot bar) {
    this.snapshot = snapshot;
    this.bar = bar;
  }

  /** All spikes, the largest peak first. */
  List<Episode> episodes() {
    int layers = snapshot.layers();
    List<TreeMap<Long, boolean[]>> spikes = new ArrayList<>();
    for (int s = 0; s < snapshot.sequences(); s++) {
      spikes.add(new TreeMap<>());
    }
    for (int i = 0; i < layers; i++) {
      double typical = typical(i);
      for (int s = 0; s < snapshot.sequences(); s++) {
        for (int n = 0; n < snapshot.tokens(s).length; n++) {
          float[] h = snapshot.stream(i, s, n);
          double energy = ENERGY * Math.max(square(h), square(bar.stream(i, s, n)));
          double rare = Double.NaN; // few tokens need it
          for (int c = 0; c < h.length; c++) {
            if (!((double) h[c] * h[c] >= energy)) {
              continue;
            }
            rare = Double.isNaN(rare) ? ORDER * Math.max(typical, median(h)) : rare;
            if (Math.abs(h[c]) >= rare
                && Math.abs(h[c]) >= OVER_OTHER_TOKENS * elsewhere(i, s, n, c)) {
              spikes.get(s).computeIfAbsent(((long) n << 32) | c, k -> new boolean[layers])[i] =
                  true;
            }
          }
        }
      }
    }
    List<Episode> episodes = new ArrayList<>();
    for (int s = 0; s < spikes.size(); s++) {
      int sequence = s;
      spikes
          .get(s)
          .forEach((key, at) -> runs(sequence, (int) (key >> 32), (int) (long) key, at, episodes));
    }
    episodes.sort(
        Comparator.comparingDouble((Episode e) -> -e.magnitude())
            .thenComparing(Episode::sequence)
            .thenComparing(Episode::position)
            .thenComparing(Episode::channel)
            .thenComparing(Episode::onset));
    return episodes;
  }

  /** Whether a channel of one vector passes the tests of energy and rarity by itself. */
  static boolean standsOut(float[] vector, int channel) {
    double own = vector[channel];
    return own * own >= ENERGY * square(vector) && Math.abs(own) >= ORDER * median(vector);
  }

  /** The median magnitude of a layer's stream. */
  private double typical(int layer) {
    int width = snapshot.stream(layer, 0, 0).length;
    int count = 0;
    for (int s = 0; s < snapshot.sequences(); s++) {
      count += snapshot.tokens(s).length * width;
    }
    float[] all = new float[count];
    int at = 0;
    for (int s = 0; s < snapshot.sequences(); s++) {
      for (int n = 0; n < snapshot.tokens(s).length; n++) {
        System.arraycopy(snapshot.stream(layer, s, n), 0, all, at, width);
        at += width;
      }
    }
    return median(all);
  }

  /** Median of the magnitudes; values that are not finite count as zero. */
  private static double median(float[] values) {
    float[] magnitudes = new float[values.length];
    for (int i = 0; i < magnitudes.length; i++) {
      float a = Math.abs(values[i]);
      magnitudes[i] = a <= Float.MAX_VALUE ? a : 0;
    }
    return Selection.smallest(magnitudes, magnitudes.length / 2);
  }

  private double elsewhere(int layer, int sequence, int token, int channel) {
    int tokens = snapshot.tokens(sequence).length;
    if (tokens < TOKENS_TO_COMPARE) {
      return 0;
    }
    float[] others = new float[tokens - 1];
    int at = 0;
    for (int n = 0; n < tokens; n++) {
      if (n != token) {
        others[at++] = Math.abs(snapshot.stream(layer, sequence, n)[channel]);
      }
    }
    Arrays.sort(others);
    return others[others.length / 2];
  }

  private static double square(float[] h) {
    double sum = 0;
    for (float v : h) {
      sum += (double) v * v;
    }
    return sum;
  }

  /** Consecutive layers of one sign. */
  private void runs(int sequence, int token, int channel, boolean[] at, List<Episode> into) {
    int layers = at.length;
    for (int i = 0; i < layers; i++) {
      if (!at[i]) {
        continue;
      }
      int start = i;
      float sign = Math.signum(value(start, sequence, token, channel));
      while (i + 1 < layers
          && at[i + 1]
          && Math.signum(value(i + 1, sequence, token, channel)) == sign) {
        i++;
      }
      into.add(episode(sequence, token, channel, start, i));
    }
  }

  private Episode episode(int sequence, int token, int channel, int start, int end) {
    // Nothing but the output head reads the stream after the last layer: no peak there, unless the
    // spike is nowhere else.
    int lastRead = Math.max(start, Math.min(end, snapshot.layers() - 2));
    int peakLayer = start;
    for (int i = start; i <= lastRead; i++) {
      if (magnitude(i, sequence, token, channel) > magnitude(peakLayer, sequence, token, channel)) {
        peakLayer = i;
      }
    }
    float peak = value(peakLayer, sequence, token, channel);
    int onset = peakLayer;
    while (onset > start && magnitude(onset - 1, sequence, token, channel) >= Math.abs(peak) / 2) {
      onset--;
    }
    int lastLayer = peakLayer;
    while (lastLayer < end
        && magnitude(lastLayer + 1, sequence, token, channel) >= Math.abs(peak) / 2) {
      lastLayer++;
    }
    int from = onset;
    while (from >= 0
        && value(from - 1, sequence, token, channel) * peak > 0
        && magnitude(from - 1, sequence, token, channel) >= Math.abs(peak) / ORDER) {
      from--;
    }
    return new Episode(
        sequence,
        token,
        snapshot.position(sequence, token),
        channel,
        from,
        onset,
        peakLayer,
        lastLayer,
        peak,
        from < 0 ? 0 : value(from - 1, sequence, token, channel));
  }

  private float value(int layer, int sequence, int token, int channel) {
    return layer < -1 ? 0 : snapshot.stream(layer, sequence, token)[channel];
  }

  private float magnitude(int layer, int sequence, int token, int channel) {
    return Math.abs(value(layer, sequence, token, channel));
  }
}
