package io.superweight.convert;

import io.superweight.InputException;
import java.nio.file.Path;
import java.util.Collection;
import java.util.List;

/**
 * Files that are about to be written: same content and choice, same bytes, whatever the number of
 * threads and however often it was interrupted.
 */
public interface Export {
  /** How far it is. */
  @FunctionalInterface
  interface Listener {
    /**
     * @param bytes that lie in the file, of {@code total}
     * @param tensor the last that was worked on
     */
    void written(long bytes, long total, String tensor);
  }

  /** A tensor as it will lie: its type by name, and its bytes. */
  record Item(String name, String type, long bytes) {}

  /** The tensors in their order. */
  List<Item> items();

  /** Bytes of all files, but for small ones. */
  long size();

  /** What those who read the file will do otherwise than the model does, one line each. */
  List<String> notices();

  /** What becomes of weights of the model, whether they are held or not. */
  List<HeldWeights.Outcome> outcomes(Collection<GgufContent.Element> elements);

  /** About how long the encoding takes, by trying a row or two. */
  double seconds(int threads);

  /**
   * Checks that the disk has room for what is still to be written.
   *
   * @throws InputException of kind OUTPUT where it has not
   */
  void requireRoom(Path target);

  /**
   * Writes it, or goes on with what an earlier attempt left.
   *
   * @return bytes that an earlier attempt had left
   * @throws InputException of kind OUTPUT where it cannot be written, MALFORMED where a value is
   *     not finite
   */
  long write(Path target, int threads, Listener listener);
}
