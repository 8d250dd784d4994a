package io.superweight.cli;

import java.io.OutputStream;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.Stack;
import java.util.function.Consumer;
import picocli.CommandLine.IParameterPreprocessor;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;

/** {@code --json}, {@code --json=FILE}: everything as a document. */
final class JsonOption {
  private static final String STANDARD_OUTPUT = "-";

  @Option(
      names = "--json",
      arity = "0..1",
      paramLabel = "FILE",
      fallbackValue = STANDARD_OUTPUT,
      preprocessor = FileOrModel.class,
      description =
          "Write everything as JSON (docs/json.md): to standard output, or --json=FILE to a file")
  private String where;

  /** Whether the document takes the place of the table on standard output. */
  boolean toStandardOutput() {
    return STANDARD_OUTPUT.equals(where);
  }

  /** The file to write, checked before the work is done; empty for none. */
  Optional<OutputFile> file() {
    return where == null || toStandardOutput()
        ? Optional.empty()
        : Optional.of(OutputFile.at(Path.of(where), "--json"));
  }

  /** Writes the document, or has the table printed where it does not go to standard output. */
  void write(
      Terminal terminal,
      Optional<OutputFile> file,
      Consumer<OutputStream> document,
      Runnable table) {
    file.ifPresent(f -> f.write(document::accept));
    if (toStandardOutput()) {
      document.accept(terminal.out());
    } else {
      table.run();
    }
  }

  /**
   * Tells the FILE of {@code --json FILE} from the MODEL of {@code --json MODEL}: what is not
   * written with an equals sign is a file only where its name ends in .json.
   */
  static final class FileOrModel implements IParameterPreprocessor {
    @Override
    @SuppressWarnings("JdkObsolete") // picocli's own signature
    public boolean preprocess(
        Stack<String> arguments, CommandSpec command, ArgSpec option, Map<String, Object> info) {
      boolean attached = !" ".equals(info.get("separator"));
      if (!attached) {
        String next = arguments.isEmpty() ? "" : arguments.peek();
        if (!next.equals(STANDARD_OUTPUT) && !next.endsWith(".json")) {
          arguments.push(STANDARD_OUTPUT);
        }
      }
      return false; // picocli goes on as usual
    }
  }
}
