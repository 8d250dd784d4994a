package io.superweight.find;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * Memory of this process that is resident, in bytes. What is file-backed is a view of the
 * checkpoint, which the system gives up when it needs room; what is anonymous (heap, activations,
 * compiled code) is private and stays.
 *
 * @param anonymous resident memory that no file backs
 * @param fileBacked resident pages of mapped files
 * @param peakResident the most that both together have been since the process began
 */
public record ProcessMemory(long anonymous, long fileBacked, long peakResident) {
  private static final Path STATUS = Path.of("/proc/self/status");

  /** Now; empty where the system does not say (it does on Linux). */
  public static Optional<ProcessMemory> now() {
    try {
      return parse(Files.readAllLines(STATUS));
    } catch (IOException e) {
      return Optional.empty();
    }
  }

  /** From the lines of {@code /proc/self/status}, as proc(5) describes them. */
  static Optional<ProcessMemory> parse(List<String> status) {
    long anonymous = kilobytes(status, "RssAnon:");
    long file = kilobytes(status, "RssFile:");
    long shared = kilobytes(status, "RssShmem:");
    long peak = kilobytes(status, "VmHWM:");
    return anonymous < 0 || file < 0 || peak < 0
        ? Optional.empty()
        : Optional.of(
            // Shared memory has no file to go back to.
            new ProcessMemory(1024 * (anonymous + Math.max(0, shared)), 1024 * file, 1024 * peak));
  }

  private static long kilobytes(List<String> status, String field) {
    for (String line : status) {
      if (line.startsWith(field)) {
        String[] words = line.substring(field.length()).trim().split("\\s+");
        return words.length == 2 && words[1].equals("kB") && words[0].matches("\\d{1,15}")
            ? Long.parseLong(words[0])
            : -1;
      }
    }
    return -1;
  }
}
