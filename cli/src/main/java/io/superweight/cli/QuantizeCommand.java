package io.superweight.cli;

import io.superweight.checkpoint.Checkpoint;
import io.superweight.convert.GgufContent;
import io.superweight.convert.GgufExport;
import io.superweight.convert.HeldWeights;
import io.superweight.convert.TypeChoice;
import io.superweight.tensor.DType;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
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
      "Writes a GGUF file that llama.cpp loads. All matrices take one type; the output head, or the embedding that "
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
      required = true,
      paramLabel = "TYPE",
      description = "Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, Q5_K, Q6_K, F16 or BF16")
  private String type;

  @Option(
      names = "--tensor-type",
      paramLabel = "REGEX=TYPE",
      description =
          "Another type for the tensors whose name in the file has a match. Repeatable; the first that fits decides")
  private List<String> tensorTypes = new ArrayList<>();

  @Override
  public void run() {
    Terminal terminal = write.terminal(parent);
    DType base = TypeChoice.parseType(type);
    List<TypeChoice.NamePattern> patterns =
        tensorTypes.stream().map(TypeChoice.NamePattern::parse).toList();
    try (Progress progress = write.progress(terminal);
        Checkpoint checkpoint = OpenModel.checkpoint(model, progress)) {
      GgufContent content = GgufContent.of(checkpoint, OpenModel.tokenizerFiles(model, checkpoint));
      TypeChoice types = new TypeChoice(base, patterns, Set.of(), base);
      GgufExport export = new GgufExport(content, types, checkpoint.digest(), HeldWeights.NONE);
      write.write(export, terminal, progress);
    }
  }
}
