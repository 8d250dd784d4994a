package io.superweight.bench;

import io.superweight.InputException;
import io.superweight.tensor.DType;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/** The command {@code etc/generate-checkpoint SHAPE OUT [--seed N] [--dtype T | --gguf T]}. */
public final class GenerateCheckpoint {
  private static final String USAGE =
      "use: etc/generate-checkpoint tiny|small|1b|7b|13b OUT [--seed N]"
          + " [--dtype bf16|f16|f32 | --gguf BF16|F16|F32|Q8_0|Q4_0]";

  private GenerateCheckpoint() {}

  /** Ends with the exit code of {@link InputException.Kind} where it cannot. */
  public static void main(String[] arguments) {
    try {
      run(List.of(arguments));
    } catch (InputException e) {
      System.err.println("generate-checkpoint: " + e.getMessage());
      System.exit(e.kind().exitCode());
    }
  }

  private static void run(List<String> arguments) {
    if (arguments.size() < 2 || arguments.size() % 2 != 0) {
      throw misuse("");
    }
    LlamaShape shape =
        Arrays.stream(LlamaShape.values())
            .filter(s -> s.id().equals(arguments.get(0)))
            .findFirst()
            .orElseThrow(() -> misuse("no shape \"" + arguments.get(0) + "\"; "));
    Path out = Path.of(arguments.get(1));
    long seed = 1;
    DType dtype = DType.BF16;
    boolean gguf = false;
    for (int i = 2; i < arguments.size(); i += 2) {
      String value = arguments.get(i + 1);
      switch (arguments.get(i)) {
        case "--seed" -> seed = seed(value);
        case "--dtype" -> dtype = dtype(value, false);
        case "--gguf" -> {
          dtype = dtype(value, true);
          gguf = true;
        }
        default -> throw misuse("no option \"" + arguments.get(i) + "\"; ");
      }
    }
    long start = System.nanoTime();
    Planted planted =
        gguf
            ? CheckpointGenerator.generateGguf(shape, out, seed, dtype)
            : CheckpointGenerator.generate(shape, out, seed, dtype);
    double seconds = (System.nanoTime() - start) / 1e9;
    double bytes = dtype.bytes(shape.parameters());
    System.out.printf(
        Locale.ROOT,
        "%s: %.2f GB of %s in %.1f s (%.2f GB/s), planted%n",
        out,
        bytes / 1e9,
        dtype,
        seconds,
        bytes / seconds / 1e9);
    planted.weights().forEach(weight -> System.out.println(weight.coordinate()));
  }

  private static long seed(String value) {
    try {
      return Long.parseLong(value);
    } catch (NumberFormatException e) {
      throw misuse("\"" + value + "\" is no seed; ");
    }
  }

  private static DType dtype(String value, boolean gguf) {
    return Arrays.stream(DType.values())
        .filter(type ->
            (gguf ? CheckpointGenerator.OF_GGUF : CheckpointGenerator.OF_SAFETENSORS)
                .contains(type))
        .filter(type -> type.name().equalsIgnoreCase(value))
        .findFirst()
        .orElseThrow(() -> misuse("no type \"" + value + "\" is written; "));
  }

  private static InputException misuse(String trouble) {
    return new InputException(InputException.Kind.USAGE, trouble + USAGE);
  }
}
