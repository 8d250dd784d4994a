package io.superweight.cli;

import io.superweight.InputException;
import io.superweight.catalog.Catalog;
import io.superweight.edit.EditedModel;
import io.superweight.edit.WeightSelector;
import io.superweight.evaluate.Evaluation;
import io.superweight.evaluate.Prefixed;
import io.superweight.find.VerificationText;
import io.superweight.model.Coordinate;
import io.superweight.quantize.Indivisible;
import io.superweight.quantize.Quantization;
import io.superweight.quantize.Quantizer;
import io.superweight.report.RoundingCsv;
import io.superweight.tokenizer.Tokenizer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.TreeSet;
import picocli.CommandLine.Option;

/**
 * Quantizations that are measured beside the model as it is: for the commands that measure changed
 * versions of it. Each {@code --quantize} makes one version, of each version that the edits make.
 */
final class QuantizeOptions {
  @Option(
      names = "--quantize",
      paramLabel = "WEIGHTS[:OPTION,…]",
      description = {
        "Round weights and activations and decode them again, such as rtn4:block=64,clip=z:9,hold or "
            + "int8:act=token. Repeatable, one version each.",
        Quantization.LANGUAGE
      })
  private List<String> quantize = new ArrayList<>();

  @Option(
      names = "--hold",
      paramLabel = "WEIGHTS",
      description =
          "The super weights: what hold puts back and sa=known means. A coordinate, @FILE, @catalog. Repeatable")
  private List<String> hold = new ArrayList<>();

  @Option(
      names = "--indivisible",
      paramLabel = "WHAT",
      description =
          "What becomes of matrices that a block size does not divide: error; tail, smaller last blocks; per-tensor, "
              + "one block, as the published code does without a word. Default: error")
  private String indivisible = "error";

  @Option(
      names = "--calibration",
      paramLabel = "FILE",
      description =
          "Text that smooth and clip=z:auto measure the model on, the first 16 times 512 tokens of it. Default: the "
              + "built-in prose")
  private Path calibration;

  @Option(
      names = "--prefix",
      paramLabel = "TEXT",
      description =
          "Tokens before every request, not scored, as a key-value cache that is kept begins with them: where a super "
              + "activation sits on the first token, whichever it is, it sits there. \"\\n\" is a line break")
  private String prefix;

  @Option(
      names = "--rounding",
      paramLabel = "FILE",
      description =
          "Write a CSV table of what rounding does to each matrix: its error, what was clipped, what holding changed")
  private Path rounding;

  private static final int WINDOW = 512;
  private static final int WINDOWS = 16;

  boolean given() {
    return !quantize.isEmpty();
  }

  /**
   * The versions of the model with their quantized ones behind.
   *
   * @throws InputException where an option cannot be understood or does not fit the model
   */
  List<EditedModel> models(OpenModel open, List<EditedModel> edited) {
    if (!given()) {
      if (!hold.isEmpty() || calibration != null || rounding != null) {
        throw usage("--hold, --calibration and --rounding belong to --quantize: add one");
      }
      return edited;
    }
    List<Quantization> parsed = quantize.stream().map(text -> parsed(text, open)).toList();
    WeightSelector selector =
        new WeightSelector(
            open.transformer(),
            () -> Catalog.ofUser(System.getenv()).weightsOf(open.transformer()),
            System.in);
    TreeSet<Coordinate> held = new TreeSet<>();
    hold.forEach(text -> held.addAll(selector.select(text)));
    if (!held.isEmpty() && parsed.stream().noneMatch(Quantization::needsHeld)) {
      throw usage("--hold changes nothing: write hold or sa=known into --quantize, too");
    }
    Quantizer quantizer =
        new Quantizer(
            open.transformer(),
            List.copyOf(held),
            parsed.stream().anyMatch(Quantization::needsCalibration) ? text(open) : List.of());
    Optional<OutputFile> table =
        Optional.ofNullable(rounding).map(path -> OutputFile.at(path, "--rounding"));
    List<EditedModel> models = new ArrayList<>(edited);
    for (EditedModel base : edited) {
      for (int i = 0; i < parsed.size(); i++) {
        models.add(quantizer.apply(quantize.get(i).strip(), parsed.get(i), base));
      }
    }
    table.ifPresent(file ->
        file.write(out ->
            RoundingCsv.write(
                models.subList(edited.size(), edited.size() + parsed.size()),
                open.transformer(),
                out)));
    return List.copyOf(models);
  }

  private Quantization parsed(String text, OpenModel open) {
    Quantization parsed = Quantization.parse(text, indivisible());
    if (!parsed.ofPrefix()) {
      return parsed;
    }
    if (prefix == null) {
      throw usage("--quantize " + text + " leaves a prefix out of rounding: add --prefix TEXT");
    }
    return parsed.withPrefix(prefix(open).length);
  }

  private int[] prefix(OpenModel open) {
    int[] ids = open.tokenizer().encode(prefix.replace("\\n", "\n"));
    if (ids.length == 0) {
      throw usage("--prefix \"" + prefix + "\" has no tokens: give it a word, or \\n");
    }
    return ids;
  }

  /** The evaluations with the prefix before each request, where one is asked for. */
  List<Evaluation> evaluations(OpenModel open, List<Evaluation> plain) {
    return prefix == null
        ? plain
        : plain.stream()
            .map(of -> (Evaluation) new Prefixed(of, prefix(open), "\"" + prefix + "\""))
            .toList();
  }

  private Indivisible indivisible() {
    return indivisible(indivisible);
  }

  static Indivisible indivisible(String text) {
    return switch (text) {
      case "error" -> Indivisible.ERROR;
      case "tail" -> Indivisible.TAIL;
      case "per-tensor" -> Indivisible.PER_TENSOR;
      default -> throw usage("--indivisible is error, tail or per-tensor, not \"" + text + "\"");
    };
  }

  private List<int[]> text(OpenModel open) {
    return windows(
        calibration == null ? VerificationText.builtIn() : VerificationText.of(calibration),
        open.tokenizer(),
        open.transformer().maxPositions());
  }

  /** The first tokens of a text, in windows. */
  static List<int[]> windows(VerificationText text, Tokenizer tokenizer, int maxPositions) {
    int window = Math.min(WINDOW, maxPositions);
    List<int[]> windows = new ArrayList<>();
    for (String document : text.documents()) {
      int[] ids = tokenizer.encode(document);
      for (int from = 0; from < ids.length && windows.size() < WINDOWS; from += window) {
        windows.add(Arrays.copyOfRange(ids, from, Math.min(ids.length, from + window)));
      }
    }
    return windows;
  }

  private static InputException usage(String message) {
    return new InputException(InputException.Kind.USAGE, message);
  }
}
