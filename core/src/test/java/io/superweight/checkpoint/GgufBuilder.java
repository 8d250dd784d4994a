package io.superweight.checkpoint;

import io.superweight.tensor.DType;
import java.io.ByteArrayOutputStream;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;

/** Writes GGUF files for tests, sound ones and broken ones. */
public final class GgufBuilder {
  private static final Map<DType, Integer> NUMBERS =
      Map.ofEntries(
          Map.entry(DType.F32, 0),
          Map.entry(DType.F16, 1),
          Map.entry(DType.Q4_0, 2),
          Map.entry(DType.Q4_1, 3),
          Map.entry(DType.Q5_0, 6),
          Map.entry(DType.Q5_1, 7),
          Map.entry(DType.Q8_0, 8),
          Map.entry(DType.Q2_K, 10),
          Map.entry(DType.Q3_K, 11),
          Map.entry(DType.Q4_K, 12),
          Map.entry(DType.Q5_K, 13),
          Map.entry(DType.Q6_K, 14),
          Map.entry(DType.Q8_K, 15),
          Map.entry(DType.IQ4_NL, 20),
          Map.entry(DType.BF16, 30));

  private final Bytes keys = new Bytes();
  private final Bytes infos = new Bytes();
  private final Bytes data = new Bytes();
  private int version = 3;
  private int alignment = 32;
  private long keyCount;
  private long tensorCount;

  public GgufBuilder version(int number) {
    version = number;
    return this;
  }

  public GgufBuilder alignment(int bytes) {
    alignment = bytes;
    return uint32("general.alignment", bytes);
  }

  public GgufBuilder text(String key, String value) {
    key(key, 8).string(value);
    return this;
  }

  public GgufBuilder uint32(String key, int value) {
    key(key, 4).int32(value);
    return this;
  }

  public GgufBuilder uint16(String key, int value) {
    key(key, 2).raw((byte) value, (byte) (value >> 8));
    return this;
  }

  public GgufBuilder uint64(String key, long value) {
    key(key, 10).int64(value);
    return this;
  }

  public GgufBuilder float32(String key, float value) {
    key(key, 6).int32(Float.floatToRawIntBits(value));
    return this;
  }

  public GgufBuilder flag(String key, boolean value) {
    key(key, 7).raw((byte) (value ? 1 : 0));
    return this;
  }

  public GgufBuilder texts(String key, List<String> values) {
    Bytes bytes = key(key, 9).int32(8).int64(values.size());
    values.forEach(bytes::string);
    return this;
  }

  public GgufBuilder int32s(String key, int... values) {
    Bytes bytes = key(key, 9).int32(5).int64(values.length);
    for (int value : values) {
      bytes.int32(value);
    }
    return this;
  }

  public GgufBuilder flags(String key, boolean... values) {
    Bytes bytes = key(key, 9).int32(7).int64(values.length);
    for (boolean value : values) {
      bytes.raw((byte) (value ? 1 : 0));
    }
    return this;
  }

  public GgufBuilder float32s(String key, float... values) {
    Bytes bytes = key(key, 9).int32(6).int64(values.length);
    for (float value : values) {
      bytes.int32(Float.floatToRawIntBits(value));
    }
    return this;
  }

  /** Arrays in arrays, {@code depth} of them, one element each. */
  public GgufBuilder nested(String key, int depth) {
    Bytes bytes = key(key, 9);
    for (int i = 1; i < depth; i++) {
      bytes.int32(9).int64(1);
    }
    bytes.int32(4).int64(1).int32(7);
    return this;
  }

  /** A key with its value's bytes as given. */
  public GgufBuilder raw(String key, int type, byte... value) {
    key(key, type).raw(value);
    return this;
  }

  /** A tensor of zeros; dimensions in row-major order, outermost first. */
  public GgufBuilder zeros(String name, DType dtype, long... dimensions) {
    long elements = 1;
    for (long d : dimensions) {
      elements *= d;
    }
    return tensor(name, dtype, new byte[(int) dtype.bytes(elements)], dimensions);
  }

  /** A tensor; dimensions in row-major order, outermost first. */
  public GgufBuilder tensor(String name, DType dtype, byte[] bytes, long... dimensions) {
    data.pad(alignment);
    info(name, NUMBERS.get(dtype), data.size(), dimensions);
    data.raw(bytes);
    return this;
  }

  /** A tensor's entry without data. */
  public GgufBuilder info(String name, int type, long offset, long... dimensions) {
    infos.string(name).int32(dimensions.length);
    for (int i = dimensions.length - 1; i >= 0; i--) {
      infos.int64(dimensions[i]);
    }
    infos.int32(type).int64(offset);
    tensorCount++;
    return this;
  }

  /** Bytes of data without an entry. */
  public GgufBuilder data(int count) {
    data.raw(new byte[count]);
    return this;
  }

  private Bytes key(String key, int type) {
    keyCount++;
    return keys.string(key).int32(type);
  }

  public byte[] build() {
    Bytes file = new Bytes();
    file.raw("GGUF".getBytes(StandardCharsets.US_ASCII)).int32(version);
    file.int64(tensorCount).int64(keyCount);
    file.raw(keys.toByteArray()).raw(infos.toByteArray());
    if (data.size() > 0) {
      file.pad(Math.max(1, alignment)).raw(data.toByteArray());
    }
    return file.toByteArray();
  }

  public MemorySegment segment() {
    return MemorySegment.ofArray(build());
  }

  private static final class Bytes {
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();

    Bytes raw(byte... bytes) {
      out.writeBytes(bytes);
      return this;
    }

    Bytes int32(int value) {
      return raw(ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(value).array());
    }

    Bytes int64(long value) {
      return raw(ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(value).array());
    }

    Bytes string(String text) {
      byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
      return int64(utf8.length).raw(utf8);
    }

    Bytes pad(int alignment) {
      while (out.size() % alignment != 0) {
        out.write(0);
      }
      return this;
    }

    int size() {
      return out.size();
    }

    byte[] toByteArray() {
      return out.toByteArray();
    }
  }
}
