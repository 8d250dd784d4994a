package io.superweight.find;

import io.superweight.model.Site;
import io.superweight.model.SiteValues;
import io.superweight.statistics.Selection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/** Largest values, medians and values that are not finite over all tokens of a pass. */
final class Survey {
  /** A median is taken of at most this many values, evenly spaced. */
  private static final int SAMPLE = 1 << 16;

  private final Extreme[] inputs;
  private final Extreme[] outputs;
  private final Extreme[] residuals;
  private final Map<Site, double[]> medians = new LinkedHashMap<>();
  private long notFinite;
  private Site firstNotFinite;

  Survey(int layers) {
    inputs = new Extreme[layers];
    outputs = new Extreme[layers];
    residuals = new Extreme[layers];
  }

  void observe(Site site, SiteValues values) {
    if (site.kind() == Site.Kind.MLP_OUT) {
      return;
    }
    // By an array: a JVM that has just started is slow at reading a segment.
    float[] all = values.toArray();
    int count = all.length;
    int largest = 0;
    float best = -1;
    for (int i = 0; i < count; i++) {
      float a = Math.abs(all[i]);
      if (a > best) {
        best = a;
        largest = i;
      }
      if (!(a <= Float.MAX_VALUE)) {
        notFinite++;
        firstNotFinite = firstNotFinite == null ? site : firstNotFinite;
      }
    }
    int stride = Math.max(1, count / SAMPLE);
    float[] sample = new float[count / stride];
    for (int i = 0; i < sample.length; i++) {
      sample[i] = Math.abs(all[i * stride]);
    }
    // Sequences and experts differ in length: the median of all is taken as their mean by count.
    Site key = Site.of(kind(site), site.layer());
    double[] sum = medians.computeIfAbsent(key, k -> new double[2]);
    sum[0] += (double) Selection.smallest(sample, sample.length / 2) * count;
    sum[1] += count;
    Extreme[] table =
        switch (key.kind()) {
          case DOWN_IN -> inputs;
          case DOWN_OUT -> outputs;
          case RESID_POST -> residuals;
          default -> null;
        };
    if (table == null) {
      return;
    }
    Extreme before = table[site.layer()];
    if (before == null || best > Math.abs(before.value())) {
      table[site.layer()] =
          new Extreme(
              all[largest],
              largest % values.cols(),
              site.expert(),
              values.sequence(),
              values.tokens()[largest / values.cols()],
              "");
    }
  }

  private static Site.Kind kind(Site site) {
    return switch (site.kind()) {
      case EXPERT_DOWN_IN -> Site.Kind.DOWN_IN;
      case EXPERT_DOWN_OUT -> Site.Kind.DOWN_OUT;
      default -> site.kind();
    };
  }

  List<LayerExtremes> extremes(List<Prompt> prompts) {
    return IntStream.range(0, inputs.length)
        .mapToObj(i ->
            new LayerExtremes(
                i,
                named(inputs[i], prompts),
                named(outputs[i], prompts),
                named(residuals[i], prompts),
                median(Site.Kind.DOWN_IN, i),
                median(Site.Kind.DOWN_OUT, i),
                median(Site.Kind.RESID_POST, i)))
        .toList();
  }

  float median(Site.Kind kind, int layer) {
    double[] sum = medians.get(Site.of(kind, layer));
    return sum == null ? 0 : (float) (sum[0] / sum[1]);
  }

  private static Extreme named(Extreme extreme, List<Prompt> prompts) {
    if (extreme == null) {
      return new Extreme(0, 0, -1, 0, 0, "");
    }
    return new Extreme(
        extreme.value(),
        extreme.channel(),
        extreme.expert(),
        extreme.prompt(),
        extreme.position(),
        prompts.get(extreme.prompt()).tokens().get(extreme.position()));
  }

  long notFinite() {
    return notFinite;
  }

  /** The first site with a value that is not finite; null for none. */
  Site firstNotFinite() {
    return firstNotFinite;
  }
}
