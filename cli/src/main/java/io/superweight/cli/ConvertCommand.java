package io.superweight.cli;

import io.superweight.InputException;
import io.superweight.checkpoint.Checkpoint;
import io.superweight.convert.Export;
import io.superweight.convert.FolderContent;
import io.superweight.convert.GgufContent;
import io.superweight.convert.GgufExport;
import io.superweight.convert.HeldWeights;
import io.superweight.convert.SafetensorsExport;
import io.superweight.convert.TypeChoice;
import io.superweight.tensor.DType;
import io.superweight.tokenizer.TokenizerFiles;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

/** {@code superweight convert}. */
@Command(
    name = "convert",
    sortOptions = false,
    header = ConvertCommand.HEADER,
    description = {
      "",
      "Writes safetensors as one GGUF file with the tokenizer, as llama.cpp's converter does: matrices keep their "
          + "type, norms and biases become float32. Writes a GGUF file as a folder that transformers loads, tokenizer "
          + "included: quantized blocks are decoded. Nothing is quantized.",
      "",
      "The file appears whole or not at all. What was interrupted, however it was, goes on with the same command.",
      "",
      "  superweight convert ./model --out model.gguf",
      "  superweight convert model.gguf --out ./model --dtype BF16"
    },
    parameterListHeading = "%n",
    optionListHeading = "%nOptions:%n")
final class ConvertCommand implements Runnable {
  /** The line of it in the list of commands. */
  static final String HEADER =
      "Write a safetensors model as GGUF or the other way, tokenizer included.";

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
      names = "--format",
      paramLabel = "FORMAT",
      description =
          "gguf, or safetensors: a folder in Hugging Face's layout. Default: the one that the model is not in")
  private String format;

  @Option(
      names = "--dtype",
      paramLabel = "TYPE",
      description =
          "Of a folder's tensors: F32, F16 or BF16. Default: as they are stored, F16 for quantized ones")
  private String dtype;

  @Override
  public void run() {
    Terminal terminal = write.terminal(parent);
    if (format != null
        && !List.of("gguf", "safetensors").contains(format.toLowerCase(Locale.ROOT))) {
      throw usage("--format takes gguf or safetensors, not \"" + format + "\"");
    }
    DType plain = dtype == null ? null : TypeChoice.parseType(dtype);
    if (plain != null && plain.quantized()) {
      throw usage("--dtype takes F32, F16 or BF16, not " + plain + "; quantize writes fewer bits");
    }
    write.check();
    try (Progress progress = write.progress(terminal);
        Checkpoint checkpoint = OpenModel.checkpoint(model, progress)) {
      boolean folder =
          format == null
              ? checkpoint.format() == Checkpoint.Format.GGUF
              : format.equalsIgnoreCase("safetensors");
      if (plain != null && !folder) {
        throw usage("--dtype is for folders; quantize --type " + plain + " writes a GGUF file so");
      }
      Optional<TokenizerFiles> small = OpenModel.tokenizerFiles(model, checkpoint);
      TypeChoice types = new TypeChoice(null, List.of(), Set.of(), null);
      Export export =
          folder
              ? SafetensorsExport.plain(
                  FolderContent.of(checkpoint, small), types, plain, List.of())
              : new GgufExport(
                  GgufContent.of(checkpoint, small), types, checkpoint.digest(), HeldWeights.NONE);
      write.write(export, terminal, progress);
    }
  }

  private static InputException usage(String message) {
    return new InputException(InputException.Kind.USAGE, message);
  }
}
