package io.superweight.measure;

import java.util.Optional;

/**
 * What the machine itself can do.
 *
 * @param value in {@link Kind#unit()}; empty where it cannot be measured here
 * @param how how it was measured, or why it was not
 */
public record Ceiling(Kind kind, Optional<Spread> value, String how) {

  /** What is measured, in the order of the report. */
  public enum Kind {
    MEMORY_ANONYMOUS("memory read, anonymous", "GB/s"),
    MEMORY_MAPPED("memory read, mapped file", "GB/s"),
    FMA_F32("f32 multiply-add", "GFLOP/s"),
    DOT_BF16("bf16 dot product", "GFLOP/s"),
    DISK_COLD("disk, cold", "GB/s");

    private final String text;
    private final String unit;

    Kind(String text, String unit) {
      this.text = text;
      this.unit = unit;
    }

    /** For people. */
    public String text() {
      return text;
    }

    /** GB/s are 10⁹ bytes, GFLOP/s 10⁹ operations a second; a multiply-add is two. */
    public String unit() {
      return unit;
    }
  }

  static Ceiling measured(Kind kind, Spread value, String how) {
    return new Ceiling(kind, Optional.of(value), how);
  }

  static Ceiling missing(Kind kind, String why) {
    return new Ceiling(kind, Optional.empty(), why);
  }
}
