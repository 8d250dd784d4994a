package io.superweight.cli;

import io.superweight.checkpoint.Checkpoint;
import io.superweight.convert.GgufContent;
import io.superweight.convert.GgufExport;
import io.superweight.convert.HeldWeights;
import io.superweight.convert.TypeChoice;
import java.util.List;
import java.util.Set;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

/** {@code superweight convert}. */
@Command(
    name = "convert",
    sortOptions = false,
    header = ConvertCommand.HEADER,
    description = {
      "",
      "Writes safetensors as one GGUF file with the tokenizer, as llama.cpp's converter does. Nothing is quantized: "
          + "matrices keep their type, norms and biases become float32.",
      "",
      "The file appears whole or not at all. What was interrupted, however it was, goes on with the same command.",
      "",
      "  superweight convert ./model --out model.gguf"
    },
    parameterListHeading = "%n",
    optionListHeading = "%nOptions:%n")
final class ConvertCommand implements Runnable {
  /** The line of it in the list of commands. */
  static final String HEADER = "Write a safetensors model as GGUF, tokenizer included.";

  @ParentCommand private SuperweightCommand parent;

  @Parameters(
      index = "0",
      arity = "0..1",
      paramLabel = "MODEL",
      description =
          "The model, as of find. Without it: the small model that comes with Superweight.")
  private String model;

  @Mixin private WriteOptions write;

  @Override
  public void run() {
    Terminal terminal = write.terminal(parent);
    try (Progress progress = write.progress(terminal);
        Checkpoint checkpoint = OpenModel.checkpoint(model, progress)) {
      GgufContent content = GgufContent.of(checkpoint, OpenModel.tokenizerFiles(model, checkpoint));
      TypeChoice types = new TypeChoice(null, List.of(), Set.of(), null);
      write.write(
          new GgufExport(content, types, checkpoint.digest(), HeldWeights.NONE),
          terminal,
          progress);
    }
  }
}
