package io.superweight.quantize;

import io.superweight.InputException;
import io.superweight.Sha256;
import io.superweight.edit.EditedModel;
import io.superweight.model.ActivationTransform;
import io.superweight.model.Coordinate;
import io.superweight.model.ExecutedProducts;
import io.superweight.model.Site;
import io.superweight.model.Transformer;
import io.superweight.model.Variant;
import io.superweight.model.WeightTransform;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Makes quantized versions of a model, edited or not. The checkpoint is never written.
 *
 * @param held super weights: what {@code hold} puts back and whose channels {@code sa=known} means
 * @param calibration token ids of the text that {@code smooth} and {@code clip=z:auto} measure on;
 *     may be empty where neither is used
 */
public record Quantizer(Transformer model, List<Coordinate> held, List<int[]> calibration) {
  public Quantizer {
    held = List.copyOf(held);
    calibration = List.copyOf(calibration);
  }

  /**
   * A quantized version.
   *
   * @param label for tables: what the user wrote
   * @throws InputException of kind USAGE where weights or text are missing that it needs, or a
   *     block size does not divide a matrix
   */
  public EditedModel apply(String label, Quantization how, EditedModel base) {
    if (how.needsHeld() && held.isEmpty()) {
      throw new InputException(
          InputException.Kind.USAGE,
          label + " needs to know the super weights: add --hold WEIGHTS, or --hold @catalog");
    }
    if (how.needsCalibration() && calibration.isEmpty()) {
      throw new InputException(
          InputException.Kind.USAGE, label + " measures the model on text: add --calibration FILE");
    }
    List<String> notes = new ArrayList<>(base.notes());
    Quantization chosen = how;
    if (how.clipSearched()) {
      ClipSearch.Result found =
          ClipSearch.run(
              model, how.weights().orElseThrow(), how.hold() ? held : List.of(), calibration);
      chosen = how.withClip(found.best());
      notes.add(label + ": " + found.sentence());
    }
    List<ActivationTransform> transforms = new ArrayList<>(base.variant().transforms());
    List<WeightTransform> weights = new ArrayList<>(base.variant().weights());
    if (chosen.smooth().isPresent()) {
      SmoothQuant smooth =
          SmoothQuant.calibrate(
              model,
              chosen.smooth().orElseThrow(),
              chosen.smoothDown(),
              skipped(chosen),
              calibration);
      transforms.add(smooth.activations());
      weights.add(smooth.weights());
    }
    Optional<ExecutedProducts> executed = base.variant().executed();
    if (chosen.executed()) {
      QuantizedProducts.requireExecutable(label, model, base);
    }
    if (chosen.weights().isPresent()) {
      QuantizedWeights rounded =
          QuantizedWeights.of(
              model, chosen.weights().orElseThrow(), chosen.hold() ? held : List.of());
      weights.add(rounded);
      notes.addAll(rounded.notes(label, model));
      if (chosen.executed()) {
        QuantizedProducts products =
            new QuantizedProducts(rounded, withChannels(chosen.activations().orElseThrow()));
        executed = Optional.of(products);
        notes.add(label + ": " + products.sentence(model));
      }
    }
    if (chosen.activations().isPresent()) {
      transforms.add(
          new QuantizedActivations(
              withChannels(chosen.activations().orElseThrow()), chosen.executed()));
    }
    String name = base.key().isEmpty() ? label : base.label() + ", " + label;
    String key = (base.key().isEmpty() ? "" : base.key() + " ") + "quantized " + key(chosen);
    return new EditedModel(
        name, key, new Variant(name, base.variant().edits(), transforms, weights, executed), notes);
  }

  private ActivationQuantizer withChannels(ActivationQuantizer how) {
    if (how.superActivation() != ActivationQuantizer.SuperActivation.KNOWN) {
      return how;
    }
    Map<Site, Set<Integer>> channels = new HashMap<>();
    for (Coordinate weight : held) {
      if (!weight.part().endsWith(".mlp.down")) {
        continue; // what other matrices write has no channel of its own
      }
      channels
          .computeIfAbsent(Site.of(Site.Kind.DOWN_IN, weight.layer()), s -> new HashSet<>())
          .add(weight.col());
      for (int layer = weight.layer() + 1; layer < model.layers(); layer++) {
        for (Site.Kind kind : List.of(Site.Kind.ATTN_IN, Site.Kind.MLP_IN)) {
          channels.computeIfAbsent(Site.of(kind, layer), s -> new HashSet<>()).add(weight.row());
        }
      }
    }
    return new ActivationQuantizer(
        how.bits(),
        how.scale(),
        how.sites(),
        how.superActivation(),
        channels,
        how.sinks(),
        how.sinkTokens(),
        how.outlierRatio());
  }

  /** Equal for equal quantizations of one model, whatever they were written like. */
  private String key(Quantization how) {
    List<String> words = new ArrayList<>();
    how.weights().ifPresent(w -> words.add(w.text()));
    if (how.hold() || how.needsHeld()) {
      words.add(
          (how.hold() ? "held " : "known ")
              + held.stream().sorted().map(Coordinate::toString).collect(Collectors.joining(" ")));
    }
    how.activations()
        .ifPresent(a ->
            words.add(
                String.format(
                    Locale.ROOT,
                    "activations %d %s %s %s %s %s",
                    a.bits(),
                    a.scale(),
                    a.sites().stream().sorted().toList(),
                    a.superActivation(),
                    a.sinks(),
                    switch (a.sinks()) {
                      case PLAIN -> "";
                      case OUTLIERS -> a.outlierRatio();
                      case PRECISE, OUT_OF_SCALE -> a.sinkTokens();
                    })));
    how.smooth()
        .ifPresent(alpha ->
            words.add(
                "smooth "
                    + alpha
                    + (how.smoothDown() ? " with down" : "")
                    + " but "
                    + skipped(how)
                    + " of "
                    + digest()));
    if (how.executed()) {
      words.add("executed in int8");
    }
    return String.join("; ", words);
  }

  /** First tokens that have no part in what is measured for SmoothQuant. */
  private static int skipped(Quantization how) {
    return how.activations()
        .filter(a ->
            a.sinks() != ActivationQuantizer.Sinks.PLAIN
                && a.sinks() != ActivationQuantizer.Sinks.OUTLIERS)
        .map(ActivationQuantizer::sinkTokens)
        .orElse(0);
  }

  private String digest() {
    MessageDigest sha = Sha256.start();
    for (int[] ids : calibration) {
      ByteBuffer bytes = ByteBuffer.allocate(4 * ids.length + 4).putInt(ids.length);
      for (int id : ids) {
        bytes.putInt(id);
      }
      sha.update(bytes.flip());
    }
    return HexFormat.of().formatHex(sha.digest(), 0, 8);
  }

  /** What rounding does to each matrix; empty where weights are not rounded. */
  public Optional<List<TensorReport>> report(Quantization how) {
    return how.weights()
        .map(w -> QuantizedWeights.of(model, w, how.hold() ? held : List.of()).report(model));
  }
}
