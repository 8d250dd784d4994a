package io.superweight.find;

import io.superweight.find.Card.LayerCard;
import io.superweight.find.Card.SiteCard;
import io.superweight.model.Probe;
import io.superweight.model.Site;
import io.superweight.model.SiteValues;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Gathers what a {@link Card} says from one pass, without keeping the activations. */
final class CardProbe implements Probe {
  private enum Place {
    INPUT,
    OUTPUT,
    RESIDUAL
  }

  /** Upper 16 bits of a positive float: sign, exponent and 7 bits of the fraction. */
  private static final int BUCKETS = 1 << 15;

  private final List<Prompt> prompts;
  private final List<Map<Place, Tally>> layers = new ArrayList<>();

  CardProbe(int layers, List<Prompt> prompts) {
    this.prompts = prompts;
    for (int i = 0; i < layers; i++) {
      this.layers.add(new EnumMap<>(Place.class));
    }
  }

  private static Place place(Site site) {
    return switch (site.kind()) {
      case DOWN_IN, EXPERT_DOWN_IN -> Place.INPUT;
      case DOWN_OUT, EXPERT_DOWN_OUT -> Place.OUTPUT;
      case RESID_POST -> Place.RESIDUAL;
      default -> null;
    };
  }

  @Override
  public boolean wants(Site site) {
    return place(site) != null;
  }

  @Override
  public void observe(Site site, SiteValues values) {
    layers
        .get(site.layer())
        .computeIfAbsent(place(site), p -> new Tally())
        .add(site.expert(), values);
  }

  List<LayerCard> layers() {
    List<LayerCard> cards = new ArrayList<>();
    for (int i = 0; i < layers.size(); i++) {
      Map<Place, Tally> tallies = layers.get(i);
      cards.add(
          new LayerCard(
              i,
              Optional.ofNullable(tallies.get(Place.INPUT)).map(Tally::card),
              Optional.ofNullable(tallies.get(Place.OUTPUT)).map(Tally::card),
              Optional.ofNullable(tallies.get(Place.RESIDUAL)).map(Tally::card)));
    }
    return cards;
  }

  /** One site of a layer, over all sequences (and experts). */
  private final class Tally {
    private final long[] counts = new long[BUCKETS];
    private long finite;
    private long nonFinite;
    private float largest;
    private int channel = -1;
    private int expert = -1;
    private int prompt = -1;
    private int position = -1;
    private double worstSteps = Double.POSITIVE_INFINITY;
    private int worstToken = -1;
    private int worstPrompt = -1;

    void add(int fromExpert, SiteValues values) {
      int cols = values.cols();
      float[] all = values.toArray();
      for (int r = 0; r < values.rows(); r++) {
        float[] magnitudes = new float[cols];
        int kept = 0;
        for (int c = 0; c < cols; c++) {
          float value = all[r * cols + c];
          if (!Float.isFinite(value)) {
            nonFinite++;
            continue;
          }
          float magnitude = Math.abs(value);
          magnitudes[kept++] = magnitude;
          counts[Float.floatToRawIntBits(magnitude) >>> 16]++;
          finite++;
          if (channel < 0 || magnitude > Math.abs(largest)) {
            largest = value;
            channel = c;
            expert = fromExpert;
            prompt = values.sequence();
            position = values.tokens()[r];
          }
        }
        if (kept > 0) {
          Arrays.sort(magnitudes, 0, kept);
          float most = magnitudes[kept - 1];
          double steps =
              most == 0 ? Card.INT8_LEVELS : magnitudes[(kept - 1) / 2] / (most / Card.INT8_LEVELS);
          if (steps < worstSteps) {
            worstSteps = steps;
            worstToken = values.tokens()[r];
            worstPrompt = values.sequence();
          }
        }
      }
    }

    SiteCard card() {
      double most = Math.abs((double) largest);
      double median = below((finite - 1) / 2);
      double step = most / Card.INT8_LEVELS;
      long zeroed = 0;
      for (int b = 0; b < BUCKETS; b++) {
        // A bucket counts by its lower end, which is right to one part in 128.
        zeroed += value(b) < step / 2 || most == 0 ? counts[b] : 0;
      }
      return new SiteCard(
          new Extreme(
              largest,
              channel,
              expert,
              prompt,
              position,
              prompt < 0 ? "" : prompts.get(prompt).tokens().get(position)),
          median,
          Card.F16_MAX / most,
          Card.BF16_MAX / most,
          Card.FP8_E4M3_MAX / most,
          most == 0 ? Card.INT8_LEVELS : median / step,
          finite == 0 ? 0 : (double) zeroed / finite,
          worstSteps,
          worstToken,
          worstPrompt,
          nonFinite);
    }

    private float value(int bucket) {
      return Float.intBitsToFloat(bucket << 16);
    }

    /** The lower end of the bucket that the value of that rank lies in, 0 being the smallest. */
    private double below(long rank) {
      long seen = 0;
      for (int b = 0; b < BUCKETS; b++) {
        seen += counts[b];
        if (seen > rank) {
          return value(b);
        }
      }
      return 0;
    }
  }
}
