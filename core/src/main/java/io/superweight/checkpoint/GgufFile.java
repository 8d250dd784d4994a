package io.superweight.checkpoint;

import io.superweight.InputException;
import io.superweight.tensor.DType;
import io.superweight.tensor.Shape;
import io.superweight.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * One GGUF file, version 2 or 3, little-endian (format: ggml's docs/gguf.md; checks: ggml's
 * gguf.cpp). Tensor data must ascend without overlap or holes beyond the alignment.
 *
 * @param tensors by name, in the order of the file
 */
record GgufFile(GgufMetadata metadata, Map<String, Tensor> tensors) {
  private static final int MAX_KEYS = 1 << 16;
  private static final int MAX_TENSORS = 1 << 20;
  private static final int MAX_RANK = 4;
  private static final int MAX_ALIGNMENT = 1 << 20;

  /** Names of the types by number (ggml.h); a gap was taken out of the format. */
  static final List<String> TYPES =
      List.of(
          "F32",
          "F16",
          "Q4_0",
          "Q4_1",
          "Q4_2",
          "Q4_3",
          "Q5_0",
          "Q5_1",
          "Q8_0",
          "Q8_1",
          "Q2_K",
          "Q3_K",
          "Q4_K",
          "Q5_K",
          "Q6_K",
          "Q8_K",
          "IQ2_XXS",
          "IQ2_XS",
          "IQ3_XXS",
          "IQ1_S",
          "IQ4_NL",
          "IQ3_S",
          "IQ2_S",
          "IQ4_XS",
          "I8",
          "I16",
          "I32",
          "I64",
          "F64",
          "IQ1_M",
          "BF16",
          "Q4_0_4_4",
          "Q4_0_4_8",
          "Q4_0_8_8",
          "TQ1_0",
          "TQ2_0",
          "IQ4_NL_4_4",
          "IQ4_NL_4_8",
          "IQ4_NL_8_8",
          "MXFP4",
          "NVFP4",
          "Q1_0");

  private record Entry(String name, DType dtype, Shape shape, long offset, long bytes) {}

  /**
   * Reads the header of a file that lies in memory.
   *
   * @throws InputException of kind MALFORMED, or UNSUPPORTED where version, byte order or a
   *     tensor's type is not known
   */
  static GgufFile read(String source, MemorySegment file) {
    GgufCursor cursor = new GgufCursor(source, file);
    if (Magic.of(file) != Magic.GGUF) {
      Magic.refuseOtherFiles(source, file, "GGUF");
      throw cursor.malformed(file.byteSize() == 0 ? "the file is empty" : "it is not a GGUF file");
    }
    cursor.int32();
    requireVersion(source, cursor.int32());
    long tensorCount = cursor.count("tensors", Math.min(MAX_TENSORS, file.byteSize() / 24));
    long keyCount = cursor.count("metadata keys", Math.min(MAX_KEYS, file.byteSize() / 13));
    Map<String, Object> values = new LinkedHashMap<>();
    Map<String, MemorySegment> encoded = new HashMap<>();
    for (long i = 0; i < keyCount; i++) {
      String key = cursor.string();
      long start = cursor.position();
      if (values.putIfAbsent(key, cursor.value()) != null) {
        throw cursor.malformed("the metadata key \"" + Json.shorten(key) + "\" stands twice");
      }
      encoded.put(key, file.asSlice(start, cursor.position() - start));
    }
    GgufMetadata metadata = new GgufMetadata(source, values, encoded);
    int alignment = metadata.count("general.alignment", 32);
    if (Integer.bitCount(alignment) != 1 || alignment > MAX_ALIGNMENT) {
      throw cursor.malformed("general.alignment " + alignment + " is no power of two");
    }
    Map<String, Entry> entries = new LinkedHashMap<>();
    for (long i = 0; i < tensorCount; i++) {
      Entry entry = entry(source, cursor);
      if (entries.putIfAbsent(entry.name, entry) != null) {
        throw cursor.malformed("the tensor \"" + Json.shorten(entry.name) + "\" stands twice");
      }
    }
    return new GgufFile(metadata, bind(cursor, file, List.copyOf(entries.values()), alignment));
  }

  private static void requireVersion(String source, int version) {
    if (version == 2 || version == 3) {
      return;
    }
    String trouble =
        Integer.reverseBytes(version) > 0 && Integer.reverseBytes(version) < 256
            ? "it is big-endian, which is not known; convert the model with a little-endian output"
            : "GGUF version "
                + Integer.toUnsignedString(version)
                + " is not known (2 and 3 are); convert the model with a current llama.cpp";
    throw new InputException(InputException.Kind.UNSUPPORTED, source + ": " + trouble);
  }

  private static Entry entry(String source, GgufCursor cursor) {
    String name = cursor.string();
    String quoted = "the tensor \"" + Json.shorten(name) + "\"";
    int rank = cursor.int32();
    if (rank < 0 || rank > MAX_RANK) {
      throw cursor.malformed(quoted + " has " + Integer.toUnsignedString(rank) + " dimensions");
    }
    Long[] dimensions = new Long[rank];
    for (int i = rank - 1; i >= 0; i--) {
      dimensions[i] = cursor.count("elements of a dimension", Long.MAX_VALUE);
    }
    int type = cursor.int32();
    DType dtype = dtype(source, name, type);
    Shape shape = new Shape(Arrays.asList(dimensions));
    long inner = rank == 0 ? 1 : shape.dimension(rank - 1);
    if (inner % dtype.blockElements() != 0) {
      throw cursor.malformed(
          quoted + " has rows of " + inner + ", which are no whole blocks of " + dtype);
    }
    long bytes;
    try {
      bytes = dtype.bytes(shape.elements());
    } catch (ArithmeticException overflow) {
      throw cursor.malformed("the shape of " + quoted + " overflows 63 bits");
    }
    long offset = cursor.count("bytes before " + quoted, Long.MAX_VALUE);
    return new Entry(name, dtype, shape, offset, bytes);
  }

  private static DType dtype(String source, String name, int number) {
    String type =
        number >= 0 && number < TYPES.size()
            ? TYPES.get(number)
            : "type number " + Integer.toUnsignedString(number);
    for (DType known : DType.values()) {
      if (known.name().equals(type)) {
        return known;
      }
    }
    throw new InputException(
        InputException.Kind.UNSUPPORTED,
        source
            + ": the tensor \""
            + Json.shorten(name)
            + "\" is stored as "
            + type
            + ", which is not known; take a file in Q8_0, Q4_0 to Q6_K, IQ4_NL, BF16, F16 or F32");
  }

  private static Map<String, Tensor> bind(
      GgufCursor cursor, MemorySegment file, List<Entry> entries, int alignment) {
    long start = aligned(cursor.position(), alignment);
    long dataBytes = Math.max(0, file.byteSize() - start);
    List<Entry> ascending = new ArrayList<>(entries);
    ascending.sort(Comparator.comparingLong(Entry::offset).thenComparingLong(Entry::bytes));
    long covered = 0;
    for (Entry entry : ascending) {
      String where = "the tensor \"" + Json.shorten(entry.name) + "\" at offset " + entry.offset;
      if (entry.offset % alignment != 0) {
        throw cursor.malformed(where + " is not aligned to " + alignment);
      }
      if (entry.bytes > dataBytes || entry.offset > dataBytes - entry.bytes) {
        throw cursor.malformed(
            where
                + " with "
                + entry.bytes
                + " bytes reaches beyond the "
                + dataBytes
                + " bytes of data: the file is truncated");
      }
      if (entry.offset < covered) {
        throw cursor.malformed(where + " overlaps another tensor");
      }
      if (entry.offset > aligned(covered, alignment)) {
        throw cursor.malformed(
            "bytes " + covered + " to " + entry.offset + " of its data belong to no tensor");
      }
      covered = entry.offset + entry.bytes;
    }
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    for (Entry entry : entries) {
      tensors.put(
          entry.name,
          new Tensor(
              entry.name,
              entry.dtype,
              entry.shape,
              // A file without data may end before its aligned start.
              entry.bytes == 0
                  ? MemorySegment.NULL
                  : file.asSlice(start + entry.offset, entry.bytes)));
    }
    return tensors;
  }

  private static long aligned(long position, int alignment) {
    return (position + alignment - 1) / alignment * alignment;
  }
}
