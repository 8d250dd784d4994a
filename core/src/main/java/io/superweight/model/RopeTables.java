package io.superweight.model;

import io.superweight.compute.Buffer;
import io.superweight.compute.Device;
import java.util.HashMap;
import java.util.Map;

/**
 * Cosines and sines of the positions of a pass, {@code [positions, pairs]}, made once for each kind
 * of rotary embedding.
 */
final class RopeTables {
  /** Cosines and sines, {@code [positions, pairs]} each. */
  record Table(Buffer cos, Buffer sin) {}

  private record Key(RopeSpec spec, int regime) {}

  private final Device.Scope scope;
  private final Map<Key, Table> tables = new HashMap<>();

  RopeTables(Device.Scope scope) {
    this.scope = scope;
  }

  /**
   * The table of a sequence.
   *
   * @param length tokens of the sequence, which some scalings depend on
   * @param capacity positions to make at least where a table must be made
   */
  Table of(RopeSpec spec, int length, int capacity) {
    Key key = new Key(spec, spec.regime(length));
    Table known = tables.get(key);
    if (known != null && known.cos().rows() >= length) {
      return known;
    }
    int rows = Math.max(length, capacity);
    float[] frequencies = spec.frequencies(length);
    double factor = spec.attentionFactor();
    int pairs = frequencies.length;
    float[] cos = new float[Math.multiplyExact(rows, pairs)];
    float[] sin = new float[cos.length];
    for (int position = 0; position < rows; position++) {
      for (int i = 0; i < pairs; i++) {
        // The reference multiplies in float32 before it takes the cosine.
        float angle = position * frequencies[i];
        cos[position * pairs + i] = (float) (Math.cos(angle) * factor);
        sin[position * pairs + i] = (float) (Math.sin(angle) * factor);
      }
    }
    Table table = new Table(scope.upload(cos, pairs), scope.upload(sin, pairs));
    tables.put(key, table);
    return table;
  }
}
