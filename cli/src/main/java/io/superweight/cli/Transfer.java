package io.superweight.cli;

import io.superweight.report.Numerals;

/** How a download goes, in words; its speed is that of the last seconds. */
final class Transfer {
  private static final double WINDOW_SECONDS = 5;

  private double from;
  private long bytesThen;
  private double next;
  private long bytesNext;
  private boolean begun;
  private double now;
  private long bytesNow;

  /**
   * Takes note.
   *
   * @param bytes that are here
   * @param seconds of any clock
   */
  void at(long bytes, double seconds) {
    if (!begun || bytes < bytesNext) { // a file may begin anew
      begun = true;
      from = seconds;
      next = seconds;
      bytesThen = bytes;
      bytesNext = bytes;
    } else if (seconds - next >= WINDOW_SECONDS) {
      from = next;
      bytesThen = bytesNext;
      next = seconds;
      bytesNext = bytes;
    }
    now = seconds;
    bytesNow = bytes;
  }

  /**
   * What to say.
   *
   * @param total bytes of all; 0 where it is not known
   * @return {@code 1.20 GB of 14.9 GB, 85.1 MB/s, 2 min 41 s left}
   */
  String words(long total) {
    long bytes = bytesNow;
    String words = Numerals.bytes(bytes) + (total > 0 ? " of " + Numerals.bytes(total) : "");
    double elapsed = now - from;
    if (elapsed < 0.5 || bytes == bytesThen) {
      return words;
    }
    double speed = (bytes - bytesThen) / elapsed;
    return words
        + ", "
        + Numerals.bytes((long) speed)
        + "/s"
        + (total > bytes ? ", " + Numerals.seconds((total - bytes) / speed) + " left" : "");
  }
}
