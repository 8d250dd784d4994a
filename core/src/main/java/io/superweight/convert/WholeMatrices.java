package io.superweight.convert;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Supplier;

/**
 * Matrices that are made as a whole and read by rows: the last few are kept, since threads that
 * write a file are never at many at once. What was dropped is made again. Thread-safe.
 */
final class WholeMatrices {
  private static final int KEPT = 3;

  private final Map<String, float[]> kept =
      new LinkedHashMap<>(8, 0.75f, true) {
        private static final long serialVersionUID = 1;

        @Override
        protected boolean removeEldestEntry(Map.Entry<String, float[]> eldest) {
          return size() > KEPT;
        }
      };

  synchronized float[] get(String name, Supplier<float[]> made) {
    float[] matrix = kept.get(name);
    if (matrix == null) {
      matrix = made.get();
      kept.put(name, matrix);
    }
    return matrix;
  }
}
