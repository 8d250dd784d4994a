package io.superweight.bench;

import io.superweight.InputException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** The command {@code etc/generate-checkpoint SHAPE OUT [--seed N]}. */
public final class GenerateCheckpoint {
  private static final String USAGE =
      "use: etc/generate-checkpoint tiny|small|1b|7b|13b OUT [--seed N]";

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
    boolean seeded = arguments.size() == 4 && arguments.get(2).equals("--seed");
    if (arguments.size() != 2 && !seeded) {
      throw new InputException(InputException.Kind.USAGE, USAGE);
    }
    Optional<LlamaShape> named =
        Arrays.stream(LlamaShape.values()).filter(s -> s.id().equals(arguments.get(0))).findFirst();
    LlamaShape shape =
        named.orElseThrow(() ->
            new InputException(
                InputException.Kind.USAGE, "no shape \"" + arguments.get(0) + "\"; " + USAGE));
    long seed;
    try {
      seed = seeded ? Long.parseLong(arguments.get(3)) : 1;
    } catch (NumberFormatException e) {
      throw new InputException(
          InputException.Kind.USAGE, "\"" + arguments.get(3) + "\" is no seed; " + USAGE, e);
    }
    Path out = Path.of(arguments.get(1));
    long start = System.nanoTime();
    Planted planted =
        CheckpointGenerator.generate(shape, out, seed, CheckpointGenerator.SHARD_BYTES);
    double seconds = (System.nanoTime() - start) / 1e9;
    System.out.printf(
        Locale.ROOT,
        "%s: %.2f GB in %.1f s (%.2f GB/s), planted%n",
        out,
        shape.bytes() / 1e9,
        seconds,
        shape.bytes() / seconds / 1e9);
    planted.weights().forEach(weight -> System.out.println(weight.coordinate()));
  }
}
