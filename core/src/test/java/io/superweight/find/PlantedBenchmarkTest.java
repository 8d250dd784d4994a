package io.superweight.find;

import static org.assertj.core.api.Assertions.assertThat;

import io.superweight.compute.Device;
import io.superweight.compute.cpu.CpuDevice;
import io.superweight.model.Coordinate;
import io.superweight.model.Transformer;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The rules on models whose super weights are known: see {@link PlantedModels}. */
class PlantedBenchmarkTest {
  /** Models of each seed. */
  private static final int MODELS = 160;

  /** Not those that the rule was developed on, which were 1 and 2. */
  private static final List<Long> SEEDS = List.of(11L, 12L);

  private static final Map<Rule, List<Score>> SCORES = new EnumMap<>(Rule.class);

  /** What a rule did on the models of one seed. */
  private static final class Score {
    int planted;
    int found;
    int falseFinds;
    int nulls;
    int silent;
    int exact;
    int models;
    final Map<PlantedModel.Scenario, int[]> byScenario = new EnumMap<>(PlantedModel.Scenario.class);

    double recall() {
      return (double) found / planted;
    }

    double falseFindsPerModel() {
      return (double) falseFinds / models;
    }

    double silence() {
      return (double) silent / nulls;
    }

    void add(PlantedModel model, Set<Coordinate> got) {
      Set<Coordinate> wanted = model.coordinates();
      Set<Coordinate> both = new HashSet<>(got);
      both.retainAll(wanted);
      models++;
      planted += wanted.size();
      found += both.size();
      falseFinds += got.size() - both.size();
      exact += got.equals(wanted) ? 1 : 0;
      if (wanted.isEmpty()) {
        nulls++;
        silent += got.isEmpty() ? 1 : 0;
      }
      int[] counts = byScenario.computeIfAbsent(model.scenario(), s -> new int[3]);
      counts[0] += both.size();
      counts[1] += wanted.size();
      counts[2] += got.size() - both.size();
    }
  }

  @BeforeAll
  static void runAllRules() {
    try (Device device = CpuDevice.create()) {
      for (long seed : SEEDS) {
        Map<Rule, Score> scores = new EnumMap<>(Rule.class);
        for (int i = 0; i < MODELS; i++) {
          PlantedModel planted = PlantedModels.make(seed, i, device);
          try (Transformer model = Transformer.load(planted.checkpoint(), device)) {
            for (Rule rule : Rule.values()) {
              FindResult found =
                  Finder.find(
                      model,
                      List.of(Prompt.of(planted.prompt())),
                      FindOptions.DEFAULT.withRule(rule));
              Set<Coordinate> got = Set.copyOf(found.coordinates());
              scores.computeIfAbsent(rule, r -> new Score()).add(planted, got);
              if (rule == Rule.SUPERWEIGHT && !got.equals(planted.coordinates())) {
                System.out.println(miss(i, planted, got));
              }
            }
          }
        }
        scores.forEach(
            (rule, score) -> SCORES.computeIfAbsent(rule, r -> new ArrayList<>()).add(score));
      }
    }
    System.out.println(table());
  }

  private static String miss(int index, PlantedModel planted, Set<Coordinate> got) {
    Set<Coordinate> missed = new HashSet<>(planted.coordinates());
    missed.removeAll(got);
    Set<Coordinate> extra = new HashSet<>(got);
    extra.removeAll(planted.coordinates());
    return "model " + index + ": missed " + missed + ", extra " + extra + " in " + planted;
  }

  private static String table() {
    StringBuilder table =
        new StringBuilder(
            "| rule | seed | recall | false finds a model | nulls reported as none | exact |\n"
                + "|---|---|---|---|---|---|\n");
    SCORES.forEach((rule, scores) -> {
      for (int s = 0; s < scores.size(); s++) {
        Score score = scores.get(s);
        table.append(
            String.format(
                Locale.ROOT,
                "| %s | %d | %d of %d (%.3f) | %.3f | %d of %d (%.3f) | %d of %d |%n",
                rule.text(),
                SEEDS.get(s),
                score.found,
                score.planted,
                score.recall(),
                score.falseFindsPerModel(),
                score.silent,
                score.nulls,
                score.silence(),
                score.exact,
                score.models));
      }
    });
    table.append("\n| scenario | planted |");
    SCORES.keySet().forEach(rule -> table.append(' ').append(rule.text()).append(" |"));
    table.append("\n|---|---|---|---|---|\n");
    for (PlantedModel.Scenario scenario : PlantedModel.Scenario.values()) {
      table.append("| ").append(scenario).append(" | ");
      int planted = 0;
      StringBuilder cells = new StringBuilder();
      for (List<Score> scores : SCORES.values()) {
        int found = 0;
        int extra = 0;
        planted = 0;
        for (Score score : scores) {
          int[] counts = score.byScenario.getOrDefault(scenario, new int[3]);
          found += counts[0];
          planted += counts[1];
          extra += counts[2];
        }
        cells.append(' ').append(found).append(" + ").append(extra).append(" false |");
      }
      table.append(planted).append(" |").append(cells).append('\n');
    }
    return table.toString();
  }

  @Test
  void ourRule_findsNearlyAllPlantedWeights_whateverTheSeed() {
    assertThat(SCORES.get(Rule.SUPERWEIGHT))
        .allSatisfy(score -> assertThat(score.recall()).isGreaterThanOrEqualTo(0.98));
  }

  @Test
  void ourRule_hardlyEverReportsAnotherWeight_whateverTheSeed() {
    assertThat(SCORES.get(Rule.SUPERWEIGHT))
        .allSatisfy(score -> assertThat(score.falseFindsPerModel()).isLessThanOrEqualTo(0.02));
  }

  @Test
  void ourRule_saysNoneWhereNothingIsPlanted_whateverTheSeed() {
    assertThat(SCORES.get(Rule.SUPERWEIGHT))
        .allSatisfy(score -> assertThat(score.silence()).isGreaterThanOrEqualTo(0.98));
  }

  @Test
  void theBenchmarkIsLargeEnough_andThePublishedRulesRanOnTheSameModels() {
    int models = SCORES.get(Rule.SUPERWEIGHT).stream().mapToInt(score -> score.models).sum();
    assertThat(models).isGreaterThanOrEqualTo(300);
    for (Rule rule : Rule.values()) {
      assertThat(SCORES.get(rule).stream().mapToInt(score -> score.models).sum()).isEqualTo(models);
      assertThat(SCORES.get(rule).stream().mapToInt(score -> score.found).sum()).isPositive();
    }
  }
}
