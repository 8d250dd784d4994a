package io.superweight.cli;

import io.superweight.InputException;
import io.superweight.checkpoint.Checkpoint;
import io.superweight.compute.DeviceRequest;
import io.superweight.compute.Devices;
import io.superweight.compute.Precision;
import io.superweight.tokenizer.BosPolicy;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** What each command that runs a model asks for. */
final class ModelOptions {
  @Option(
      names = "--bos",
      paramLabel = "POLICY",
      description =
          "Beginning-of-sequence token before a text: auto (as the model's tokenizer does; in evaluations, as their preset says), always, never. Default: auto")
  private BosPolicy bos = BosPolicy.AUTO;

  @Option(
      names = "--threads",
      paramLabel = "N",
      description = "Threads that compute. The result does not depend on it. Default: all cores")
  private int threads;

  @Option(
      names = "--device",
      paramLabel = "DEVICE",
      description =
          "What computes: cuda (an NVIDIA GPU; cuda:1 for the second), onednn, java, or auto, the first of these that runs here; a model under 256 MB stays on the CPU. Default: auto")
  private String device = Devices.AUTO;

  @Option(
      names = "--precision",
      paramLabel = "PRECISION",
      description =
          "f32, or bf16: inputs of products with bfloat16 weights are rounded to bfloat16, as PyTorch does. Default: bf16 for bfloat16 checkpoints, else f32")
  private Precision precision;

  @Option(
      names = "--device-memory",
      paramLabel = "SIZE",
      description =
          "Memory of the GPU that weights may take, such as 12G; a larger model goes through it layer by layer, with the same result. Default: what is free, less room for activations")
  private String deviceMemory;

  @Option(
      names = "--cuda-path",
      paramLabel = "FOLDER",
      description =
          "Where the CUDA libraries cuBLASLt and NVRTC are. Default: $CUDA_PATH, Python's nvidia packages, the toolkit, the system's folders")
  private Path cudaPath;

  @Option(
      names = "--activation-memory",
      paramLabel = "SIZE",
      description =
          "Memory for activations that grow with the text, such as 512M or 4G; what is more goes to a temporary file. The result does not depend on it. Default: 1G")
  private String activationMemory = "1G";

  @Mixin private ScreenOptions screen;

  BosPolicy bos() {
    return bos;
  }

  /** {@link Devices#AUTO} or the name of a device. */
  String device() {
    return device;
  }

  /** What the user asked for, else what suits the checkpoint. */
  Precision precision(Checkpoint checkpoint) {
    return precision != null ? precision : Precision.of(checkpoint.mainType());
  }

  /** What the device is asked for with, to run a checkpoint. */
  DeviceRequest request(Checkpoint checkpoint) {
    return new DeviceRequest(
        threads(),
        precision(checkpoint),
        "",
        checkpoint.tensorBytes(),
        deviceMemory == null
            ? OptionalLong.empty()
            : OptionalLong.of(bytes("--device-memory", deviceMemory)),
        Optional.ofNullable(cudaPath));
  }

  /**
   * Bytes of memory for activations.
   *
   * @throws InputException of kind USAGE for what is no size
   */
  long activationMemory() {
    return bytes("--activation-memory", activationMemory);
  }

  private static long bytes(String option, String text) {
    Matcher size = Pattern.compile("(\\d{1,9})([KMG]?)", Pattern.CASE_INSENSITIVE).matcher(text);
    if (!size.matches()) {
      throw new InputException(
          InputException.Kind.USAGE,
          option + " takes a size such as 512M or 4G, not \"" + text + "\"");
    }
    int power =
        switch (size.group(2).toUpperCase(Locale.ROOT)) {
          case "K" -> 10;
          case "M" -> 20;
          case "G" -> 30;
          default -> 0;
        };
    return Long.parseLong(size.group(1)) << power;
  }

  int threads() {
    return Threads.of(threads);
  }

  Terminal terminal(SuperweightCommand parent) {
    return screen.terminal(parent);
  }

  Progress progress(Terminal terminal, boolean quiet) {
    return quiet ? Progress.on(terminal, Progress.Kind.NONE) : screen.progress(terminal);
  }
}
