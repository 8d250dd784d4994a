package io.superweight.checkpoint;

import io.superweight.InputException;
import io.superweight.tensor.DType;
import io.superweight.tensor.Shape;
import io.superweight.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;

/**
 * The header of a safetensors file: an 8-byte little-endian length, that many bytes of JSON, and
 * the tensors behind one another. The checks are those of the reference implementation: offsets
 * ascend without overlap, holes or leftovers, and match type and shape.
 *
 * @param tensors float tensors by name, in the order of the header
 * @param others tensors of other types by name: masks, integer buffers, packed weights
 * @param metadata the strings under {@code __metadata__}
 */
record SafetensorsHeader(
    Map<String, Tensor> tensors, Map<String, RawTensor> others, Map<String, String> metadata) {

  /** The bound of the reference implementation. */
  static final long MAX_HEADER_BYTES = 100_000_000;

  private static final int MAX_RANK = 16;

  static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private record Entry(String name, String type, List<Long> shape, long begin, long end) {}

  /**
   * Reads the header of a file that lies in memory. Nothing is allocated by a count that the file
   * merely claims.
   *
   * @throws InputException of kind MALFORMED
   */
  static SafetensorsHeader read(String source, MemorySegment file) {
    long fileBytes = file.byteSize();
    if (fileBytes < 8) {
      throw malformed(
          source, fileBytes == 0 ? "the file is empty" : "the file ends within its first 8 bytes");
    }
    Magic.refuseOtherFiles(source, file, "safetensors");
    long headerBytes = file.get(LONG, 0);
    if (headerBytes < 2 || headerBytes > MAX_HEADER_BYTES || headerBytes > fileBytes - 8) {
      throw malformed(
          source,
          "its header claims "
              + Long.toUnsignedString(headerBytes)
              + " bytes, but the file has "
              + fileBytes
              + (headerBytes > 0 && headerBytes <= MAX_HEADER_BYTES
                  ? ": it is truncated"
                  : ": it is not a safetensors file or is damaged"));
    }
    byte[] json = file.asSlice(8, headerBytes).toArray(ValueLayout.JAVA_BYTE);
    if (json[0] != '{') {
      throw malformed(source, "its header does not start with \"{\"");
    }
    Map<String, String> metadata = new LinkedHashMap<>();
    List<Entry> entries =
        Json.read(
            source + " (header)", json, json.length, parser -> entries(source, parser, metadata));
    return bind(source, file.asSlice(8 + headerBytes), entries, metadata);
  }

  private static SafetensorsHeader bind(
      String source, MemorySegment data, List<Entry> entries, Map<String, String> metadata) {
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    Map<String, RawTensor> others = new LinkedHashMap<>();
    for (Entry entry : entries) {
      if (entry.begin < 0 || entry.end < entry.begin) {
        throw malformed(source, offsets(entry) + " are no range");
      }
      if (entry.end > data.byteSize()) {
        throw malformed(
            source,
            offsets(entry)
                + " reach beyond the "
                + data.byteSize()
                + " bytes of data: the file is truncated");
      }
      long bytes = bytes(source, entry);
      if (bytes != entry.end - entry.begin) {
        throw malformed(
            source,
            offsets(entry)
                + " hold "
                + (entry.end - entry.begin)
                + " bytes, but type and shape ask for "
                + bytes);
      }
      DType dtype = dtype(entry.type);
      if (dtype == null) {
        others.put(
            entry.name,
            new RawTensor(
                entry.name, entry.type, new Shape(entry.shape), data.asSlice(entry.begin, bytes)));
      } else {
        tensors.put(
            entry.name,
            new Tensor(
                entry.name, dtype, new Shape(entry.shape), data.asSlice(entry.begin, bytes)));
      }
    }
    long covered = 0;
    List<Entry> ascending = new ArrayList<>(entries);
    ascending.sort(Comparator.comparingLong(Entry::begin).thenComparingLong(Entry::end));
    for (Entry entry : ascending) {
      if (entry.begin < covered) {
        throw malformed(source, offsets(entry) + " overlap those of another tensor");
      }
      if (entry.begin > covered) {
        throw malformed(source, "bytes " + covered + " to " + entry.begin + " belong to no tensor");
      }
      covered = entry.end;
    }
    if (covered != data.byteSize()) {
      throw malformed(source, data.byteSize() - covered + " bytes at its end belong to no tensor");
    }
    return new SafetensorsHeader(tensors, others, metadata);
  }

  private static List<Entry> entries(
      String source, JsonParser parser, Map<String, String> metadata) {
    List<Entry> entries = new ArrayList<>();
    while (parser.nextToken() != JsonToken.END_OBJECT) {
      String name = parser.currentName();
      if (parser.nextToken() != JsonToken.START_OBJECT) {
        throw malformed(source, quoted(name) + " is not an object");
      }
      if (name.equals("__metadata__")) {
        while (parser.nextToken() != JsonToken.END_OBJECT) {
          String key = parser.currentName();
          if (parser.nextToken() != JsonToken.VALUE_STRING) {
            throw malformed(source, "__metadata__ holds something that is not a string");
          }
          metadata.put(key, parser.getString());
        }
      } else {
        entries.add(entry(source, name, parser));
      }
    }
    return entries;
  }

  private static Entry entry(String source, String name, JsonParser parser) {
    String type = null;
    List<Long> shape = null;
    List<Long> range = null;
    while (parser.nextToken() != JsonToken.END_OBJECT) {
      String key = parser.currentName();
      parser.nextToken();
      switch (key) {
        case "dtype" -> {
          if (parser.currentToken() != JsonToken.VALUE_STRING) {
            throw malformed(source, "the dtype of " + quoted(name) + " is not a string");
          }
          type = parser.getString();
        }
        case "shape" -> shape = longs(source, name, key, parser);
        case "data_offsets" -> range = longs(source, name, key, parser);
        default -> throw malformed(source, quoted(name) + " has the unknown key " + quoted(key));
      }
    }
    if (type == null || shape == null || range == null || range.size() != 2) {
      throw malformed(source, quoted(name) + " needs dtype, shape and data_offsets of two numbers");
    }
    return new Entry(name, type, shape, range.get(0), range.get(1));
  }

  private static List<Long> longs(String source, String name, String key, JsonParser parser) {
    List<Long> numbers = new ArrayList<>();
    if (parser.currentToken() != JsonToken.START_ARRAY) {
      throw malformed(source, key + " of " + quoted(name) + " is not a list");
    }
    while (parser.nextToken() != JsonToken.END_ARRAY) {
      if (parser.currentToken() != JsonToken.VALUE_NUMBER_INT
          || parser.getNumberType() == JsonParser.NumberType.BIG_INTEGER
          || parser.getLongValue() < 0
          || numbers.size() == MAX_RANK) {
        throw malformed(
            source,
            key + " of " + quoted(name) + " must be at most 16 whole numbers from 0 to 2^63 - 1");
      }
      numbers.add(parser.getLongValue());
    }
    return numbers;
  }

  /** Bytes that type and shape ask for. */
  private static long bytes(String source, Entry entry) {
    try {
      return bytes(entry.name, entry.type, new Shape(entry.shape));
    } catch (ArithmeticException overflow) {
      throw malformed(source, "the shape of " + quoted(entry.name) + " overflows 63 bits");
    } catch (IllegalArgumentException unknown) {
      throw malformed(source, Json.shorten(unknown.getMessage()));
    }
  }

  /**
   * Bytes of a tensor.
   *
   * @throws IllegalArgumentException where the type is unknown, or does not end on a whole byte
   * @throws ArithmeticException where they do not fit a long
   */
  static long bytes(String name, String type, Shape shape) {
    int bits =
        switch (type) {
          case "F64", "I64", "U64", "C64" -> 64;
          case "F32", "I32", "U32" -> 32;
          case "F16", "BF16", "I16", "U16" -> 16;
          case "BOOL", "U8", "I8", "F8_E4M3", "F8_E5M2", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ" ->
              8;
          case "F6_E2M3", "F6_E3M2" -> 6;
          case "F4" -> 4;
          default ->
              throw new IllegalArgumentException(
                  quoted(name) + " has the unknown dtype " + quoted(type));
        };
    long total = Math.multiplyExact(shape.elements(), (long) bits);
    if (total % 8 != 0) {
      throw new IllegalArgumentException(quoted(name) + " does not end on a whole byte");
    }
    return total / 8;
  }

  private static DType dtype(String type) {
    return switch (type) {
      case "F32" -> DType.F32;
      case "F16" -> DType.F16;
      case "BF16" -> DType.BF16;
      default -> null;
    };
  }

  private static String offsets(Entry entry) {
    return "the offsets " + entry.begin + " to " + entry.end + " of " + quoted(entry.name);
  }

  private static String quoted(String name) {
    return "\"" + Json.shorten(name) + "\"";
  }

  private static InputException malformed(String source, String trouble) {
    return new InputException(
        InputException.Kind.MALFORMED, source + ": " + trouble + "; fetch the file again");
  }
}
