package io.superweight.experiment;

import io.superweight.InputException;
import io.superweight.edit.EditedModel;
import io.superweight.evaluate.Evaluation;
import io.superweight.evaluate.Request;
import io.superweight.evaluate.Score;
import io.superweight.evaluate.Scorer;
import io.superweight.model.Transformer;
import io.superweight.model.Variant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * Edited models times evaluations. What the store holds is not computed again; what is computed
 * goes into the store batch by batch, so that a sweep that ended early goes on where it was.
 *
 * <p>Which requests are computed together depends on the evaluation alone ({@link Scorer#batches}):
 * of a batch that the store holds a part of, all is computed again and the part compared, bit by
 * bit. So a sweep that was interrupted gives the numbers of one that was not.
 *
 * @param models the original among them where differences are wanted; models of equal keys are
 *     computed once
 * @param evaluations of different names
 * @param activationBytes memory that the edited models of one pass may take for their activations
 */
public record Sweep(List<EditedModel> models, List<Evaluation> evaluations, long activationBytes) {
  /** More variants in a pass save little: what they share is computed once for each pass. */
  private static final int MOST_TOGETHER = 16;

  public Sweep {
    models = List.copyOf(models);
    evaluations = List.copyOf(evaluations);
    if (models.isEmpty() || evaluations.isEmpty()) {
      throw new IllegalArgumentException("a sweep needs models and evaluations");
    }
    if (evaluations.stream().map(Evaluation::name).distinct().count() < evaluations.size()) {
      throw new IllegalArgumentException("two evaluations of one name");
    }
  }

  /** With a gibibyte for activations. */
  public Sweep(List<EditedModel> models, List<Evaluation> evaluations) {
    this(models, evaluations, 1L << 30);
  }

  /** An evaluation with its requests and their batches. */
  private record Work(
      Evaluation evaluation,
      List<Request> requests,
      List<ScoreStore.Place> places,
      List<int[]> batches,
      Map<String, Series> seriesByKey) {}

  /** Some batches that the same models lack scores of. */
  private record Lot(Work work, List<EditedModel> models, List<int[]> batches) {}

  /**
   * Computes what the store lacks.
   *
   * @return a function of the models, the evaluations and the store alone
   * @throws InputException of kind OUTPUT where the store cannot be written, MALFORMED where a
   *     score that is computed again differs from the stored one; and as {@link
   *     Transformer#forward}
   * @throws java.util.concurrent.CancellationException where the thread was interrupted; all
   *     complete batches are in the store
   */
  public SweepResult run(Transformer transformer, ScoreStore store, SweepListener listener) {
    Scorer scorer = new Scorer(transformer);
    List<EditedModel> distinct = distinct();
    List<Work> works =
        evaluations.stream().map(e -> work(transformer, scorer, e, distinct, store)).toList();
    List<Lot> lots =
        works.stream().flatMap(w -> lots(transformer, w, distinct, store).stream()).toList();
    Run run = new Run(store, listener, works, lots, distinct.size());
    for (Lot lot : lots) {
      run.score(scorer, lot);
    }
    return result(works, store);
  }

  /** Models of different keys, in order. */
  private List<EditedModel> distinct() {
    Map<String, EditedModel> byKey = new LinkedHashMap<>();
    models.forEach(m -> byKey.putIfAbsent(m.key(), m));
    return List.copyOf(byKey.values());
  }

  private static Work work(
      Transformer transformer,
      Scorer scorer,
      Evaluation evaluation,
      List<EditedModel> models,
      ScoreStore store) {
    List<Request> requests = evaluation.requests();
    List<int[]> batches = scorer.batches(requests);
    ScoreStore.Place[] byRequest = new ScoreStore.Place[requests.size()];
    for (int[] batch : batches) {
      List<ScoreStore.Place> of = ScoreStore.Place.of(requests, batch);
      for (int i = 0; i < batch.length; i++) {
        byRequest[batch[i]] = of.get(i);
      }
    }
    List<ScoreStore.Place> places = List.of(byRequest);
    if (places.stream().distinct().count() < places.size()) {
      throw new IllegalArgumentException(evaluation.name() + " asks for the same score twice");
    }
    return new Work(
        evaluation,
        requests,
        places,
        batches,
        models.stream()
            .collect(
                Collectors.toMap(
                    EditedModel::key, m -> Series.of(store, transformer, m, evaluation))));
  }

  private List<Lot> lots(
      Transformer transformer, Work work, List<EditedModel> models, ScoreStore store) {
    List<Lot> lots = new ArrayList<>();
    int together = together(transformer, work);
    for (int first = 0; first < models.size(); first += together) {
      List<EditedModel> group = models.subList(first, Math.min(first + together, models.size()));
      Map<List<EditedModel>, List<int[]>> byLacking = new LinkedHashMap<>();
      for (int[] batch : work.batches) {
        List<EditedModel> lacking =
            group.stream().filter(m -> lacks(store, work, m, batch)).toList();
        if (!lacking.isEmpty()) {
          byLacking.computeIfAbsent(lacking, m -> new ArrayList<>()).add(batch);
        }
      }
      byLacking.forEach((lacking, batches) -> lots.add(new Lot(work, lacking, batches)));
    }
    return lots;
  }

  private static boolean lacks(ScoreStore store, Work work, EditedModel model, int[] batch) {
    Series series = work.seriesByKey.get(model.key());
    return Arrays.stream(batch).anyMatch(r -> store.find(series, work.places.get(r)).isEmpty());
  }

  /** Edited models in one pass: as many as keep the residual stream in the memory granted. */
  private int together(Transformer transformer, Work work) {
    long tokens = work.batches.stream().mapToLong(b -> tokens(work, b)).max().orElse(1);
    long bytes = Math.max(1, tokens * transformer.hiddenSize() * Float.BYTES);
    return Math.clamp(activationBytes / bytes, 1, MOST_TOGETHER);
  }

  private static long tokens(Work work, int[] batch) {
    return Arrays.stream(batch).mapToLong(r -> work.requests.get(r).tokens().length).sum();
  }

  /** What is counted while it goes on. */
  private static final class Run {
    private final ScoreStore store;
    private final SweepListener listener;
    private final long ofScores;
    private final long ofTokens;
    private final long found;
    private final long start = System.nanoTime();
    private long scores;
    private long tokens;

    Run(ScoreStore store, SweepListener listener, List<Work> works, List<Lot> lots, int models) {
      this.store = store;
      this.listener = listener;
      this.ofScores = models * works.stream().mapToLong(w -> w.requests.size()).sum();
      this.ofTokens =
          lots.stream()
              .mapToLong(
                  l -> l.models.size() * l.batches.stream().mapToLong(b -> tokens(l.work, b)).sum())
              .sum();
      this.scores =
          works.stream()
              .flatMap(w ->
                  w.seriesByKey.values().stream()
                      .map(
                          s -> w.places.stream().filter(p -> store.find(s, p).isPresent()).count()))
              .mapToLong(Long::longValue)
              .sum();
      this.found = scores;
    }

    void score(Scorer scorer, Lot lot) {
      String labels = lot.models.stream().map(EditedModel::label).collect(Collectors.joining("; "));
      tell(lot, labels);
      List<Variant> variants = lot.models.stream().map(EditedModel::variant).toList();
      scorer.score(
          lot.work.requests,
          lot.batches,
          variants,
          (batch, computed) -> {
            keep(lot, batch, computed);
            tokens += lot.models.size() * tokens(lot.work, batch);
            tell(lot, labels);
          });
    }

    private void keep(Lot lot, int[] batch, Score[][] computed) {
      List<ScoreStore.Entry> entries = new ArrayList<>();
      for (int m = 0; m < lot.models.size(); m++) {
        Series series = lot.work.seriesByKey.get(lot.models.get(m).key());
        for (int i = 0; i < batch.length; i++) {
          ScoreStore.Place place = lot.work.places.get(batch[i]);
          Optional<Score> stored = store.find(series, place);
          if (stored.isEmpty()) {
            entries.add(new ScoreStore.Entry(series, place, computed[m][i]));
          } else if (!stored.get().equals(computed[m][i])) {
            throw new InputException(
                InputException.Kind.MALFORMED,
                "document "
                    + place.document()
                    + " of "
                    + series.evaluation()
                    + " scores "
                    + computed[m][i].logProbability()
                    + " where the store has "
                    + stored.get().logProbability()
                    + ": another machine or version wrote it and computes otherwise; go on with that one, or name another folder");
          }
        }
      }
      store.append(entries);
      scores += entries.size();
    }

    private void tell(Lot lot, String labels) {
      listener.progress(
          new SweepProgress(
              lot.work.evaluation.name(),
              labels,
              scores,
              ofScores,
              found,
              tokens,
              ofTokens,
              (System.nanoTime() - start) / 1e9));
    }
  }

  private SweepResult result(List<Work> works, ScoreStore store) {
    List<SweepResult.Part> parts = new ArrayList<>();
    for (Work work : works) {
      List<List<Score>> scores = new ArrayList<>();
      for (EditedModel model : models) {
        Series series = work.seriesByKey.get(model.key());
        scores.add(work.places.stream().map(p -> store.find(series, p).orElseThrow()).toList());
      }
      parts.add(SweepResult.Part.of(work.evaluation, models, scores));
    }
    return new SweepResult(models, parts);
  }
}
