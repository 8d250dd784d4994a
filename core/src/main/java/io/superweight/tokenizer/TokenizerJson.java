package io.superweight.tokenizer;

import ai.djl.huggingface.tokenizers.jni.TokenizersLibrary;
import io.superweight.InputException;
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
  private final String source;
  private final TokenizersLibrary library;
  private final BitSet vocabulary;
  private final OptionalInt bos;
  private final OptionalInt eos;
  private final boolean addsBos;

  /** Guards the native object: using it after it was freed would crash the JVM. */
  private final ReadWriteLock lock = new ReentrantReadWriteLock();

  private long handle;

  private TokenizerJson(
      String source,
      TokenizersLibrary library,
      long handle,
      TokenizerJsonFacts facts,
      TokenizerConfig config) {
    this.source = source;
    this.library = library;
    this.handle = handle;
    this.vocabulary = facts.ids();
    library.disableTruncation(handle);
    library.disablePadding(handle);
    OptionalInt named = config.bos(facts::id, facts::has);
    this.bos = named.isPresent() ? named : facts.first();
    this.eos = config.eos(facts::id, facts::has);
    boolean postProcessorAddsBos = bos.isPresent() && bos.equals(facts.first());
    this.addsBos = bos.isPresent() && config.addsBos(postProcessorAddsBos);
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
      handle = library.createTokenizerFromString(facts.withoutPostProcessor());
    } catch (RuntimeException e) {
      throw refused(source, e);
    }
    try {
      return new TokenizerJson(source, library, handle, facts, config);
    } catch (RuntimeException e) {
      library.deleteTokenizer(handle);
      throw e;
    }
  }

  private static InputException refused(String source, RuntimeException e) {
    return new InputException(
        InputException.Kind.MALFORMED,
        source
            + " is refused by Hugging Face's tokenizer library ("
            + String.valueOf(e.getMessage()).lines().findFirst().orElse("")
            + "): download the file again",
        e);
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
    String sound = UnpairedSurrogates.replaceIn(text);
    lock.readLock().lock();
    try {
      long encoding = encoding(sound);
      try {
        return Arrays.stream(library.getTokenIds(encoding)).mapToInt(Math::toIntExact).toArray();
      } finally {
        library.deleteEncoding(encoding);
      }
    } finally {
      lock.readLock().unlock();
    }
  }

  private long encoding(String text) {
    long open = openHandle();
    try {
      return library.encode(open, text, false);
    } catch (RuntimeException e) { // a model without a token for what it does not know
      throw refused(source, e);
    }
  }

  @Override
  public OptionalInt bos() {
    return bos;
  }

  @Override
  public OptionalInt eos() {
    return eos;
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
      return decode(openHandle(), wide);
    } finally {
      lock.readLock().unlock();
    }
  }

  private String decode(long open, long[] ids) {
    try {
      return library.decode(open, ids, false);
    } catch (RuntimeException e) {
      throw refused(source, e);
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
