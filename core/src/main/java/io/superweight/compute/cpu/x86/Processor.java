package io.superweight.compute.cpu.x86;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Set;

/**
 * What the processor can do, as Linux tells it: it leaves out instructions whose registers it does
 * not save.
 */
record Processor(Set<String> flags) {
  private static final Path CPU_INFO = Path.of("/proc/cpuinfo");

  /** The first processor's lines are no longer, and all processors' are the same. */
  private static final int FIRST = 1 << 13;

  /** That of this machine; one that can do nothing where it is no x86-64 under Linux. */
  static Processor ofThisMachine() {
    String architecture = System.getProperty("os.arch").toLowerCase(Locale.ROOT);
    if (!System.getProperty("os.name").equals("Linux")
        || !architecture.equals("amd64") && !architecture.equals("x86_64")) {
      return new Processor(Set.of());
    }
    try (InputStream in = Files.newInputStream(CPU_INFO)) {
      return of(new String(in.readNBytes(FIRST), StandardCharsets.US_ASCII));
    } catch (IOException unknown) {
      return new Processor(Set.of());
    }
  }

  /** From the text of {@code /proc/cpuinfo}. */
  static Processor of(String text) {
    return text.lines()
        .filter(line -> line.startsWith("flags") && line.indexOf(':') > 0)
        .findFirst()
        .map(line -> line.substring(line.indexOf(':') + 1).strip().split(" "))
        .map(words -> new Processor(Set.copyOf(java.util.Arrays.asList(words))))
        .orElse(new Processor(Set.of()));
  }

  /** Vectors of 512 bits with the operations on 8 and 16 bits. */
  boolean wide() {
    return flags.containsAll(Set.of("avx512f", "avx512bw", "avx512vl", "avx512dq"));
  }

  /** Dot products of bfloat16 in such vectors. */
  boolean multipliesBfloat16() {
    return wide() && flags.contains("avx512_bf16");
  }
}
