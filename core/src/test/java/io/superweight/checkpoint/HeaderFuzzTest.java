package io.superweight.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import io.superweight.Fixtures;
import io.superweight.InputException;
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
import java.util.Random;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

/**
 * Mutated files, 120,000 in all: each opens or is refused with one line. Nothing else may be
 * thrown; a hang or an allocation by a claimed count would show as a test that does not end or runs
 * out of memory.
 */
class HeaderFuzzTest {
  private static final byte[] CONFIG =
      """
      {"model_type": "gemma3_text", "hidden_size": 64, "num_hidden_layers": 2,
       "num_attention_heads": 4, "rope_scaling": {"type": "linear", "factor": 8}}
      """
          .getBytes(StandardCharsets.UTF_8);

  private static final long[] NUMBERS = {
    0,
    1,
    -1,
    2,
    7,
    8,
    31,
    32,
    255,
    65_536,
    1_000_000_000,
    0x7fff_ffffL,
    0x8000_0000L,
    0xffff_ffffL,
    1L << 40,
    Long.MAX_VALUE,
    Long.MAX_VALUE - 31,
    Long.MIN_VALUE
  };

  private static final String[] PIECES = {
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\\u0000",
    "null",
    "true",
    "-1",
    "1e999",
    "NaN",
    "1.5",
    "0",
    "9223372036854775807",
    "99999999999999999999",
    "\"F32\"",
    "\"BF16\"",
    "\"I64\"",
    "\"shape\"",
    "\"data_offsets\":[0,8]",
    "\"dtype\":\"F32\"",
    "[[[[[[",
    "\u00ff",
    "__metadata__"
  };

  private record Outcomes(int opened, int refused) {}

  private static Outcomes fuzz(long seed, int rounds, byte[] sound, Consumer<byte[]> open) {
    open.accept(sound);
    int opened = 0;
    for (int round = 0; round < rounds; round++) {
      byte[] mutated = mutate(sound, new Random(seed + round));
      try {
        open.accept(mutated);
        opened++;
      } catch (InputException refused) {
        assertThat(refused.getMessage()).doesNotContain("\n");
      } catch (Throwable other) {
        throw new AssertionError("seed " + (seed + round) + ": " + other, other);
      }
    }
    return new Outcomes(opened, rounds - opened);
  }

  /** One to four changes at places of the header that a seed decides. */
  private static byte[] mutate(byte[] sound, Random random) {
    byte[] bytes = sound;
    int changes = 1 + random.nextInt(4);
    for (int i = 0; i < changes && bytes.length > 0; i++) {
      bytes = change(bytes, random);
    }
    return bytes;
  }

  private static byte[] change(byte[] bytes, Random random) {
    int at = random.nextInt(bytes.length);
    return switch (random.nextInt(8)) {
      case 0 -> {
        byte[] copy = bytes.clone();
        copy[at] ^= (byte) (1 << random.nextInt(8));
        yield copy;
      }
      case 1 -> {
        byte[] copy = bytes.clone();
        copy[at] = (byte) random.nextInt(256);
        yield copy;
      }
      case 2 -> Arrays.copyOf(bytes, at);
      case 3 -> splice(bytes, at, Math.min(bytes.length, at + 1 + random.nextInt(16)), new byte[0]);
      case 4, 5 -> {
        byte[] piece = PIECES[random.nextInt(PIECES.length)].getBytes(StandardCharsets.ISO_8859_1);
        int end = random.nextBoolean() ? at : Math.min(bytes.length, at + piece.length);
        yield splice(bytes, at, end, piece);
      }
      case 6 -> {
        if (bytes.length < 8) {
          yield bytes;
        }
        byte[] copy = bytes.clone();
        long number = NUMBERS[random.nextInt(NUMBERS.length)] + random.nextInt(3) - 1;
        // The length of a safetensors header is a place of its own.
        int place = random.nextInt(4) == 0 ? 0 : random.nextInt(bytes.length - 7);
        ByteBuffer buffer = ByteBuffer.wrap(copy).order(ByteOrder.LITTLE_ENDIAN);
        if (random.nextBoolean()) {
          buffer.putLong(place, number);
        } else {
          buffer.putInt(place, (int) number);
        }
        yield copy;
      }
      default -> {
        int from = random.nextInt(bytes.length);
        int to = Math.min(bytes.length, from + 1 + random.nextInt(80));
        yield splice(bytes, at, at, Arrays.copyOfRange(bytes, from, to));
      }
    };
  }

  private static byte[] splice(byte[] bytes, int from, int to, byte[] piece) {
    byte[] out = new byte[bytes.length - (to - from) + piece.length];
    System.arraycopy(bytes, 0, out, 0, from);
    System.arraycopy(piece, 0, out, from, piece.length);
    System.arraycopy(bytes, to, out, from + piece.length, bytes.length - to);
    return out;
  }

  /** Uses all that a checkpoint offers. */
  private static void use(Checkpoint checkpoint) {
    checkpoint.names().forEach(checkpoint::require);
    assertThat(checkpoint.digest()).hasSize(64);
    if (checkpoint instanceof GgufCheckpoint gguf) {
      GgufMetadata metadata = gguf.metadata();
      metadata.texts("tokenizer.ggml.tokens");
      metadata.numbers("tokenizer.ggml.scores");
      metadata.integers("tokenizer.ggml.token_type");
    }
    checkpoint.close();
  }

  /** A header of one tensor less a few bytes, so that the length field stays in step with it. */
  private static byte[] withLength(byte[] json, int dataBytes) {
    return ByteBuffer.allocate(8 + json.length + dataBytes)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putLong(json.length)
        .put(json)
        .array();
  }

  @Test
  void mutatedSafetensorsFilesOpenOrAreRefusedWithOneLine() {
    byte[] sound =
        withLength(
            """
            {"__metadata__":{"format":"pt"},"w":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},\
            "b":{"dtype":"BF16","shape":[4],"data_offsets":[24,32]}}\
            """
                .getBytes(StandardCharsets.UTF_8),
            32);
    Outcomes outcomes =
        fuzz(
            1_000_000,
            25_000,
            sound,
            bytes ->
                use(Checkpoints.inMemory("fuzz", CONFIG, List.of(MemorySegment.ofArray(bytes)))));
    assertThat(outcomes.opened()).isPositive();
    assertThat(outcomes.refused()).isGreaterThan(outcomes.opened());
  }

  @Test
  void mutatedSafetensorsHeadersOfTheRightLengthOpenOrAreRefusedWithOneLine() {
    byte[] json =
        """
        {"a":{"dtype":"F16","shape":[2,2],"data_offsets":[0,8]},\
        "b":{"dtype":"F32","shape":[],"data_offsets":[8,12]},\
        "c":{"dtype":"U8","shape":[4],"data_offsets":[12,16]}}\
        """
            .getBytes(StandardCharsets.UTF_8);
    Outcomes outcomes =
        fuzz(
            2_000_000,
            35_000,
            json,
            bytes ->
                use(
                    Checkpoints.inMemory(
                        "fuzz", CONFIG, List.of(MemorySegment.ofArray(withLength(bytes, 16))))));
    assertThat(outcomes.opened()).isPositive();
    assertThat(outcomes.refused()).isGreaterThan(outcomes.opened());
  }

  @Test
  void mutatedGgufFilesOpenOrAreRefusedWithOneLine() {
    byte[] sound =
        GgufTest.llama("gemma3")
            .flags("gemma3.attention.sliding_window_pattern", true, false)
            .uint32("gemma3.attention.sliding_window", 8)
            .float32("gemma3.rope.scaling.factor", 8)
            .text("gemma3.rope.scaling.type", "linear")
            .float32s("tokenizer.ggml.scores", 1, 2, 3, 4)
            .int32s("tokenizer.ggml.token_type", 1, 2, 3, 4)
            .uint64("a.long", 3)
            .nested("a.nested", 3)
            .zeros("token_embd.weight", DType.Q8_0, 4, 64)
            .zeros("output_norm.weight", DType.F32, 64)
            .build();
    Outcomes outcomes =
        fuzz(
            3_000_000,
            40_000,
            sound,
            bytes -> use(Checkpoints.inMemory("fuzz", List.of(MemorySegment.ofArray(bytes)))));
    assertThat(outcomes.opened()).isPositive();
    assertThat(outcomes.refused()).isPositive();
  }

  @Test
  void mutatedConfigurationsOpenOrAreRefusedWithOneLine() throws IOException {
    int opened = 0;
    int refused = 0;
    for (String fixture : List.of("gemma3", "falcon-7b-style", "gpt2", "qwen3-moe")) {
      for (String name : List.of("config.json", "config.legacy.json")) {
        Path file = Fixtures.path("hf-tiny").resolve(fixture).resolve(name);
        Outcomes outcomes =
            fuzz(
                4_000_000 + name.length(),
                2_500,
                Files.readAllBytes(file),
                bytes -> use(Checkpoints.inMemory("fuzz", bytes, List.of())));
        opened += outcomes.opened();
        refused += outcomes.refused();
      }
    }
    assertThat(opened).isPositive();
    assertThat(refused).isPositive();
  }
}
