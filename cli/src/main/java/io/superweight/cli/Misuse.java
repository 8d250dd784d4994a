package io.superweight.cli;

import java.util.List;
import java.util.Locale;
import picocli.CommandLine;
import picocli.CommandLine.MissingParameterException;
import picocli.CommandLine.OverwrittenOptionException;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.UnmatchedArgumentException;

/** One line for a command line that cannot be understood. */
final class Misuse {
  private Misuse() {}

  static String line(ParameterException e) {
    String command = e.getCommandLine().getCommandSpec().qualifiedName();
    return Failure.oneLine(what(e)) + " (" + command + " --help shows what there is)";
  }

  private static String what(ParameterException e) {
    return switch (e) {
      case UnmatchedArgumentException unmatched -> unmatched(unmatched);
      case MissingParameterException missing -> firstLower(missing.getMessage());
      case OverwrittenOptionException twice -> firstLower(twice.getMessage());
      default -> firstLower(String.valueOf(e.getMessage()));
    };
  }

  private static String unmatched(UnmatchedArgumentException e) {
    String argument = e.getUnmatched().getFirst();
    CommandLine commandLine = e.getCommandLine();
    boolean top = commandLine.getParent() == null;
    if (argument.startsWith("-")) {
      return "unknown option " + argument + suggestion(e.getSuggestions(), argument);
    }
    if (top) {
      return "unknown command " + argument + suggestion(e.getSuggestions(), argument);
    }
    return "one argument too many: " + argument;
  }

  private static String suggestion(List<String> suggestions, String argument) {
    return suggestions.stream()
        .filter(s -> distance(s, argument) <= Math.max(2, argument.length() / 3))
        .findFirst()
        .map(s -> "; did you mean " + s + "?")
        .orElse("");
  }

  /** Levenshtein's. */
  private static int distance(String a, String b) {
    int[] row = new int[b.length() + 1];
    for (int j = 0; j <= b.length(); j++) {
      row[j] = j;
    }
    for (int i = 1; i <= a.length(); i++) {
      int diagonal = row[0];
      row[0] = i;
      for (int j = 1; j <= b.length(); j++) {
        int substituted = diagonal + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
        diagonal = row[j];
        row[j] = Math.min(substituted, 1 + Math.min(row[j], row[j - 1]));
      }
    }
    return row[b.length()];
  }

  private static String firstLower(String text) {
    return text.isEmpty()
        ? text
        : text.substring(0, 1).toLowerCase(Locale.ROOT) + text.substring(1);
  }
}
