package io.superweight.models;

import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.Checkpoints;
import io.superweight.tokenizer.Tokenizer;
import io.superweight.tokenizer.TokenizerFiles;
import io.superweight.tokenizer.Tokenizers;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.URL;
import java.net.URLConnection;
import java.util.List;
import java.util.zip.CRC32;

/**
 * The model that comes with Superweight: 12.5 million parameters, Llama architecture, trained on
 * public-domain books. See the model card in this module.
 */
public final class Books12m {
  /** What reports call it. */
  public static final String NAME = "books-12m (embedded)";

  /** {@link Checkpoint#digest()} of these weights. */
  public static final String DIGEST =
      "177e6eadfd1bd0704dc5e3b6b44b5c0d04baad389ef1e87b6843c76fc0f3326d";

  /** CRC-32 of {@code model.safetensors}. */
  static final long CRC = 0xdc539aa1L;

  private Books12m() {}

  /** The checkpoint, its weights copied once to memory outside the heap (25 MB). */
  public static Checkpoint checkpoint() {
    // Freed when nobody refers to it any longer: the checkpoint and its tensors do.
    CRC32 crc = new CRC32();
    List<MemorySegment> weights =
        List.of(read("model.safetensors", Arena.ofAuto(), crc).asReadOnly());
    byte[] config = tokenizerFiles().read("config.json").orElseThrow();
    // The digest takes a fresh JVM a tenth of a second; the CRC says in a few milliseconds that
    // these are the bytes whose
    // digest is known.
    return crc.getValue() == CRC
        ? Checkpoints.inMemory(NAME, config, weights, DIGEST)
        : Checkpoints.inMemory(NAME, config, weights);
  }

  /** Its tokenizer: byte-level BPE of 8,192 tokens that puts BOS first. */
  public static Tokenizer tokenizer() {
    return Tokenizers.open(tokenizerFiles());
  }

  /** The files of its tokenizer. */
  public static TokenizerFiles tokenizerFiles() {
    return TokenizerFiles.in(Books12m.class.getClassLoader(), "io/superweight/models/books-12m/");
  }

  /** Bytes of {@code model.safetensors}. */
  public static long weightBytes() {
    return open("model.safetensors").getContentLengthLong();
  }

  private static URLConnection open(String file) {
    URL url = Books12m.class.getResource("books-12m/" + file);
    if (url == null) {
      throw new IllegalStateException("the jar of the embedded model lacks " + file);
    }
    try {
      URLConnection connection = url.openConnection();
      connection.setUseCaches(false);
      return connection;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** A copy of a resource outside the heap; the jar stores it undeflated, so this takes 10 ms. */
  private static MemorySegment read(String file, Arena arena, CRC32 crc) {
    URLConnection connection = open(file);
    long size = connection.getContentLengthLong();
    // safetensors aligns tensors to 8 bytes relative to the file's beginning
    MemorySegment copy = arena.allocate(size, 64);
    byte[] chunk = new byte[1 << 18];
    try (InputStream in = connection.getInputStream()) {
      long at = 0;
      for (int n = in.read(chunk); n >= 0; n = in.read(chunk)) {
        MemorySegment.copy(chunk, 0, copy, ValueLayout.JAVA_BYTE, at, n);
        crc.update(chunk, 0, n);
        at += n;
      }
      if (at != size) {
        throw new IOException(
            "the jar of the embedded model is cut: " + at + " of " + size + " bytes of " + file);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return copy;
  }
}
