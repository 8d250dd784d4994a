package io.superweight.tokenizer;

import ai.djl.huggingface.tokenizers.jni.TokenizersLibrary;
import io.superweight.InputException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.BitSet;
import java.util.OptionalInt;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;

/**
 * A {@code tokenizer.json} in the hands of Hugging Face's own library. Truncation and padding,
 * which the file may ask for, are off.
 */
final class TokenizerJson implements Tokenizer {
  private final TokenizersLibrary library;
  private final BitSet vocabulary;
  private final OptionalInt bos;
  private final boolean addsBos;

  /** Guards the native object: using it after it was freed would crash the JVM. */
  private final ReadWriteLock lock = new ReentrantReadWriteLock();

  private long handle;

  private TokenizerJson(
      TokenizersLibrary library, long handle, TokenizerJsonFacts facts, TokenizerConfig config) {
    this.library = library;
    this.handle = handle;
    this.vocabulary = facts.ids();
    library.disableTruncation(handle);
    library.disablePadding(handle);
    // What comes before the one token of a text is what the post-processor puts before every text.
    int[] alone = encode("a", false);
    int[] plainly = encode("a", true);
    OptionalInt first =
        plainly.length > alone.length && !Arrays.equals(alone, Arrays.copyOf(plainly, alone.length))
            ? OptionalInt.of(plainly[0])
            : OptionalInt.empty();
    this.bos = config.bos(facts).isPresent() ? config.bos(facts) : first;
    this.addsBos = config.addsBos(first.isPresent() && first.equals(bos)) && bos.isPresent();
  }

  /**
   * @throws InputException of kind MALFORMED if the library does not accept the file, or as {@link
   *     HuggingFaceLibrary#methods()}
   */
  static TokenizerJson open(TokenizerFiles files, byte[] json) {
    String source = files.source() + ": tokenizer.json";
    TokenizerJsonFacts facts = TokenizerJsonFacts.read(source, json);
    TokenizerConfig config = TokenizerConfig.read(files);
    TokenizersLibrary library = HuggingFaceLibrary.methods();
    long handle;
    try {
      handle = library.createTokenizerFromString(new String(json, StandardCharsets.UTF_8));
    } catch (RuntimeException e) {
      throw new InputException(
          InputException.Kind.MALFORMED,
          source
              + " is not accepted by Hugging Face's tokenizer library ("
              + String.valueOf(e.getMessage()).lines().findFirst().orElse("")
              + "): download the file again",
          e);
    }
    try {
      return new TokenizerJson(library, handle, facts, config);
    } catch (RuntimeException e) {
      library.deleteTokenizer(handle);
      throw e;
    }
  }

  @Override
  public String description() {
    return "tokenizer.json";
  }

  @Override
  public int vocabularySize() {
    return vocabulary.length();
  }

  @Override
  public int[] encode(String text) {
    return encode(text, false);
  }

  private int[] encode(String text, boolean withSpecialTokens) {
    String sound = UnpairedSurrogates.replaceIn(text);
    lock.readLock().lock();
    try {
      long encoding = library.encode(openHandle(), sound, withSpecialTokens);
      try {
        return Arrays.stream(library.getTokenIds(encoding)).mapToInt(Math::toIntExact).toArray();
      } finally {
        library.deleteEncoding(encoding);
      }
    } finally {
      lock.readLock().unlock();
    }
  }

  @Override
  public OptionalInt bos() {
    return bos;
  }

  @Override
  public boolean addsBos() {
    return addsBos;
  }

  @Override
  public String decode(int... ids) {
    for (int id : ids) {
      if (id < 0 || !vocabulary.get(id)) {
        throw UnknownToken.of(id, this);
      }
    }
    lock.readLock().lock();
    try {
      long[] wide = Arrays.stream(ids).asLongStream().toArray();
      return library.decode(openHandle(), wide, false);
    } finally {
      lock.readLock().unlock();
    }
  }

  private long openHandle() {
    if (handle == 0) {
      throw new IllegalStateException("this tokenizer is closed");
    }
    return handle;
  }

  @Override
  public void close() {
    lock.writeLock().lock();
    try {
      if (handle != 0) {
        library.deleteTokenizer(handle);
        handle = 0;
      }
    } finally {
      lock.writeLock().unlock();
    }
  }
}
