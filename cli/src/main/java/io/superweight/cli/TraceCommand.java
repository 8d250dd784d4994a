package io.superweight.cli;

import io.superweight.InputException;
import io.superweight.edit.EditedModel;
import io.superweight.model.Trace;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

/** {@code superweight trace}. */
@Command(
    name = "trace",
    sortOptions = false,
    header = TraceCommand.HEADER,
    description = {
      "",
      "Sites are",
      "  embed, final_norm, logits",
      "  layers.N.resid.pre, layers.N.attn.out, layers.N.mlp.out, layers.N.resid.post",
      "  layers.N.attn.query, layers.N.attn.key (after norm and rotary embedding)",
      "  layers.N.mlp.down.in, layers.N.mlp.down.out (the down projection)",
      "  layers.N.mlp.experts.E.down.in, layers.N.mlp.experts.E.down.out",
      "",
      "  superweight trace model.gguf --site 'layers.*.mlp.down.out' --out down.safetensors",
      "  superweight trace --ids 1,35,431 --site logits --top 3",
      "  superweight trace --zero 'layers.1.mlp.down[161,288]' --site layers.1.mlp.down.out"
    },
    parameterListHeading = "%n",
    optionListHeading = "%nOptions:%n")
final class TraceCommand implements Runnable {
  /** The line of it in the list of commands. */
  static final String HEADER =
      "Record activations of a local model: whole, as safetensors, or the largest, as JSON Lines.";

  @ParentCommand private SuperweightCommand parent;

  @Parameters(
      index = "0",
      arity = "0..1",
      paramLabel = "MODEL",
      description = "As of find. Without it: the small model that comes with Superweight.")
  private String model;

  @Option(
      names = "--site",
      paramLabel = "GLOB",
      description =
          "Sites to record, repeatable: layers.*.mlp.down.out, logits. Default: layers.*.resid.post")
  private List<String> sites = new ArrayList<>();

  @Option(
      names = "--ids",
      hideParamSyntax = true,
      paramLabel = "1,2,3",
      split = ",",
      description = "Token ids in place of --prompt, taken as they are")
  private List<Integer> ids = new ArrayList<>();

  @Option(
      names = "--out",
      paramLabel = "FILE",
      description = "Write the sites whole: float32 safetensors, one tensor a site")
  private Path out;

  @Option(
      names = "--top",
      paramLabel = "K",
      description =
          "Without --out: how many of the largest values of each site to print. Default: 5")
  private int top = 5;

  @Mixin private ModelOptions options;

  @Mixin private PromptOption prompt;

  @Mixin private EditOptions edits;

  @Override
  public void run() {
    Terminal terminal = options.terminal(parent);
    FindCommand.positive("--top", top);
    if (!ids.isEmpty() && prompt.given()) {
      throw new InputException(
          InputException.Kind.USAGE, "--ids and --prompt exclude each other: give one of them");
    }
    prompt.prompts(); // an empty one is told before the model is opened
    if (out != null) {
      OutputFile.at(out, "--out");
    }
    try (Progress progress = options.progress(terminal, false);
        OpenModel open = OpenModel.open(model, options, progress)) {
      EditedModel edited = edits.one(open);
      progress.stage("tracing");
      List<int[]> sequences =
          ids.isEmpty()
              ? prompt.encoded(open.tokenizer(), options.bos()).stream()
                  .map(p -> p.idArray())
                  .toList()
              : List.of(ids.stream().mapToInt(Integer::intValue).toArray());
      Trace trace =
          Trace.record(
              open.transformer(),
              edited.variant(),
              sequences,
              sites.isEmpty() ? List.of("layers.*.resid.post") : sites);
      if (out == null) {
        trace.writeJsonLines(terminal.out(), top);
      } else {
        Map<String, String> metadata = new LinkedHashMap<>();
        metadata.put("schema", "superweight.trace/1");
        metadata.put("model", open.checkpoint().source());
        metadata.put("digest", open.checkpoint().digest());
        metadata.put("edits", edited.key());
        metadata.put("device", open.device().description());
        metadata.put(
            "bos",
            ids.isEmpty() ? options.bos().name().toLowerCase(java.util.Locale.ROOT) : "ids given");
        trace.writeSafetensors(out, metadata);
      }
    }
  }
}
