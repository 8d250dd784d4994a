package io.superweight.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import io.superweight.Fixtures;
import io.superweight.InputException;
import io.superweight.InputException.Kind;
import io.superweight.tensor.DType;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class MalformedCheckpointTest {
  private static final String CONFIG =
      """
      {"model_type": "llama", "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
      """;

  @TempDir Path folder;

  static byte[] safetensors(String header, int dataBytes) {
    byte[] json = header.getBytes(StandardCharsets.UTF_8);
    return ByteBuffer.allocate(8 + json.length + dataBytes)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putLong(json.length)
        .put(json)
        .array();
  }

  private static String tensor(String name, String dtype, String shape, String begin, String end) {
    return "\"%s\":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":[%s,%s]}"
        .formatted(name, dtype, shape, begin, end);
  }

  private static void assertInputError(Kind kind, ThrowingCallable call, String... words) {
    assertThatThrownBy(call)
        .isInstanceOfSatisfying(
            InputException.class,
            e -> {
              assertThat(e.kind()).isEqualTo(kind);
              assertThat(e.getMessage()).doesNotContain("\n").contains(";");
            })
        .hasMessageContainingAll(words);
  }

  static Stream<Arguments> brokenHeaders() {
    String max = "9223372036854775807";
    return Stream.of(
        arguments(
            "overlap",
            12,
            tensor("a", "F32", "[2]", "0", "8") + "," + tensor("b", "F32", "[2]", "4", "12"),
            "overlap"),
        arguments(
            "same bytes twice",
            8,
            tensor("a", "F32", "[2]", "0", "8") + "," + tensor("b", "F32", "[2]", "0", "8"),
            "overlap"),
        arguments(
            "hole",
            12,
            tensor("a", "F32", "[1]", "0", "4") + "," + tensor("b", "F32", "[1]", "8", "12"),
            "belong to no tensor"),
        arguments("leftover", 9, tensor("a", "F32", "[2]", "0", "8"), "1 bytes at its end"),
        arguments("too short", 7, tensor("a", "F32", "[2]", "0", "8"), "truncated"),
        arguments("oversized", 8, tensor("a", "F32", "[3]", "0", "8"), "ask for 12"),
        arguments("wrong dtype", 8, tensor("a", "BF16", "[2]", "0", "8"), "ask for 4"),
        arguments("unknown dtype", 8, tensor("a", "F31", "[2]", "0", "8"), "unknown dtype"),
        arguments("backwards", 8, tensor("a", "F32", "[2]", "8", "0"), "no range"),
        arguments("negative offset", 8, tensor("a", "F32", "[2]", "-8", "0"), "data_offsets"),
        arguments("negative shape", 8, tensor("a", "F32", "[-2,-1]", "0", "8"), "shape"),
        arguments(
            "offset beyond 63 bits",
            8,
            tensor("a", "F32", "[2]", "0", "18446744073709551616"),
            "2^63"),
        arguments(
            "overflowing shape",
            8,
            tensor("a", "F32", "[4294967296,4294967296,4]", "0", "8"),
            "overflows"),
        arguments(
            "overflowing bytes", 8, tensor("a", "F32", "[" + max + "]", "0", "8"), "overflows"),
        arguments(
            "offsets near the end of long",
            8,
            tensor("a", "F32", "[2]", "9223372036854775799", max),
            "truncated"),
        arguments("fractional shape", 8, tensor("a", "F32", "[2.0]", "0", "8"), "shape"),
        arguments(
            "duplicate tensor",
            8,
            tensor("a", "F32", "[2]", "0", "8") + "," + tensor("a", "F32", "[2]", "0", "8"),
            "uplicate"),
        arguments("duplicate key", 8, "\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\"}", "uplicate"),
        arguments("missing offsets", 8, "\"a\":{\"dtype\":\"F32\",\"shape\":[2]}", "data_offsets"),
        arguments(
            "three offsets",
            8,
            "\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4,8]}",
            "two numbers"),
        arguments(
            "extra key",
            8,
            "\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8],\"x\":1}",
            "unknown key"),
        arguments("tensor is a number", 8, "\"a\":3", "not an object"),
        arguments("metadata is not text", 0, "\"__metadata__\":{\"a\":1}", "__metadata__"),
        arguments(
            "seventeen dimensions",
            4,
            tensor("a", "F32", "[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]", "0", "4"),
            "at most 16"),
        arguments("half a byte", 1, tensor("a", "F4", "[1]", "0", "1"), "whole byte"));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("brokenHeaders")
  void aBrokenSafetensorsHeaderIsOneLine(String what, int dataBytes, String entries, String word) {
    byte[] file = safetensors("{" + entries + "}", dataBytes);
    assertInputError(Kind.MALFORMED, () -> openWeights(file), "test", word);
  }

  private static void openWeights(byte[] file) {
    Checkpoints.inMemory(
            "test", CONFIG.getBytes(StandardCharsets.UTF_8), List.of(MemorySegment.ofArray(file)))
        .close();
  }

  @Test
  void aHeaderLengthThatTheFileCannotHoldAllocatesNothing() {
    for (long length : new long[] {0, 1, -1, 17, 1_000_000_000L, Long.MAX_VALUE, Long.MIN_VALUE}) {
      byte[] file = ByteBuffer.allocate(24).order(ByteOrder.LITTLE_ENDIAN).putLong(length).array();
      assertInputError(Kind.MALFORMED, () -> openWeights(file), "header");
    }
  }

  @Test
  void everyTruncationOfASafetensorsFileIsOneLine() {
    byte[] file = safetensors("{" + tensor("a", "F32", "[2]", "0", "8") + "}", 8);
    openWeights(file);
    for (int length = 0; length < file.length; length++) {
      byte[] cut = Arrays.copyOf(file, length);
      assertInputError(Kind.MALFORMED, () -> openWeights(cut), "test");
    }
  }

  @Test
  void everyTruncationOfAGgufFileIsOneLine() {
    byte[] file =
        GgufTest.llama("llama")
            .int32s("tokenizer.ggml.token_type", 1, 2, 3)
            .zeros("output_norm.weight", DType.F32, 64)
            .build();
    openGguf(file);
    for (int length = 0; length < file.length; length++) {
      byte[] cut = Arrays.copyOf(file, length);
      assertInputError(Kind.MALFORMED, () -> openGguf(cut), "test");
    }
  }

  private static void openGguf(byte[] file) {
    Checkpoints.inMemory("test", List.of(MemorySegment.ofArray(file))).close();
  }

  static Stream<Arguments> brokenGguf() {
    return Stream.of(
        arguments("nested too deep", GgufTest.llama("llama").nested("a", 5), "nests arrays"),
        arguments(
            "array of 10^9",
            GgufTest.llama("llama").raw("a", 9, bytes(4, 1_000_000_000L)),
            "elements of an array"),
        arguments(
            "strings by the 10^9",
            GgufTest.llama("llama").raw("a", 9, bytes(8, 1_000_000_000L)),
            "elements of an array"),
        arguments(
            "arrays by the 2^63",
            GgufTest.llama("llama").raw("a", 9, bytes(9, Long.MIN_VALUE)),
            "elements of an array"),
        arguments("unknown value type", GgufTest.llama("llama").raw("a", 13), "unknown type 13"),
        arguments(
            "duplicate key",
            GgufTest.llama("llama").uint32("llama.block_count", 2),
            "stands twice"),
        arguments(
            "duplicate tensor",
            GgufTest.llama("llama").zeros("a", DType.F32, 8).zeros("a", DType.F32, 8),
            "stands twice"),
        arguments(
            "alignment 0", GgufTest.llama("llama").uint32("general.alignment", 0), "power of two"),
        arguments(
            "alignment 24",
            GgufTest.llama("llama").uint32("general.alignment", 24),
            "power of two"),
        arguments(
            "alignment is text",
            GgufTest.llama("llama").text("general.alignment", "32"),
            "general.alignment"),
        arguments(
            "unaligned tensor", GgufTest.llama("llama").info("a", 0, 4, 8).data(64), "not aligned"),
        arguments(
            "overlap",
            GgufTest.llama("llama").info("a", 0, 0, 16).info("b", 0, 32, 16).data(96),
            "overlaps"),
        arguments(
            "hole",
            GgufTest.llama("llama").info("a", 0, 0, 8).info("b", 0, 64, 8).data(96),
            "belong to no tensor"),
        arguments(
            "offset beyond the file",
            GgufTest.llama("llama").info("a", 0, 1L << 40, 8).data(32),
            "truncated"),
        arguments(
            "offset near 2^63",
            GgufTest.llama("llama").info("a", 0, Long.MAX_VALUE - 31, 8).data(32),
            "truncated"),
        arguments(
            "negative offset",
            GgufTest.llama("llama").info("a", 0, -32, 8).data(32),
            "bytes before"),
        arguments(
            "negative dimension",
            GgufTest.llama("llama").info("a", 0, 0, -8).data(32),
            "dimension"),
        arguments(
            "overflowing shape",
            GgufTest.llama("llama").info("a", 0, 0, 1L << 40, 1L << 40),
            "overflows"),
        arguments(
            "five dimensions",
            GgufTest.llama("llama").info("a", 0, 0, 1, 1, 1, 1, 1).data(32),
            "5 dimensions"),
        arguments(
            "half a block",
            GgufTest.llama("llama").info("a", 8, 0, 2, 16).data(64),
            "whole blocks"),
        arguments("no architecture", new GgufBuilder(), "general.architecture"),
        arguments(
            "layers by the billion",
            new GgufBuilder()
                .text("general.architecture", "llama")
                .uint32("llama.block_count", 1_000_000_000),
            "num_hidden_layers"),
        arguments(
            "a size that is text",
            new GgufBuilder()
                .text("general.architecture", "llama")
                .text("llama.embedding_length", "big"),
            "llama.embedding_length"),
        arguments(
            "a base that is no number",
            new GgufBuilder()
                .text("general.architecture", "llama")
                .float32("llama.rope.freq_base", Float.NaN),
            "finite"));
  }

  /** The bytes of an array's type and count. */
  private static byte[] bytes(int type, long count) {
    return ByteBuffer.allocate(12)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putInt(type)
        .putLong(count)
        .array();
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("brokenGguf")
  void aBrokenGgufFileIsOneLine(String what, GgufBuilder builder, String word) {
    assertInputError(Kind.MALFORMED, () -> openGguf(builder.build()), "test", word);
  }

  @Test
  void countsOfABillionInAGgufHeaderAllocateNothing() {
    for (int at : new int[] {8, 16}) {
      for (long count : new long[] {1_000_000_000L, Long.MAX_VALUE, -1}) {
        byte[] file = GgufTest.llama("llama").build();
        ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).putLong(at, count);
        assertInputError(Kind.MALFORMED, () -> openGguf(file), "claims");
      }
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        " \n",
        "[]",
        "3",
        "hello, this is text",
        "{\"model_type\": \"llama\"",
        "{\"model_type\": \"llama\"} {}",
        "{\"model_type\": \"llama\", \"model_type\": \"gpt2\"}",
        "{\"rope_theta\": NaN}",
        "{\"rope_theta\": Infinity}",
        "{\"rope_theta\": 1e999}",
        "{\"rope_theta\": \"big\"}",
        "{\"hidden_size\": 1e300, \"num_attention_heads\": 4}",
        "{\"hidden_size\": -64, \"num_attention_heads\": 4}",
        "{\"hidden_size\": 64.5, \"num_attention_heads\": 4}",
        "{\"num_hidden_layers\": 1000000000}",
        "{\"num_hidden_layers\": 99999999999999999999999999999999}",
        "{\"num_hidden_layers\": 2, \"layer_types\": [\"full_attention\"]}",
        "{\"num_hidden_layers\": \"2\"}",
        "{\"rope_scaling\": 3}",
        "{\"model_type\": \"falcon\", \"multi_query\": \"yes\"}",
        "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
        "{\"a\": \"\\ud800",
        "\u0000\u0001"
      })
  void aBrokenConfigIsOneLine(String json) {
    assertInputError(
        Kind.MALFORMED,
        () ->
            Checkpoints.inMemory("test", json.getBytes(StandardCharsets.UTF_8), List.of()).close(),
        "config.json");
  }

  @Test
  void aDeeplyNestedConfigIsOneLine() {
    String json = "{\"a\":" + "[".repeat(100_000) + "]".repeat(100_000) + "}";
    assertInputError(
        Kind.MALFORMED,
        () ->
            Checkpoints.inMemory("test", json.getBytes(StandardCharsets.UTF_8), List.of()).close(),
        "nesting");
  }

  @Test
  void aFolderThatLacksAPieceSaysWhich() throws IOException {
    assertInputError(Kind.NOT_FOUND, () -> open(folder.resolve("nowhere")), "does not exist");
    assertInputError(Kind.MALFORMED, () -> open(folder), "no config.json");
    Files.writeString(folder.resolve("config.json"), CONFIG);
    assertInputError(Kind.MALFORMED, () -> open(folder), "neither model.safetensors nor");
    Files.write(folder.resolve("pytorch_model.bin"), new byte[4]);
    assertInputError(Kind.MALFORMED, () -> open(folder), "convert the model to safetensors");
    Files.write(folder.resolve("model.safetensors"), new byte[0]);
    assertInputError(Kind.MALFORMED, () -> open(folder), "empty");
    Files.writeString(
        folder.resolve("model.safetensors"),
        "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n");
    assertInputError(Kind.MALFORMED, () -> open(folder), "git lfs pull");
    Files.writeString(folder.resolve("model.safetensors"), "PK\u0003\u0004 and so on");
    assertInputError(Kind.MALFORMED, () -> open(folder), "zip archive");
    Files.write(folder.resolve("model.safetensors"), GgufTest.llama("llama").build());
    assertInputError(Kind.MALFORMED, () -> open(folder), "GGUF file under a wrong name");
  }

  @Test
  void aFileThatIsNoModelSaysSo() throws IOException {
    Path text = Files.writeString(folder.resolve("notes.txt"), "Call me Ishmael.");
    assertInputError(Kind.MALFORMED, () -> open(text), "is no model");
    Path empty = Files.writeString(folder.resolve("empty.gguf"), "");
    assertInputError(Kind.MALFORMED, () -> open(empty), "is empty");
    Path named = Files.writeString(folder.resolve("text.gguf"), "Call me Ishmael.");
    assertInputError(Kind.MALFORMED, () -> open(named), "not a GGUF file");
    Path pointer =
        Files.writeString(
            folder.resolve("pointer.gguf"), "version https://git-lfs.github.com/spec/v1\n");
    assertInputError(Kind.MALFORMED, () -> open(pointer), "git lfs pull");
    Path unnamed = Files.write(folder.resolve("blob"), GgufTest.llama("llama").build());
    open(unnamed);
  }

  private static void open(Path path) {
    Checkpoints.open(path).close();
  }

  @ParameterizedTest
  @ValueSource(strings = {"../x.safetensors", "/etc/passwd", "a/../../x", "..", "", "a\\u0000b"})
  void aShardNameMayNotLeaveTheFolder(String shard) throws IOException {
    writeIndex("{\"weight_map\": {\"a\": \"" + shard + "\"}}");
    assertInputError(Kind.MALFORMED, () -> open(folder), "shard name");
  }

  @Test
  void anIndexThatDoesNotFitItsShardsSaysWhereItBreaks() throws IOException {
    writeIndex("{}");
    assertInputError(Kind.MALFORMED, () -> open(folder), "weight_map");
    writeIndex("{\"weight_map\": {\"a\": 3}}");
    assertInputError(Kind.MALFORMED, () -> open(folder), "is no name");
    writeIndex("{\"weight_map\": {\"a\": \"s1.safetensors\"}}");
    assertInputError(Kind.MALFORMED, () -> open(folder), "s1.safetensors is missing");
    Files.write(
        folder.resolve("s1.safetensors"),
        safetensors("{" + tensor("b", "F32", "[2]", "0", "8") + "}", 8));
    assertInputError(Kind.MALFORMED, () -> open(folder), "\"a\"", "no such tensor");
    writeIndex("{\"weight_map\": {\"b\": \"s1.safetensors\", \"b\": \"s1.safetensors\"}}");
    assertInputError(Kind.MALFORMED, () -> open(folder), "uplicate");
    Files.writeString(folder.resolve("model.safetensors.index.json"), "");
    assertInputError(Kind.MALFORMED, () -> open(folder), "empty");
  }

  @Test
  void aShardMayBeALinkToElsewhere() throws IOException {
    Path outside = folder.resolve("outside.safetensors");
    Files.write(outside, safetensors("{" + tensor("a", "F32", "[2]", "0", "8") + "}", 8));
    Path inner = Files.createDirectory(folder.resolve("model"));
    Files.writeString(inner.resolve("config.json"), CONFIG);
    Files.writeString(
        inner.resolve("model.safetensors.index.json"),
        "{\"weight_map\": {\"a\": \"s1.safetensors\"}}");
    Files.createSymbolicLink(inner.resolve("s1.safetensors"), outside);
    try (Checkpoint checkpoint = Checkpoints.open(inner)) {
      assertThat(checkpoint.names()).containsExactly("a");
    }
  }

  private void writeIndex(String json) throws IOException {
    Files.writeString(folder.resolve("config.json"), CONFIG);
    Files.writeString(folder.resolve("model.safetensors.index.json"), json);
  }

  @Test
  void weightsOfAnotherTypeAreUnsupportedOnlyWhenTheyAreAskedFor() {
    byte[] file =
        safetensors(
            "{"
                + tensor("mask", "BOOL", "[4]", "0", "4")
                + ","
                + tensor("w", "F8_E4M3", "[2]", "4", "6")
                + "}",
            6);
    try (Checkpoint checkpoint =
        Checkpoints.inMemory(
            "test",
            CONFIG.getBytes(StandardCharsets.UTF_8),
            List.of(MemorySegment.ofArray(file)))) {
      assertThat(checkpoint.names()).isEmpty();
      assertInputError(Kind.UNSUPPORTED, () -> checkpoint.require("w"), "F8_E4M3", "convert");
      assertInputError(Kind.MALFORMED, () -> checkpoint.require("x"), "no tensor \"x\"");
    }
  }

  @Test
  void packedWeightsAreNamedByTheirMethod() {
    String config =
        "{\"model_type\": \"llama\", \"quantization_config\": {\"quant_method\": \"gptq\"}}";
    try (Checkpoint checkpoint =
        Checkpoints.inMemory("test", config.getBytes(StandardCharsets.UTF_8), List.of())) {
      assertInputError(Kind.UNSUPPORTED, () -> checkpoint.require("w"), "packed by gptq");
    }
  }

  @Test
  void aMissingTensorOfASoundModelIsNamed() {
    try (Checkpoint checkpoint = Checkpoints.open(Fixtures.path("hf-tiny/gpt2"))) {
      assertInputError(
          Kind.MALFORMED, () -> checkpoint.require("lm_head.weight"), "lm_head.weight");
    }
  }
}
