package io.superweight.cli;

import io.superweight.InputException;
import io.superweight.catalog.Catalog;
import io.superweight.checkpoint.Checkpoint;
import io.superweight.compute.Device;
import io.superweight.compute.cpu.CpuDevice;
import io.superweight.convert.Export;
import io.superweight.convert.FolderContent;
import io.superweight.convert.GgufContent;
import io.superweight.convert.GgufExport;
import io.superweight.convert.HeldFile;
import io.superweight.convert.HeldWeights;
import io.superweight.convert.PackedChoice;
import io.superweight.convert.SafetensorsExport;
import io.superweight.convert.TypeChoice;
import io.superweight.edit.WeightSelector;
import io.superweight.model.Coordinate;
import io.superweight.model.Transformer;
import io.superweight.quantize.Indivisible;
import io.superweight.quantize.Quantization;
import io.superweight.quantize.QuantizedWeights;
import io.superweight.tensor.DType;
import java.io.PrintStream;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

/** {@code superweight quantize}. */
@Command(
    name = "quantize",
    sortOptions = false,
    header = QuantizeCommand.HEADER,
    description = {
      "",
      "Writes a GGUF file that llama.cpp loads, or a folder for transformers and vLLM (--format). All matrices take one type; the output head, or the embedding that "
          + "serves as one, Q6_K under a type of fewer bits, as llama.cpp has it; rows that a type's block does not "
          + "divide take the type that llama.cpp takes instead. Norms, biases and routers stay as they are.",
      "",
      "The file appears whole or not at all. What was interrupted, however it was, goes on with the same command.",
      "",
      "  superweight quantize model.gguf --type Q8_0 --out model-q8.gguf",
      "  superweight quantize model.gguf --type Q4_K --tensor-type ffn_down=Q6_K --out model-q4.gguf"
    },
    parameterListHeading = "%n",
    optionListHeading = "%nOptions:%n")
final class QuantizeCommand implements Runnable {
  /** The line of it in the list of commands. */
  static final String HEADER = "Store a model in fewer bits, its super weights held if so wished.";

  @ParentCommand private SuperweightCommand parent;

  @Parameters(
      index = "0",
      arity = "0..1",
      paramLabel = "MODEL",
      description =
          "The model, as of find. Without it: the small model that comes with Superweight.")
  private String model;

  @Mixin private WriteOptions write;

  @Option(
      names = "--type",
      paramLabel = "TYPE",
      description =
          "Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, Q5_K, Q6_K, F16 or BF16; with --format compressed-tensors INT4 or INT8")
  private String type;

  @Option(
      names = "--quantize",
      paramLabel = "WEIGHTS[:OPTION,…]",
      description =
          "In place of --type, with --format safetensors: round every matrix of the layers as eval and sweep do by this "
              + "option, such as rtn4:block=256,clip=z:9,hold; hold puts back what --super-weights names")
  private String simulation;

  @Option(
      names = "--indivisible",
      paramLabel = "WHAT",
      description = "With --quantize: error, tail or per-tensor, as of eval. Default: error")
  private String indivisible;

  @Option(
      names = "--tensor-type",
      paramLabel = "REGEX=TYPE",
      description =
          "Another type for the tensors whose name in the file has a match. Repeatable; the first that fits decides")
  private List<String> tensorTypes = new ArrayList<>();

  @Option(
      names = "--format",
      paramLabel = "FORMAT",
      description =
          "gguf; safetensors: a folder whose matrices hold what TYPE makes of them, in a plain type, held weights "
              + "as they were; compressed-tensors: a folder that vLLM and transformers load. Default: gguf")
  private String format = "gguf";

  @Option(
      names = "--dtype",
      paramLabel = "TYPE",
      description =
          "Of what a folder holds in plain types, scales among them: F32, F16 or BF16. Default: as the model has it")
  private String dtype;

  @Option(
      names = "--group",
      paramLabel = "N",
      description =
          "With --format compressed-tensors: 32, 64 or 128 elements of a row share a scale, or channel: a whole row. "
              + "Default: INT4 the largest that divides all rows, INT8 channel")
  private String group;

  @Option(
      names = "--keep-super-weights",
      arity = "0..1",
      fallbackValue = "lift",
      paramLabel = "HOW",
      description =
          "lift: the tensors that hold super weights take Q8_0, under Q8_0 16 bits; compressed-tensors leaves them as "
              + "they are (default). exact: the scale of each block that holds one is chosen so that it comes back "
              + "exactly; under a K type its tensor takes Q8_0")
  private String keep;

  @Option(
      names = "--super-weights",
      paramLabel = "WEIGHTS",
      description =
          "Which they are: layers.1.mlp.down[161,288], @FILE as find wrote it, or @catalog. Repeatable. Default: @catalog")
  private List<String> superWeights = new ArrayList<>();

  @Override
  public void run() {
    Terminal terminal = write.terminal(parent);
    boolean exact = "exact".equals(keep);
    if (keep != null && !exact && !keep.equals("lift")) {
      throw usage("--keep-super-weights takes lift or exact, not \"" + keep + "\"");
    }
    if ((type == null) == (simulation == null)) {
      throw usage(
          type == null
              ? "--type is missing: give one, such as Q8_0"
              : "--type and --quantize exclude each other: leave one of them out");
    }
    if (indivisible != null && simulation == null) {
      throw usage("--indivisible belongs to --quantize: add that, or leave it out");
    }
    if (keep == null && simulation == null && !superWeights.isEmpty()) {
      throw usage("--super-weights names what --keep-super-weights keeps: add that one");
    }
    Format chosen = Format.of(format);
    if (dtype != null && chosen == Format.GGUF) {
      throw usage(
          "--dtype belongs to --format safetensors and compressed-tensors: add one, or leave it out");
    }
    if (group != null && chosen != Format.COMPRESSED_TENSORS) {
      throw usage("--group belongs to --format compressed-tensors: add that, or leave it out");
    }
    DType plain = dtype == null ? null : TypeChoice.parseType(dtype);
    if (plain != null && plain.quantized()) {
      throw usage("--dtype takes F32, F16 or BF16, not " + plain);
    }
    if (simulation != null) {
      if (chosen != Format.SAFETENSORS || keep != null || !tensorTypes.isEmpty()) {
        throw usage(
            "--quantize takes --format safetensors, and neither --tensor-type nor --keep-super-weights (write hold into it)");
      }
      simulated(plain, terminal);
      return;
    }
    switch (chosen) {
      case GGUF -> gguf(exact, terminal);
      case SAFETENSORS -> dequantized(plain, terminal);
      case COMPRESSED_TENSORS -> packed(exact, plain, terminal);
    }
  }

  private enum Format {
    GGUF,
    SAFETENSORS,
    COMPRESSED_TENSORS;

    static Format of(String text) {
      return switch (text.toLowerCase(Locale.ROOT)) {
        case "gguf" -> GGUF;
        case "safetensors" -> SAFETENSORS;
        case "compressed-tensors" -> COMPRESSED_TENSORS;
        default ->
            throw usage(
                "--format takes gguf, safetensors or compressed-tensors, not \"" + text + "\"");
      };
    }
  }

  private List<TypeChoice.NamePattern> patterns() {
    return tensorTypes.stream().map(TypeChoice.NamePattern::parse).toList();
  }

  private void gguf(boolean exact, Terminal terminal) {
    DType base = TypeChoice.parseType(type);
    List<TypeChoice.NamePattern> patterns = patterns();
    write.check();
    try (Progress progress = write.progress(terminal);
        Checkpoint checkpoint = OpenModel.checkpoint(model, progress)) {
      GgufContent content = GgufContent.of(checkpoint, OpenModel.tokenizerFiles(model, checkpoint));
      Map<Coordinate, GgufContent.Element> kept = kept(checkpoint, content::element, progress);
      DType lifted =
          exact && HeldWeights.holds(base) ? base : TypeChoice.lifted(base, checkpoint.mainType());
      HeldWeights held = exact ? new HeldWeights(kept.values()) : HeldWeights.NONE;
      GgufExport export =
          new GgufExport(
              content,
              new TypeChoice(base, patterns, tensors(kept), lifted),
              checkpoint.digest(),
              held);
      finish(export, kept, terminal, progress);
    }
  }

  private void dequantized(DType plain, Terminal terminal) {
    DType base = TypeChoice.parseType(type);
    List<TypeChoice.NamePattern> patterns = patterns();
    write.check();
    try (Progress progress = write.progress(terminal);
        Checkpoint checkpoint = OpenModel.checkpoint(model, progress)) {
      FolderContent content =
          FolderContent.of(checkpoint, OpenModel.tokenizerFiles(model, checkpoint));
      Map<Coordinate, GgufContent.Element> kept = kept(checkpoint, content::element, progress);
      Set<String> lifted = "lift".equals(keep) ? tensors(kept) : Set.of();
      TypeChoice types =
          new TypeChoice(base, patterns, lifted, TypeChoice.lifted(base, checkpoint.mainType()));
      finish(
          SafetensorsExport.plain(content, types, plain, kept.values()), kept, terminal, progress);
    }
  }

  private void simulated(DType plain, Terminal terminal) {
    Indivisible remedy = QuantizeOptions.indivisible(indivisible == null ? "error" : indivisible);
    Quantization how = Quantization.parse(simulation, remedy);
    if (how.weights().isEmpty()
        || how.activations().isPresent()
        || how.smooth().isPresent()
        || how.clipSearched()) {
      throw usage(
          "--quantize "
              + simulation
              + ": a file holds rounded weights only; leave act=, smooth= and clip=z:auto out");
    }
    if (!how.hold() && !superWeights.isEmpty()) {
      throw usage("--super-weights names what hold puts back: write hold into --quantize");
    }
    write.check();
    try (Progress progress = write.progress(terminal);
        Checkpoint checkpoint = OpenModel.checkpoint(model, progress)) {
      FolderContent content =
          FolderContent.of(checkpoint, OpenModel.tokenizerFiles(model, checkpoint));
      List<Coordinate> held = how.hold() ? chosen(checkpoint) : List.of();
      List<Coordinate> written = held.stream().map(content::written).toList();
      QuantizedWeights rounded = QuantizedWeights.of(how.weights().orElseThrow(), written);
      FolderContent changed =
          content.rounded(
              simulation + " " + remedy + " " + written,
              new FolderContent.Rounding() {
                @Override
                public void require(String part, int rows, int cols) {
                  rounded.requireFits(part, rows, cols);
                }

                @Override
                public void round(String part, MemorySegment values, int rows, int cols) {
                  rounded.quantize(part, values, rows, cols);
                }
              });
      TypeChoice asItIs = new TypeChoice(null, List.of(), Set.of(), null);
      write.write(SafetensorsExport.plain(changed, asItIs, plain, List.of()), terminal, progress);
    }
  }

  private void packed(boolean exact, DType plain, Terminal terminal) {
    int bits =
        switch (type.strip().toUpperCase(Locale.ROOT)) {
          case "INT4" -> 4;
          case "INT8" -> 8;
          default ->
              throw usage(
                  "--format compressed-tensors takes --type INT4 or INT8, not \"" + type + "\"");
        };
    List<Pattern> left = new ArrayList<>();
    for (TypeChoice.NamePattern one : patterns()) {
      if (one.type().quantized()) {
        throw usage(
            "--format compressed-tensors has one type for all that is packed; --tensor-type REGEX=BF16 leaves tensors"
                + " as they are");
      }
      left.add(one.pattern());
    }
    OptionalInt width =
        group == null ? OptionalInt.empty() : OptionalInt.of(PackedChoice.parseGroup(group));
    write.check();
    try (Progress progress = write.progress(terminal);
        Checkpoint checkpoint = OpenModel.checkpoint(model, progress)) {
      FolderContent content =
          FolderContent.of(checkpoint, OpenModel.tokenizerFiles(model, checkpoint));
      Map<Coordinate, GgufContent.Element> kept = kept(checkpoint, content::element, progress);
      PackedChoice choice = new PackedChoice(bits, width, left, exact ? Set.of() : tensors(kept));
      SafetensorsExport export =
          SafetensorsExport.packed(content, choice, plain, exact ? kept : Map.of());
      finish(export, kept, terminal, progress);
      if (export.outcomes(kept.values()).stream().anyMatch(one -> one.stored() != one.value())) {
        terminal
            .out()
            .println(
                "    what does not come back exactly is in its "
                    + HeldFile.NAME
                    + ", which eval and sweep apply by --put-back");
      }
    }
  }

  private Map<Coordinate, GgufContent.Element> kept(
      Checkpoint checkpoint, Function<Coordinate, GgufContent.Element> where, Progress progress) {
    Map<Coordinate, GgufContent.Element> kept = new TreeMap<>();
    if (keep != null) {
      progress.stage("looking the super weights up");
      chosen(checkpoint).forEach(weight -> kept.put(weight, where.apply(weight)));
    }
    return kept;
  }

  private static Set<String> tensors(Map<Coordinate, GgufContent.Element> kept) {
    return kept.values().stream()
        .map(GgufContent.Element::tensor)
        .collect(Collectors.toCollection(TreeSet::new));
  }

  private void finish(
      Export export,
      Map<Coordinate, GgufContent.Element> kept,
      Terminal terminal,
      Progress progress) {
    write.write(export, terminal, progress);
    if (!kept.isEmpty()) {
      report(List.copyOf(kept.keySet()), export.outcomes(kept.values()), terminal.out());
    }
  }

  private List<Coordinate> chosen(Checkpoint checkpoint) {
    List<String> texts = superWeights.isEmpty() ? List.of("@catalog") : superWeights;
    try (Device device = CpuDevice.create();
        Transformer transformer = Transformer.load(checkpoint, device)) {
      WeightSelector selector =
          new WeightSelector(
              transformer, () -> Catalog.ofUser(System.getenv()).weightsOf(transformer), System.in);
      return texts.stream().flatMap(text -> selector.select(text).stream()).distinct().toList();
    }
  }

  private static void report(
      List<Coordinate> weights, List<HeldWeights.Outcome> outcomes, PrintStream to) {
    to.println();
    for (int i = 0; i < weights.size(); i++) {
      HeldWeights.Outcome one = outcomes.get(i);
      String line =
          String.format(
              Locale.ROOT,
              "%s  %s of %s: %.7g is stored as %.7g",
              weights.get(i),
              one.type(),
              one.element().tensor(),
              one.value(),
              one.stored());
      if (one.stored() == one.value()) {
        line += ", exact";
      } else {
        line += String.format(Locale.ROOT, " (%+.2g %%)", 100 * (one.stored() / one.value() - 1));
      }
      to.println(line);
      if (one.stored() != one.storedUsually() || one.others() != one.othersUsually()) {
        to.println(
            String.format(
                Locale.ROOT,
                "    unheld it would be %.7g; the error of the rest of its block is %.3g, unheld %.3g",
                one.storedUsually(),
                one.others(),
                one.othersUsually()));
      }
    }
  }

  private static InputException usage(String message) {
    return new InputException(InputException.Kind.USAGE, message);
  }
}
