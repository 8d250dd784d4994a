package io.superweight.hub;

import java.nio.charset.StandardCharsets;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.regex.Pattern;

/** What may be a name in a cache that a server's answers are written to. */
final class Names {
  private static final Pattern COMMIT = Pattern.compile("[0-9a-f]{40}");
  private static final Pattern ETAG = Pattern.compile("[0-9A-Za-z][0-9A-Za-z._-]{0,199}");

  private Names() {}

  static boolean isCommit(String text) {
    return COMMIT.matcher(text).matches();
  }

  /** Whether that can name a blob. The hub's are hexadecimal, a mirror's may be what they like. */
  static boolean isEtag(String text) {
    return ETAG.matcher(text).matches();
  }

  /** Whether that names a file below a folder, by the same path on every system. */
  static boolean isFile(String name) {
    if (name.isEmpty()
        || name.startsWith("/")
        || name.endsWith("/")
        || name.contains("\\")
        || name.contains(":")
        || name.chars().anyMatch(Character::isISOControl)) {
      return false;
    }
    for (String part : name.split("/", -1)) {
      if (part.isEmpty() || part.equals(".") || part.equals("..")) {
        return false;
      }
    }
    try {
      return !Path.of(name).isAbsolute();
    } catch (InvalidPathException e) {
      return false;
    }
  }

  /** One segment of an address: {@code refs/pr/1} becomes {@code refs%2Fpr%2F1}. */
  static String segment(String text) {
    StringBuilder encoded = new StringBuilder();
    for (byte b : text.getBytes(StandardCharsets.UTF_8)) {
      char c = (char) (b & 0xFF);
      if (c < 128 && (Character.isLetterOrDigit(c) || "-._~".indexOf(c) >= 0)) {
        encoded.append(c);
      } else {
        encoded.append("%%%02X".formatted((int) c));
      }
    }
    return encoded.toString();
  }

  /** The same for a path: slashes stay. */
  static String path(String text) {
    return segment(text).replace("%2F", "/");
  }

  /** At most 160 characters of one line, for messages. */
  static String oneLine(String text) {
    String line = text.replaceAll("\\p{Cntrl}+", " ").strip();
    return line.length() > 160 ? line.substring(0, 160) + "…" : line;
  }

  /** {@code 1.23 GB}, decimal, as disks and the hub's pages count. */
  static String size(long bytes) {
    String[] units = {"B", "kB", "MB", "GB", "TB"};
    double value = bytes;
    int unit = 0;
    while (value >= 999.5 && unit < units.length - 1) {
      value /= 1000;
      unit++;
    }
    String pattern =
        unit == 0 || value >= 99.95 ? "%.0f %s" : value >= 9.995 ? "%.1f %s" : "%.2f %s";
    return String.format(java.util.Locale.ROOT, pattern, value, units[unit]);
  }
}
