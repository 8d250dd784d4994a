package io.superweight.tokenizer;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;

/** The keys of a small GGUF file. */
final class GgufKeys {
  private GgufKeys() {}

  static GgufVocabulary vocabulary(Path file) throws IOException {
    Map<String, Object> keys = read(file);
    return new GgufVocabulary(
        file.getFileName().toString(),
        (String) keys.get("general.architecture"),
        (String) keys.getOrDefault("general.name", ""),
        (String) keys.get("tokenizer.ggml.model"),
        Optional.ofNullable((String) keys.get("tokenizer.ggml.pre")),
        strings(keys, "tokenizer.ggml.tokens"),
        floats(keys, "tokenizer.ggml.scores"),
        ints(keys, "tokenizer.ggml.token_type"),
        strings(keys, "tokenizer.ggml.merges"),
        id(keys, "tokenizer.ggml.bos_token_id"),
        id(keys, "tokenizer.ggml.unknown_token_id"),
        Optional.ofNullable((Boolean) keys.get("tokenizer.ggml.add_bos_token")),
        Optional.ofNullable((Boolean) keys.get("tokenizer.ggml.add_space_prefix")));
  }

  private static List<String> strings(Map<String, Object> keys, String key) {
    List<?> list = (List<?>) keys.getOrDefault(key, List.of());
    return list.stream().map(String.class::cast).toList();
  }

  private static float[] floats(Map<String, Object> keys, String key) {
    List<?> list = (List<?>) keys.getOrDefault(key, List.of());
    float[] values = new float[list.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = (Float) list.get(i);
    }
    return values;
  }

  private static int[] ints(Map<String, Object> keys, String key) {
    List<?> list = (List<?>) keys.getOrDefault(key, List.of());
    return list.stream().mapToInt(Integer.class::cast).toArray();
  }

  private static OptionalInt id(Map<String, Object> keys, String key) {
    return keys.get(key) instanceof Integer id ? OptionalInt.of(id) : OptionalInt.empty();
  }

  static Map<String, Object> read(Path file) throws IOException {
    ByteBuffer in = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
    in.position(16);
    long count = in.getLong();
    Map<String, Object> keys = new HashMap<>();
    for (long i = 0; i < count; i++) {
      keys.put(string(in), value(in, in.getInt()));
    }
    return keys;
  }

  private static String string(ByteBuffer in) {
    byte[] bytes = new byte[Math.toIntExact(in.getLong())];
    in.get(bytes);
    return new String(bytes, StandardCharsets.UTF_8);
  }

  private static Object value(ByteBuffer in, int type) {
    return switch (type) {
      case 0, 1 -> in.get();
      case 2, 3 -> in.getShort();
      case 4, 5 -> in.getInt();
      case 6 -> in.getFloat();
      case 7 -> in.get() != 0;
      case 8 -> string(in);
      case 9 -> {
        int elements = in.getInt();
        long length = in.getLong();
        List<Object> list = new ArrayList<>();
        for (long i = 0; i < length; i++) {
          list.add(value(in, elements));
        }
        yield list;
      }
      case 10, 11 -> in.getLong();
      case 12 -> in.getDouble();
      default -> throw new IllegalStateException("type " + type);
    };
  }
}
