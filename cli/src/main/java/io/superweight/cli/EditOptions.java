package io.superweight.cli;

import io.superweight.InputException;
import io.superweight.catalog.Catalog;
import io.superweight.convert.HeldFile;
import io.superweight.edit.EditedModel;
import io.superweight.edit.Edits;
import io.superweight.edit.WeightSelector;
import io.superweight.model.Coordinate;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import picocli.CommandLine.Option;

/**
 * What is changed about the model: for the commands that measure changed versions of it. Several
 * {@code --zero}, {@code --set} and {@code --scale WEIGHTS=FACTOR} make one version; each factor
 * and each fraction makes one of its own; {@code --restore-activation} adds one beside each.
 */
final class EditOptions {
  @Option(
      names = "--zero",
      paramLabel = "WEIGHTS",
      description =
          "Zero weights: layers.1.mlp.down[161,288], a row [161,*], a column [*,288], @FILE as find wrote it, "
              + "@catalog for what is published of this model. Repeatable")
  private List<String> zero = new ArrayList<>();

  @Option(
      names = "--set",
      paramLabel = "WEIGHTS=VALUE",
      description = "Give weights a value. Repeatable")
  private List<String> set = new ArrayList<>();

  @Option(
      names = "--put-back",
      paramLabel = "FILE",
      description =
          "Give weights the values that quantize kept beside a model, in superweight-held.json, because its format "
              + "does not give them back. Nothing else applies that file")
  private Path putBack;

  @Option(
      names = {"--scale", "--factors"},
      paramLabel = "[WEIGHTS=]FACTOR",
      description =
          "Multiply weights by a factor. Without WEIGHTS: those of --weights, one version of the model for each "
              + "factor (--scale 0,0.5,1.5). Repeatable")
  private List<String> scale = new ArrayList<>();

  @Option(
      names = "--weights",
      paramLabel = "WEIGHTS",
      description =
          "The super weights: what --scale FACTOR scales and --prune-top keeps. Repeatable")
  private List<String> weights = new ArrayList<>();

  @Option(
      names = "--prune-top",
      paramLabel = "FRACTION",
      description =
          "Zero the largest weights of each matrix, such as 1e-6 of them, but none that another option names: the "
              + "paper's control. Several fractions make several versions")
  private List<String> pruneTop = new ArrayList<>();

  @Option(
      names = "--restore-activation",
      description =
          "Beside each version whose weights are changed, the same with the super activation written back at its "
              + "one token: the paper's “+SA”")
  private boolean restore;

  /** Whether any change is asked for. */
  boolean given() {
    return !zero.isEmpty()
        || !set.isEmpty()
        || putBack != null
        || !scale.isEmpty()
        || !pruneTop.isEmpty()
        || !weights.isEmpty()
        || restore;
  }

  /**
   * The versions of the model, the original first.
   *
   * @throws InputException where an option cannot be understood or names what the model does not
   *     have
   */
  List<EditedModel> models(OpenModel open) {
    return models(
        new Edits(open.transformer()),
        new WeightSelector(
            open.transformer(),
            () -> Catalog.ofUser(System.getenv()).weightsOf(open.transformer()),
            System.in));
  }

  /**
   * The one version that is asked for, or the original; with {@code --restore-activation} the
   * restored one.
   *
   * @throws InputException as {@link #models}, and of kind USAGE where there are several
   */
  EditedModel one(OpenModel open) {
    List<EditedModel> models = given() ? models(open) : List.of(EditedModel.ORIGINAL);
    if (models.size() > (restore ? 3 : 2)) {
      throw usage("this command takes one version of the model: give one factor or fraction");
    }
    return models.getLast();
  }

  List<EditedModel> models(Edits edits, WeightSelector selector) {
    List<EditedModel> models = new ArrayList<>();
    models.add(EditedModel.ORIGINAL);
    List<Coordinate> named = selected(weights, selector);
    Set<Coordinate> keep = new HashSet<>(named);
    Map<Coordinate, Float> values = new HashMap<>();
    List<String> words = new ArrayList<>();
    List<Coordinate> zeroed = selected(zero, selector);
    put(values, edits.zero("", zeroed), zeroed);
    if (!zeroed.isEmpty()) {
      words.add(described(zeroed) + " zeroed");
    }
    for (String one : set) {
      List<Coordinate> of = selector.select(before(one, "--set", "VALUE"));
      float value = (float) number(after(one), "--set");
      put(values, of, value);
      words.add(described(of) + " = " + after(one));
    }
    if (putBack != null) {
      Map<Coordinate, Float> held = HeldFile.read(putBack);
      held.forEach((weight, value) -> put(values, List.of(weight), value));
      words.add(described(List.copyOf(held.keySet())) + " put back");
    }
    List<String> factors = new ArrayList<>();
    for (String one : scale) {
      if (one.indexOf('=') < 0) {
        factors.addAll(List.of(one.split(",")));
        continue;
      }
      List<Coordinate> of = selector.select(before(one, "--scale", "FACTOR"));
      put(values, edits.scale("", of, number(after(one), "--scale")), of);
      words.add(described(of) + " × " + after(one));
    }
    if (!values.isEmpty()) {
      add(models, edits.set(String.join(", ", words), values), edits);
      keep.addAll(values.keySet());
    } else if (restore && factors.isEmpty()) {
      throw usage("--restore-activation needs weights that are changed: add --zero WEIGHTS");
    }
    for (String factor : factors) {
      if (named.isEmpty()) {
        throw usage(
            "--scale "
                + factor
                + " says not what to scale: write --scale WEIGHTS="
                + factor
                + ", or add --weights WEIGHTS");
      }
      add(
          models,
          edits.scale(described(named) + " × " + factor.strip(), named, number(factor, "--scale")),
          edits);
    }
    for (String one : pruneTop) {
      for (String fraction : one.split(",")) {
        models.add(
            edits.pruneTop(
                "largest " + fraction.strip() + " zeroed", number(fraction, "--prune-top"), keep));
      }
    }
    if (models.size() == 1 && !named.isEmpty()) {
      throw usage("--weights alone changes nothing: add --scale FACTOR or --prune-top FRACTION");
    }
    return List.copyOf(models);
  }

  private void add(List<EditedModel> models, EditedModel edited, Edits edits) {
    models.add(edited);
    if (restore && !edited.variant().edits().isEmpty()) {
      models.add(edits.restored(edited.label() + ", +SA", edited));
    }
  }

  private static List<Coordinate> selected(List<String> texts, WeightSelector selector) {
    TreeSet<Coordinate> all = new TreeSet<>();
    texts.forEach(text -> all.addAll(selector.select(text)));
    return List.copyOf(all);
  }

  /** What an edit makes of weights; those that it leaves as they are are not among its edits. */
  private static void put(
      Map<Coordinate, Float> values, EditedModel edited, Collection<Coordinate> of) {
    Map<Coordinate, Float> changed = new HashMap<>();
    edited.variant().edits().forEach(e -> changed.put(e.coordinate(), e.value()));
    for (Coordinate weight : of) {
      if (values.containsKey(weight)) {
        throw twice(weight);
      }
      if (changed.containsKey(weight)) {
        values.put(weight, changed.get(weight));
      }
    }
  }

  private static void put(Map<Coordinate, Float> values, List<Coordinate> of, float value) {
    for (Coordinate weight : of) {
      if (values.putIfAbsent(weight, value) != null) {
        throw twice(weight);
      }
    }
  }

  private static InputException twice(Coordinate weight) {
    return usage(weight + " is changed twice: name it once among --zero, --set and --scale");
  }

  private static String described(List<Coordinate> weights) {
    return weights.size() == 1
        ? weights.getFirst().toString()
        : String.format(java.util.Locale.ROOT, "%,d weights", weights.size());
  }

  private static String before(String text, String option, String what) {
    int at = text.lastIndexOf('=');
    if (at < 0) {
      throw usage(option + " takes WEIGHTS=" + what + ", not \"" + text + "\"");
    }
    return text.substring(0, at);
  }

  private static String after(String text) {
    return text.substring(text.lastIndexOf('=') + 1).strip();
  }

  private static final Pattern NUMBER =
      Pattern.compile("[-+]?(\\d+\\.?\\d*|\\.\\d+)([eE][-+]?\\d+)?");

  private static double number(String text, String option) {
    String bare = text.strip();
    if (!NUMBER.matcher(bare).matches()) {
      throw usage(option + ": \"" + bare + "\" is no number; write it like 0.5 or 1e-6");
    }
    return Double.parseDouble(bare);
  }

  private static InputException usage(String message) {
    return new InputException(InputException.Kind.USAGE, message);
  }
}
