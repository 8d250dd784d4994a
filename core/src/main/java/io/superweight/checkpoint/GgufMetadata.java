package io.superweight.checkpoint;

import io.superweight.InputException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * The key-value pairs of a GGUF file: {@code general.architecture}, {@code tokenizer.ggml.tokens},
 * …. Arrays stay in the file until they are asked for, so the values are valid as long as the
 * checkpoint is open. A value of another type than the one asked for is a MALFORMED error that
 * names the key.
 */
public final class GgufMetadata {
  /** Real vocabularies have up to 256 thousand entries, merge lists up to half a million. */
  private static final int MAX_ARRAY = 1 << 22;

  /** The types of the format, in the order of their numbers. */
  enum Type {
    UINT8(1),
    INT8(1),
    UINT16(2),
    INT16(2),
    UINT32(4),
    INT32(4),
    FLOAT32(4),
    BOOL(1),
    STRING(8),
    ARRAY(12),
    UINT64(8),
    INT64(8),
    FLOAT64(8);

    /** The fewest bytes that a value takes. */
    final int minBytes;

    Type(int minBytes) {
      this.minBytes = minBytes;
    }
  }

  /** An array where it lies: {@code count} values of {@code type} behind one another. */
  record Array(Type type, long count, MemorySegment bytes) {}

  private final String source;
  private final Map<String, Object> values;
  private final Map<String, MemorySegment> encoded;

  /**
   * @param values strings, booleans, longs (unsigned 64-bit ones that are too large are negative),
   *     doubles, {@link Array}s
   * @param encoded the same as the file has them: the number of the type, then the value
   */
  GgufMetadata(String source, Map<String, Object> values, Map<String, MemorySegment> encoded) {
    this.source = source;
    this.encoded = encoded;
    this.values = Collections.unmodifiableMap(values);
  }

  /** The keys, in the order of the file. */
  public Set<String> keys() {
    return values.keySet();
  }

  /**
   * A value as the file has it, for {@link GgufLayout}: the number of its type, then its bytes.
   *
   * @throws IllegalArgumentException where the key is absent
   */
  public MemorySegment encoded(String key) {
    MemorySegment value = encoded.get(key);
    if (value == null) {
      throw new IllegalArgumentException(key);
    }
    return value;
  }

  public boolean has(String key) {
    return values.containsKey(key);
  }

  /** A string; empty where the key is absent. */
  public Optional<String> text(String key) {
    Object value = values.get(key);
    if (value == null) {
      return Optional.empty();
    }
    if (value instanceof String text) {
      return Optional.of(text);
    }
    throw malformed(key, "a string");
  }

  public String text(String key, String fallback) {
    return text(key).orElse(fallback);
  }

  public boolean flag(String key, boolean fallback) {
    Object value = values.get(key);
    if (value == null) {
      return fallback;
    }
    if (value instanceof Boolean flag) {
      return flag;
    }
    throw malformed(key, "a boolean");
  }

  /** A whole number from 0 to 2^31 − 1; token ids and counts are such. */
  public int count(String key, int fallback) {
    Object value = values.get(key);
    if (value == null) {
      return fallback;
    }
    if (value instanceof Long number && number >= 0 && number <= Integer.MAX_VALUE) {
      return number.intValue();
    }
    throw malformed(key, "a whole number from 0 to 2^31 - 1");
  }

  /**
   * A number of any type. A float32 becomes the double of its shortest decimal form: 1e-5, not
   * 9.99999974737875e-6.
   */
  public double number(String key, double fallback) {
    Object value = values.get(key);
    if (value == null) {
      return fallback;
    }
    if (value instanceof Number number && Double.isFinite(number.doubleValue())) {
      return number.doubleValue();
    }
    throw malformed(key, "a finite number");
  }

  /** An array of strings; empty where the key is absent. Invalid UTF-8 becomes U+FFFD. */
  public List<String> texts(String key) {
    Array array = array(key);
    if (array == null || array.count() == 0) {
      return List.of();
    }
    if (array.type() != Type.STRING) {
      throw malformed(key, "an array of strings");
    }
    List<String> texts = new ArrayList<>();
    GgufCursor cursor = new GgufCursor(source, array.bytes());
    for (long i = 0; i < array.count(); i++) {
      texts.add(cursor.string());
    }
    return texts;
  }

  /** An array of integers of any width; empty where the key is absent. Booleans are 0 and 1. */
  public int[] integers(String key) {
    Array array = array(key);
    if (array == null) {
      return new int[0];
    }
    GgufCursor cursor = new GgufCursor(source, array.bytes());
    int[] integers = new int[(int) array.count()];
    for (int i = 0; i < integers.length; i++) {
      long value =
          switch (cursor.scalar(array.type())) {
            case Long number -> number;
            case Boolean flag -> flag ? 1L : 0L;
            case null, default -> throw malformed(key, "an array of integers");
          };
      if (value != (int) value) {
        throw malformed(key, "an array of 32-bit integers");
      }
      integers[i] = (int) value;
    }
    return integers;
  }

  /** An array of numbers of any type; empty where the key is absent. */
  public float[] numbers(String key) {
    Array array = array(key);
    if (array == null) {
      return new float[0];
    }
    float[] numbers = new float[(int) array.count()];
    if (array.type() == Type.FLOAT32) {
      MemorySegment.copy(
          array.bytes(),
          GgufCursor.FLOAT.withOrder(ByteOrder.LITTLE_ENDIAN),
          0,
          numbers,
          0,
          numbers.length);
      return numbers;
    }
    GgufCursor cursor = new GgufCursor(source, array.bytes());
    for (int i = 0; i < numbers.length; i++) {
      if (!(cursor.scalar(array.type()) instanceof Number number)) {
        throw malformed(key, "an array of numbers");
      }
      numbers[i] = number.floatValue();
    }
    return numbers;
  }

  /** Elements of an array, whatever their type; 0 where the key is absent. */
  public int length(String key) {
    Array array = array(key);
    return array == null ? 0 : (int) array.count();
  }

  /** Whether the value is an array. */
  boolean isArray(String key) {
    return values.get(key) instanceof Array;
  }

  private Array array(String key) {
    Object value = values.get(key);
    if (value == null) {
      return null;
    }
    if (!(value instanceof Array array)) {
      throw malformed(key, "an array");
    }
    if (array.count() > MAX_ARRAY) {
      throw malformed(key, "an array of at most " + MAX_ARRAY + " elements");
    }
    return array;
  }

  private InputException malformed(String key, String wanted) {
    Object value = values.get(key);
    String found =
        value instanceof Array array
            ? "an array of " + array.count() + " × " + array.type()
            : String.valueOf(value);
    return new InputException(
        InputException.Kind.MALFORMED,
        source
            + ": the metadata key \""
            + key
            + "\" must be "
            + wanted
            + ", not "
            + Json.shorten(found)
            + "; convert the model again");
  }

  /** A string of the file, which is UTF-8. */
  static String decode(byte[] bytes) {
    return new String(bytes, StandardCharsets.UTF_8);
  }
}
