package io.superweight.find;

import io.superweight.compute.Device;
import io.superweight.find.PlantedModel.Plant;
import io.superweight.find.PlantedModel.Scenario;
import io.superweight.model.Coordinate;
import io.superweight.model.Head;
import io.superweight.model.Probe;
import io.superweight.model.Site;
import io.superweight.model.SiteValues;
import io.superweight.model.Transformer;
import io.superweight.model.Variant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;

/**
 * The planted benchmark: seeded tiny models in which the super weights are known because they were
 * put there, and decoys that look like them.
 *
 * <p>A super weight is planted as trained models have it: a neuron of an early layer whose gate and
 * up rows point at the direction that one token has there (so that the gated product amplifies it
 * quadratically), and one large entry of the down projection in that neuron's column. The rest of
 * the column keeps ordinary random entries, so every large input also reaches every other channel
 * through weights that do not matter: an orphaned input once the planted weight is gone. Sizes: the
 * spike is 40 to 3,000 times the stream's typical magnitude and the planted weight 15 to 60
 * standard deviations of its matrix (Table 2's weights are 15 to 100); the stream's own scale spans
 * two and a half decades, as published models' does.
 *
 * <p>What is planted is true by construction and is checked causally before a model is accepted:
 * with the planted weights zeroed every planted spike falls below a quarter, a masked weight writes
 * at least half of its amplitude once what masks it is zeroed, the members of a row each explain a
 * fifth or more, and the other tokens have a fifth of the spike at most. A draw that fails is drawn
 * again from the next stream of the same seed.
 *
 * <p>This generator was finished before the rule that it judges, and is frozen: a change of it
 * makes earlier figures incomparable.
 */
final class PlantedModels {
  private static final int ATTEMPTS = 40;

  private PlantedModels() {}

  /** Model number {@code index} of a benchmark. */
  static PlantedModel make(long benchmarkSeed, int index, Device device) {
    long seed = benchmarkSeed * 1_000_003L + index;
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
      Optional<PlantedModel> model =
          new Planter(seed, index, new SplittableRandom(seed * 64 + attempt), device).plant();
      if (model.isPresent()) {
        return model.get();
      }
    }
    throw new IllegalStateException("no sound model for seed " + seed);
  }

  /** A neuron to be planted: a column, what it reads, and what it writes. */
  private static final class Neuron {
    final int layer;
    final int col;

    /** Channel that it reads; −1 for the trigger token's direction. */
    final int reads;

    /** Row to signed amplitude in the residual stream. */
    final Map<Integer, Double> writes = new LinkedHashMap<>();

    /** Whether its weights are the ground truth. */
    final boolean planted;

    /** The neurons whose weights must be zeroed before it acts. */
    List<Neuron> masks = List.of();

    int expert = -1;

    Neuron(int layer, int col, int reads, boolean planted) {
      this.layer = layer;
      this.col = col;
      this.reads = reads;
      this.planted = planted;
    }

    Set<Coordinate> maskCoordinates() {
      Set<Coordinate> all = new HashSet<>();
      masks.forEach(mask -> all.addAll(mask.coordinates()));
      return all;
    }

    List<Coordinate> coordinates() {
      return writes.keySet().stream()
          .map(row ->
              expert < 0
                  ? Coordinate.down(layer, row, col)
                  : Coordinate.expertDown(layer, expert, row, col))
          .toList();
    }
  }

  private static final class Planter {
    private final long seed;
    private final SplittableRandom random;
    private final Device device;
    private final String family;
    private final Scenario scenario;
    private final int layers;
    private final double scale;
    private final boolean heavy;
    private final boolean postNorm;
    private final List<Neuron> neurons = new ArrayList<>();
    private final List<Map<Integer, Double>> outliers = new ArrayList<>();
    private final List<String> decoys = new ArrayList<>();
    private final Set<Integer> usedRows = new HashSet<>();
    private final Map<Integer, Set<Integer>> usedColumns = new HashMap<>();
    private TinyWeights weights;
    private Transformer model;
    private int[] prompt;
    private int trigger;

    /** Amplitude of the main spike in the residual stream. */
    private double amplitude;

    /** Standard deviations that a planted weight stands out by. */
    private double prominence;

    Planter(long seed, int index, SplittableRandom random, Device device) {
      this.seed = seed;
      this.random = random;
      this.device = device;
      family = TinyWeights.FAMILIES.get(index % TinyWeights.FAMILIES.size());
      postNorm = family.equals("gemma2") || family.equals("olmo2");
      // A third are nulls; the rest go through the scenarios, out of step with the families.
      int turn = index / TinyWeights.FAMILIES.size() + index % TinyWeights.FAMILIES.size();
      List<Scenario> planted = List.of(Scenario.values()).subList(1, Scenario.values().length);
      Scenario wanted =
          turn % 3 == 0 ? Scenario.NONE : planted.get((turn * 2 / 3) % planted.size());
      // OLMo-2's MLP reads the stream without a norm: a spike masks nothing there.
      boolean masked =
          wanted == Scenario.MASKED_SAME_CHANNEL
              || wanted == Scenario.MASKED_OTHER_CHANNEL
              || wanted == Scenario.FIVE;
      // Behind a norm a faint output is as good as a large one: no precursor is needed there.
      scenario =
          masked && family.equals("olmo2")
              ? Scenario.COLUMN
              : wanted == Scenario.CHAIN && postNorm ? Scenario.ROW : wanted;
      layers = random.nextInt(6, 13);
      heavy = random.nextBoolean();
      // Pre-norm families do not care about the scale of the stream; OLMo-2 has no pre-norm.
      scale = family.equals("olmo2") ? 1 : logUniform(0.02, 6);
    }

    private double logUniform(double from, double to) {
      return Math.exp(random.nextDouble(Math.log(from), Math.log(to)));
    }

    private double sign() {
      return random.nextBoolean() ? 1 : -1;
    }

    Optional<PlantedModel> plant() {
      double ratio = postNorm ? logUniform(40, 300) : logUniform(60, 3000);
      amplitude = ratio * scale;
      prominence = logUniform(15, 60);
      // Channels and columns are drawn for the smallest shape, so that the plan fits every family.
      plan();
      for (int i = 0; i < layers; i++) {
        outliers.add(new HashMap<>());
      }
      if (postNorm) {
        for (Neuron neuron : neurons) {
          int together =
              (int)
                  neurons.stream()
                      .filter(other -> other.layer == neuron.layer)
                      .flatMap(other -> other.writes.keySet().stream())
                      .distinct()
                      .count();
          neuron.writes.forEach((row, value) -> {
            double whole =
                neurons.stream()
                    .filter(other -> other.layer == neuron.layer)
                    .mapToDouble(other -> other.writes.getOrDefault(row, 0.0))
                    .sum();
            outliers.get(neuron.layer).put(row, Math.abs(whole) / Math.sqrt(48.0 / together));
          });
        }
        if (scenario == Scenario.NONE && random.nextInt(3) == 0) {
          // The norm alone makes a channel large, at every token alike.
          int layer = random.nextInt(layers / 2);
          outliers.get(layer).put(row(), amplitude / 8);
          decoys.add("post-norm outlier");
        }
      }
      weights = new TinyWeights(family, random, layers, scale, heavy, outliers);
      prompt = new int[random.nextInt(6, 13)];
      trigger = random.nextInt(4) > 0 ? 0 : random.nextInt(1, prompt.length - 1);
      for (int t = 0; t < prompt.length; t++) {
        prompt[t] = t == trigger ? 1 : random.nextInt(2, weights.vocabulary);
      }
      embeddingDecoys();
      try (Transformer loaded = Transformer.load(weights.checkpoint(), device)) {
        model = loaded;
        for (Neuron neuron : neurons) {
          write(neuron);
        }
        lateDecoys();
        blindDecoys();
        return sound() ? Optional.of(result()) : Optional.empty();
      }
    }

    private int row() {
      int row;
      do {
        row = random.nextInt(48);
      } while (!usedRows.add(row));
      return row;
    }

    private int col(int layer) {
      int col;
      do {
        col = random.nextInt(64);
      } while (!usedColumns.computeIfAbsent(layer, l -> new HashSet<>()).add(col));
      return col;
    }

    private Neuron neuron(int layer, int reads, boolean planted) {
      Neuron neuron = new Neuron(layer, col(layer), reads, planted);
      neurons.add(neuron);
      return neuron;
    }

    /** The neurons of the scenario, early layers first. */
    private void plan() {
      int half = layers / 2;
      int first = random.nextInt(0, Math.max(1, half - 1));
      int second = random.nextInt(first + 1, half + 1);
      double main = amplitude * sign();
      switch (scenario) {
        case NONE -> {
          if (!postNorm && random.nextInt(4) == 0) {
            diffuse(first, main);
          } else if (!postNorm && layers >= 8 && random.nextInt(4) == 0) {
            blip(first, main);
          }
        }
        case SINGLE -> neuron(first, -1, true).writes.put(row(), main);
        case ROW -> row(first, main, random.nextInt(2, 4), List.of());
        case COLUMN -> column(first, random.nextInt(2, 4));
        case BLOCK -> {
          int a = row();
          int b = row();
          double part = random.nextDouble(0.35, 0.65);
          double other = sign() * random.nextDouble(0.7, 1);
          Neuron one = neuron(first, -1, true);
          one.writes.put(a, main * part);
          one.writes.put(b, main * part * other);
          Neuron two = neuron(first, -1, true);
          two.writes.put(a, main * (1 - part));
          two.writes.put(b, main * (1 - part) * other);
        }
        case CHAIN -> {
          int channel = row();
          neuron(first, -1, true)
              .writes
              .put(channel, sign() * Math.min(amplitude / 4, logUniform(20, 60) * scale));
          neuron(second, channel, true).writes.put(row(), main);
        }
        case STEPS -> {
          int channel = row();
          double part = random.nextDouble(0.3, 0.6);
          neuron(first, -1, true).writes.put(channel, main * part);
          neuron(second, channel, true).writes.put(channel, main * (1 - part));
        }
        case MASKED_SAME_CHANNEL -> {
          int channel = row();
          Neuron one = neuron(first, -1, true);
          one.writes.put(channel, main);
          Neuron two = neuron(second, -1, true);
          two.writes.put(channel, main * random.nextDouble(0.6, 1));
          two.masks = List.of(one);
        }
        case MASKED_OTHER_CHANNEL -> {
          Neuron one = neuron(first, -1, true);
          one.writes.put(row(), main);
          Neuron two = neuron(second, -1, true);
          two.writes.put(row(), amplitude * sign() * random.nextDouble(0.6, 1));
          two.masks = List.of(one);
        }
        case FIVE -> {
          Neuron one = column(first, 3);
          row(second, amplitude * sign() * random.nextDouble(0.8, 1), 2, List.of(one));
        }
      }
    }

    /** Several columns, one row: each explains at least a fifth. */
    private void row(int layer, double value, int columns, List<Neuron> masks) {
      int row = row();
      double[] parts = new double[columns];
      double left = 1;
      for (int i = 0; i < columns - 1; i++) {
        double most = left - 0.24 * (columns - 1 - i);
        parts[i] = random.nextDouble(0.24, most);
        left -= parts[i];
      }
      parts[columns - 1] = left;
      for (double part : parts) {
        Neuron neuron = neuron(layer, -1, true);
        neuron.writes.put(row, value * part);
        neuron.masks = masks;
      }
    }

    /** One column, several rows of like amplitude. */
    private Neuron column(int layer, int rows) {
      Neuron neuron = neuron(layer, -1, true);
      for (int i = 0; i < rows; i++) {
        neuron.writes.put(row(), amplitude * sign() * random.nextDouble(0.65, 1));
      }
      return neuron;
    }

    /** A genuine super activation that no few weights make. */
    private void diffuse(int layer, double value) {
      int row = row();
      int count = random.nextInt(16, 25);
      for (int i = 0; i < count; i++) {
        neuron(layer, -1, false).writes.put(row, value / count * random.nextDouble(0.8, 1.2));
      }
      decoys.add("diffuse spike");
    }

    /** A spike that the next layer takes away. */
    private void blip(int layer, double value) {
      int row = row();
      // Small enough that what the eraser leaves, and what other tokens have, is nothing.
      double size = Math.signum(value) * Math.min(Math.abs(value), 100 * scale);
      neuron(layer, -1, false).writes.put(row, size);
      neuron(layer + 1, row, false).writes.put(row, -size * random.nextDouble(0.98, 1));
      decoys.add("blip");
    }

    /** Large values that no weight of a down projection makes. */
    private void embeddingDecoys() {
      if (scenario != Scenario.NONE) {
        return;
      }
      double held = family.equals("gemma2") ? 1 / Math.sqrt(weights.hidden) : 1;
      switch (random.nextInt(8)) {
        case 0 -> {
          weights.embed.set(1, row(), sign() * amplitude * held);
          decoys.add("embedding spike");
        }
        case 1 -> {
          int channel = row();
          for (int id = 0; id < weights.vocabulary; id++) {
            weights.embed.set(id, channel, 30 * scale * held * random.nextDouble(0.8, 1.2));
          }
          decoys.add("outlier channel");
        }
        case 2 -> {
          if (weights.layer.getFirst().value() != null && !postNorm) {
            int layer = random.nextInt(0, layers / 2);
            TinyWeights.View value = weights.layer.get(layer).value();
            TinyWeights.View output = weights.layer.get(layer).output();
            int row = row();
            for (int c = 0; c < value.cols(); c++) {
              value.set(0, c, 5 * weights.embed.get(1, c) / (scale * weights.hidden));
            }
            output.set(row, 0, sign() * amplitude / 5);
            decoys.add("attention spike");
          }
        }
        default -> {
          // none of them
        }
      }
    }

    /** Erasers of what was planted, and spikes of the last layer. */
    private void lateDecoys() {
      List<Neuron> sources = List.copyOf(neurons);
      if (!postNorm && !sources.isEmpty() && !decoys.contains("blip") && random.nextInt(2) == 0) {
        Neuron source = sources.getLast();
        int channel = source.writes.keySet().iterator().next();
        double reached = residual(Variant.INTACT, layers - 2, trigger, channel);
        if (Math.abs(reached) > amplitude / 4) {
          int layer = layers - random.nextInt(1, 3);
          Neuron eraser = new Neuron(layer, col(layer), channel, false);
          eraser.writes.put(channel, -reached * random.nextDouble(0.75, 1));
          write(eraser);
          decoys.add("eraser " + eraser.coordinates());
        }
      }
      if (!postNorm && random.nextInt(2) == 0) {
        int layer = layers - 1;
        Neuron echo = new Neuron(layer, col(layer), -1, false);
        echo.writes.put(row(), sign() * amplitude * random.nextDouble(0.3, 1.5));
        write(echo);
        decoys.add("echo " + echo.coordinates());
      }
    }

    /** Large weights that see next to nothing, or what every token has. */
    private void blindDecoys() {
      int count = random.nextInt(0, 5);
      for (int i = 0; i < count; i++) {
        int layer = random.nextInt(layers);
        int col = col(layer);
        int expert = weights.experts > 0 ? random.nextInt(weights.experts) : 0;
        TinyWeights.Mlp mlp = weights.layer.get(layer).mlps().get(expert);
        int row = row();
        boolean blind = random.nextBoolean();
        if (blind) {
          mlp.up().scaleRow(col, 1e-3);
          if (mlp.upBias() != null) {
            mlp.upBias().set(0, col, mlp.upBias().get(0, col) * 1e-3);
          }
        }
        mlp.down()
            .set(row, col, sign() * weights.downDeviation * (blind ? logUniform(20, 80) : 12));
        decoys.add((blind ? "blind " : "ordinary input ") + Coordinate.down(layer, row, col));
      }
    }

    /** Writes a neuron's rows and entries so that it has the planned effect. */
    private void write(Neuron neuron) {
      Variant variant = Variant.zeroed("masks", neuron.maskCoordinates());
      Capture before = new Capture(neuron.layer);
      run(variant, before);
      double[] x = new double[weights.hidden];
      for (int c = 0; c < x.length; c++) {
        x[c] = before.residual[c] + before.attention[c];
      }
      double[] direction = normed(x);
      if (postNorm) {
        // A norm behind the MLP makes a large output of a faint one: the neuron must be silent at
        // the other tokens, or each of them gets the spike.
        apart(direction, before);
      } else if (neuron.reads >= 0) {
        double kept = direction[neuron.reads];
        Arrays.fill(direction, 0);
        direction[neuron.reads] = kept;
      }
      double square = Arrays.stream(direction).map(v -> v * v).sum();
      if (weights.experts > 0) {
        neuron.expert = before.experts.getFirst();
      }
      TinyWeights.Mlp mlp = weights.layer.get(neuron.layer).mlps().get(Math.max(neuron.expert, 0));
      double largest = neuron.writes.values().stream().mapToDouble(Math::abs).max().orElseThrow();
      double input =
          postNorm
              ? logUniform(100, 600)
              : Math.max(6, largest / (prominence * weights.downDeviation));
      if (decoys.contains("diffuse spike") && !neuron.planted && neurons.contains(neuron)) {
        input = largest / (random.nextDouble(4, 8) * weights.downDeviation);
      }
      double[] row = new double[x.length];
      if (mlp.gate() == null) {
        for (int c = 0; c < row.length; c++) {
          row[c] = 1.5 * input * direction[c] / square;
        }
        mlp.up().setRow(neuron.col, row);
        mlp.upBias().set(0, neuron.col, -0.5 * input);
      } else {
        double factor = Math.sqrt(input);
        for (int c = 0; c < row.length; c++) {
          row[c] = factor * direction[c] / square;
        }
        mlp.gate().setRow(neuron.col, row);
        double flip = sign();
        for (int c = 0; c < row.length; c++) {
          row[c] *= flip;
        }
        mlp.up().setRow(neuron.col, row);
      }
      // Heavy tails would make further super weights of the same column.
      for (int r = 0; r < weights.hidden; r++) {
        double limit = 2.5 * weights.downDeviation;
        mlp.down()
            .set(r, neuron.col, Math.max(-limit, Math.min(limit, mlp.down().get(r, neuron.col))));
      }
      Capture after = new Capture(neuron.layer);
      after.expert = neuron.expert;
      run(variant, after);
      double gain = weights.experts > 0 ? after.gain() : 1;
      double reached = after.input[neuron.col];
      neuron.writes.forEach((r, value) -> {
        double w =
            postNorm
                ? Math.signum(value)
                    * Math.signum(reached)
                    * prominence
                    * weights.downDeviation
                    * Math.abs(value)
                    / largest
                : value / (reached * gain);
        mlp.down().set(r, neuron.col, w);
      });
    }

    /** Takes from a direction what the other tokens have of it (Gram-Schmidt). */
    private void apart(double[] direction, Capture seen) {
      List<double[]> basis = new ArrayList<>();
      for (double[] other : seen.others) {
        double[] rest = normed(other);
        basis.forEach(b -> subtract(rest, b));
        double norm = Math.sqrt(Arrays.stream(rest).map(v -> v * v).sum());
        if (norm > 1e-6) {
          basis.add(Arrays.stream(rest).map(v -> v / norm).toArray());
        }
      }
      basis.forEach(b -> subtract(direction, b));
    }

    private static void subtract(double[] from, double[] unit) {
      double dot = 0;
      for (int i = 0; i < unit.length; i++) {
        dot += from[i] * unit[i];
      }
      for (int i = 0; i < unit.length; i++) {
        from[i] -= dot * unit[i];
      }
    }

    /** What the MLP reads: unit-weight norm of the stream, or the stream itself. */
    private double[] normed(double[] x) {
      double mean = family.equals("gpt2") ? Arrays.stream(x).average().orElseThrow() : 0;
      double square = Arrays.stream(x).map(v -> (v - mean) * (v - mean)).sum();
      double factor = family.equals("olmo2") ? 1 : 1 / Math.sqrt(square / x.length);
      return Arrays.stream(x).map(v -> (v - mean) * factor).toArray();
    }

    private void run(Variant variant, Probe... probes) {
      model.forward(List.of(prompt), List.of(variant), List.of(probes), Head.SKIP);
    }

    private double residual(Variant variant, int layer, int position, int channel) {
      return stream(variant)[layer][channel];
    }

    /** The residual stream at the trigger after each layer. */
    private double[][] stream(Variant variant) {
      double[][] stream = new double[layers][weights.hidden];
      run(
          variant,
          new Probe() {
            @Override
            public boolean wants(Site site) {
              return site.kind() == Site.Kind.RESID_POST;
            }

            @Override
            public void observe(Site site, SiteValues values) {
              for (int c = 0; c < values.cols(); c++) {
                stream[site.layer()][c] = values.get(trigger, c);
              }
            }
          });
      return stream;
    }

    /** Median magnitude of a channel at the other tokens after a layer. */
    private double elsewhere(Set<Coordinate> zeroed, int layer, int channel) {
      List<Double> all = new ArrayList<>();
      run(
          Variant.zeroed("zeroed", zeroed),
          new Probe() {
            @Override
            public boolean wants(Site site) {
              return site.kind() == Site.Kind.RESID_POST && site.layer() == layer;
            }

            @Override
            public void observe(Site site, SiteValues values) {
              for (int t = 0; t < values.rows(); t++) {
                if (t != trigger) {
                  all.add((double) Math.abs(values.get(t, channel)));
                }
              }
            }
          });
      all.sort(null);
      return all.get(all.size() / 2);
    }

    /** Median magnitude of the other tokens after a layer. */
    private double typical(int layer) {
      List<Double> all = new ArrayList<>();
      run(
          Variant.INTACT,
          new Probe() {
            @Override
            public boolean wants(Site site) {
              return site.kind() == Site.Kind.RESID_POST && site.layer() == layer;
            }

            @Override
            public void observe(Site site, SiteValues values) {
              for (int t = 0; t < values.rows(); t++) {
                for (int c = 0; t != trigger && c < values.cols(); c++) {
                  all.add((double) Math.abs(values.get(t, c)));
                }
              }
            }
          });
      all.sort(null);
      return all.get(all.size() / 2);
    }

    /** The causal checks that the ground truth rests on. */
    private boolean sound() {
      List<Neuron> planted = neurons.stream().filter(n -> n.planted).toList();
      if (planted.isEmpty()) {
        return true;
      }
      List<Coordinate> all = planted.stream().flatMap(n -> n.coordinates().stream()).toList();
      if (new HashSet<>(all).size() != all.size()) {
        return false;
      }
      double[][] removed = stream(Variant.zeroed("planted", all));
      for (Neuron neuron : planted) {
        double[][] acting = stream(Variant.zeroed("masks", neuron.maskCoordinates()));
        Collection<Coordinate> own = new HashSet<>(neuron.coordinates());
        own.addAll(neuron.maskCoordinates());
        double[][] without = stream(Variant.zeroed("own", own));
        boolean precursor = scenario == Scenario.CHAIN && neuron.layer == planted.getFirst().layer;
        for (Map.Entry<Integer, Double> write : neuron.writes.entrySet()) {
          int row = write.getKey();
          double whole =
              planted.stream()
                  .filter(n -> n.layer == neuron.layer)
                  .mapToDouble(n -> n.writes.getOrDefault(row, 0.0))
                  .sum();
          double there = Math.abs(acting[neuron.layer][row]);
          if (scenario != Scenario.STEPS
              && (there < 0.5 * Math.abs(whole) || there > 2 * Math.abs(whole))) {
            return false;
          }
          if (there < (precursor ? 10 : 25) * typical(neuron.layer)) {
            return false;
          }
          // Its own part of the channel: a fifth at least. A norm behind it hides the part.
          if (!postNorm
              && Math.abs(acting[neuron.layer][row] - without[neuron.layer][row]) < 0.2 * there) {
            return false;
          }
          // It is this token's: the others have a fifth of it at most.
          if (elsewhere(neuron.maskCoordinates(), neuron.layer, row) > 0.2 * there) {
            return false;
          }
          // It persists to the middle of what is left, unless it is a precursor.
          double later = Math.abs(acting[(neuron.layer + layers - 1) / 2][row]);
          if (!precursor && later < 0.6 * there) {
            return false;
          }
          if (Math.abs(removed[neuron.layer][row]) > 0.25 * there
              || Math.abs(removed[(neuron.layer + layers - 1) / 2][row]) > 0.25 * there) {
            return false;
          }
        }
      }
      if (scenario == Scenario.CHAIN) {
        Neuron source = planted.getLast();
        int row = source.writes.keySet().iterator().next();
        double whole = Math.abs(stream(Variant.INTACT)[source.layer][row]);
        double[][] cut = stream(Variant.zeroed("precursor", planted.getFirst().coordinates()));
        return Math.abs(cut[source.layer][row]) < 0.3 * whole;
      }
      return true;
    }

    private PlantedModel result() {
      List<Plant> plants = new ArrayList<>();
      Map<Coordinate, Set<Coordinate>> masks = new HashMap<>();
      for (Neuron neuron : neurons) {
        if (!neuron.planted) {
          continue;
        }
        List<Double> values = List.copyOf(neuron.writes.values());
        List<Coordinate> coordinates = neuron.coordinates();
        for (int i = 0; i < coordinates.size(); i++) {
          plants.add(new Plant(coordinates.get(i), Math.abs(values.get(i))));
          if (!neuron.masks.isEmpty()) {
            masks.put(coordinates.get(i), neuron.maskCoordinates());
          }
        }
      }
      return new PlantedModel(
          seed,
          family,
          scenario,
          weights.checkpoint(),
          prompt,
          trigger,
          List.copyOf(plants),
          List.copyOf(decoys),
          Map.copyOf(masks));
    }

    /** What a layer's parts see at the trigger. */
    private final class Capture implements Probe {
      private final int layer;
      private final double[] residual = new double[weights.hidden];
      private final double[] attention = new double[weights.hidden];
      private final double[] written = new double[weights.hidden];
      private final double[] product = new double[weights.hidden];
      private final Map<Integer, double[]> products = new LinkedHashMap<>();
      private final List<Integer> experts = new ArrayList<>();

      /** What the MLP reads at the other tokens, before its norm. */
      private final List<double[]> others = new ArrayList<>();

      private double[] input = {};
      private int expert = -1;

      Capture(int layer) {
        this.layer = layer;
      }

      @Override
      public boolean wants(Site site) {
        return site.layer() == layer;
      }

      @Override
      public void observe(Site site, SiteValues values) {
        int at = -1;
        for (int r = 0; r < values.rows(); r++) {
          at = values.tokens()[r] == trigger ? r : at;
        }
        boolean entering = site.kind() == Site.Kind.RESID_PRE;
        if (entering || site.kind() == Site.Kind.ATTN_OUT) {
          for (int r = 0, n = 0; r < values.rows(); r++) {
            if (r == at) {
              continue;
            }
            if (entering) {
              others.add(new double[values.cols()]);
            }
            for (int c = 0; c < values.cols(); c++) {
              others.get(n)[c] += values.get(r, c);
            }
            n++;
          }
        }
        if (at < 0) {
          return;
        }
        double[] row = new double[values.cols()];
        for (int c = 0; c < row.length; c++) {
          row[c] = values.get(at, c);
        }
        switch (site.kind()) {
          case RESID_PRE -> System.arraycopy(row, 0, residual, 0, row.length);
          case ATTN_OUT -> System.arraycopy(row, 0, attention, 0, row.length);
          case MLP_OUT -> System.arraycopy(row, 0, written, 0, row.length);
          case DOWN_IN -> input = row;
          case DOWN_OUT -> System.arraycopy(row, 0, product, 0, row.length);
          case EXPERT_DOWN_IN -> {
            experts.add(site.expert());
            if (site.expert() == expert) {
              input = row;
            }
          }
          case EXPERT_DOWN_OUT -> products.put(site.expert(), row);
          default -> {
            // not needed
          }
        }
      }

      /** The router's weight of {@link #expert}: least squares over the two experts' outputs. */
      double gain() {
        double[] a = products.get(expert);
        double[] b =
            products.entrySet().stream()
                .filter(e -> e.getKey() != expert)
                .findFirst()
                .orElseThrow()
                .getValue();
        double aa = 0;
        double bb = 0;
        double ab = 0;
        double ay = 0;
        double by = 0;
        for (int c = 0; c < a.length; c++) {
          aa += a[c] * a[c];
          bb += b[c] * b[c];
          ab += a[c] * b[c];
          ay += a[c] * written[c];
          by += b[c] * written[c];
        }
        return (ay * bb - by * ab) / (aa * bb - ab * ab);
      }
    }
  }
}
