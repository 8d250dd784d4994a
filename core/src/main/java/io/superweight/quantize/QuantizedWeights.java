package io.superweight.quantize;

import io.superweight.checkpoint.Checkpoint;
import io.superweight.compute.Buffer;
import io.superweight.compute.Device;
import io.superweight.model.Architecture;
import io.superweight.model.Coordinate;
import io.superweight.model.Transformer;
import io.superweight.model.WeightTransform;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/**
 * Quantizes all matrices of the layers (those of the head, embeddings and norms stay as they are)
 * and puts held weights back: {@code Ŵ = RESTORE(Q⁻¹(Q(CLIP(W))))} of the paper.
 *
 * <p>Blocks run over rows in the order of Hugging Face's models: where a GGUF file has the rows of
 * queries and keys permuted, they are visited as they were before.
 */
public final class QuantizedWeights implements WeightTransform {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

  private final WeightQuantizer quantizer;
  private final Map<String, List<Coordinate>> held;
  private final Map<String, int[]> orders;

  private QuantizedWeights(
      WeightQuantizer quantizer, Map<String, List<Coordinate>> held, Map<String, int[]> orders) {
    this.quantizer = quantizer;
    this.held = held;
    this.orders = orders;
  }

  /**
   * Of a model.
   *
   * @param held weights that are put back after quantizing
   */
  public static QuantizedWeights of(
      Transformer model, WeightQuantizer quantizer, Collection<Coordinate> held) {
    Map<String, List<Coordinate>> byPart = new HashMap<>();
    for (Coordinate weight : held) {
      model.weight(weight); // refuses what the model does not have
      byPart.computeIfAbsent(weight.part(), p -> new ArrayList<>()).add(weight);
    }
    Architecture.Attention attention = model.architecture().attention();
    Map<String, int[]> orders = new HashMap<>();
    if (attention.interleavedRope() && model.checkpoint().format() == Checkpoint.Format.GGUF) {
      model
          .matrices()
          .forEach((part, matrix) -> {
            if (part.endsWith(".attn.q") || part.endsWith(".attn.k")) {
              orders.put(part, halvesOfHeads(matrix.rows(), attention.headDim()));
            }
          });
    }
    return new QuantizedWeights(quantizer, byPart, orders);
  }

  /**
   * Of matrices whose rows are in the order of Hugging Face's models.
   *
   * @param held weights that are put back after quantizing
   */
  public static QuantizedWeights of(WeightQuantizer quantizer, Collection<Coordinate> held) {
    Map<String, List<Coordinate>> byPart = new HashMap<>();
    held.forEach(
        weight -> byPart.computeIfAbsent(weight.part(), p -> new ArrayList<>()).add(weight));
    return new QuantizedWeights(quantizer, byPart, Map.of());
  }

  /**
   * Where a file with rotary pairs side by side has the rows of one with them half a head apart.
   */
  private static int[] halvesOfHeads(int rows, int headDim) {
    int[] order = new int[rows];
    int half = headDim / 2;
    for (int r = 0; r < rows; r++) {
      int within = r % headDim;
      order[r] = r - within + (within < half ? 2 * within : 2 * (within - half) + 1);
    }
    return order;
  }

  WeightQuantizer quantizer() {
    return quantizer;
  }

  /** The weights of a matrix that are put back. */
  List<Coordinate> held(String part) {
    return held.getOrDefault(part, List.of());
  }

  @Override
  public boolean wants(String part) {
    return true;
  }

  @Override
  public void transform(String part, Buffer weights, Device device) {
    MemorySegment data = device.host(weights);
    quantize(part, data, weights.rows(), weights.cols());
    device.store(weights, data);
  }

  /**
   * Refuses a matrix that the block size does not divide, where no remedy was chosen.
   *
   * @throws io.superweight.InputException of kind USAGE
   */
  public void requireFits(String part, int rows, int cols) {
    quantizer.cut(rows, cols, part);
  }

  /**
   * Quantizes a matrix in place and puts its held weights back.
   *
   * @param data float32 {@code [rows, cols]}
   */
  public WeightQuantizer.Outcome quantize(String part, MemorySegment data, int rows, int cols) {
    List<Coordinate> kept = held.getOrDefault(part, List.of());
    float[] values = new float[kept.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = data.get(FLOAT, offset(kept.get(i), cols));
    }
    WeightQuantizer.Outcome outcome =
        quantizer.apply(new RowMajor(data, rows, cols, orders.get(part)), part);
    for (int i = 0; i < values.length; i++) {
      data.set(FLOAT, offset(kept.get(i), cols), values[i]);
    }
    return outcome;
  }

  private static long offset(Coordinate weight, int cols) {
    return 4 * ((long) weight.row() * cols + weight.col());
  }

  /**
   * What a reader of its numbers should know, one sentence each: whether holding has any effect,
   * and which matrices became one block.
   */
  List<String> notes(String label, Transformer model) {
    List<String> notes = new ArrayList<>();
    List<String> changed = new ArrayList<>();
    List<String> idle = new ArrayList<>();
    for (TensorReport report : report(model, held.keySet())) {
      for (TensorReport.Held weight : report.held()) {
        if (weight.noEffect()) {
          idle.add(weight.weight().toString());
        } else {
          changed.add(
              String.format(
                  Locale.ROOT,
                  "%s %.5g instead of %.5g",
                  weight.weight(),
                  weight.original(),
                  weight.quantized()));
        }
      }
    }
    if (!changed.isEmpty()) {
      notes.add(label + ": held " + String.join(", ", changed) + ".");
    }
    if (!idle.isEmpty()) {
      notes.add(
          label
              + ": holding "
              + String.join(", ", idle)
              + " has no effect, they are exact without it.");
    }
    long indivisible =
        quantizer.indivisible() == Indivisible.PER_TENSOR
            ? model.matrices().values().stream()
                .filter(m -> !quantizer.divides(m.rows(), m.cols()))
                .count()
            : 0;
    if (indivisible > 0) {
      notes.add(
          label
              + ": "
              + indivisible
              + " of "
              + model.matrices().size()
              + " matrices are one block each, as the block size does not divide them.");
    }
    model.matrices().forEach((part, m) -> quantizer.cut(m.rows(), m.cols(), part)); // refuses early
    return notes;
  }

  /**
   * What quantizing does to each matrix, in order; what is held is looked at before and after it is
   * put back.
   */
  public List<TensorReport> report(Transformer model) {
    return report(model, model.matrices().keySet());
  }

  private List<TensorReport> report(Transformer model, Set<String> parts) {
    Device device = model.device();
    List<TensorReport> reports = new ArrayList<>();
    model
        .matrices()
        .forEach((part, stored) -> {
          if (!parts.contains(part)) {
            return;
          }
          try (Device.Scope scope = device.scope()) {
            Buffer buffer = scope.allocate(stored.rows(), stored.cols());
            device.decode(stored, buffer);
            float[] original =
                new RowMajor(device.host(buffer), stored.rows(), stored.cols(), null).all();
            RowMajor view =
                new RowMajor(device.host(buffer), stored.rows(), stored.cols(), orders.get(part));
            WeightQuantizer.Outcome outcome = quantizer.apply(view, part);
            List<TensorReport.Held> restored = new ArrayList<>();
            for (Coordinate weight : held.getOrDefault(part, List.of())) {
              long at = offset(weight, stored.cols());
              float before = original[(int) (at / 4)];
              restored.add(new TensorReport.Held(weight, before, view.data().get(FLOAT, at)));
              view.data().set(FLOAT, at, before);
            }
            double squares = 0;
            double worst = 0;
            double power = 0;
            for (int i = 0; i < original.length; i++) {
              double error = Math.abs(view.data().getAtIndex(FLOAT, i) - original[i]);
              squares += error * error;
              power += (double) original[i] * original[i];
              worst = Math.max(worst, error);
            }
            reports.add(
                new TensorReport(
                    part,
                    stored.rows(),
                    stored.cols(),
                    squares / original.length,
                    power == 0 ? 0 : squares / power,
                    worst,
                    outcome,
                    restored));
          }
        });
    return reports;
  }
}
