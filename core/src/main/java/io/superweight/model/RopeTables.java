package io.superweight.model;

import io.superweight.compute.Buffer;
import io.superweight.compute.Device;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Cosines and sines of positions, {@code [positions, pairs]}, made once for each kind of rotary
 * embedding and kept for later passes. A table is valid until the next one is asked for.
 */
final class RopeTables implements AutoCloseable {
  /** Where frequencies depend on the length, each length has a table of its own. */
  private static final int MOST_TABLES = 8;

  private static final int LEAST_ROWS = 64;

  /** Cosines and sines, {@code [positions, pairs]} each. */
  record Table(Buffer cos, Buffer sin) {}

  private record Key(RopeSpec spec, int regime) {}

  private record Held(Table table, Device.Scope scope) {}

  private final Device device;
  private final LinkedHashMap<Key, Held> tables = new LinkedHashMap<>(16, 0.75f, true);

  RopeTables(Device device) {
    this.device = device;
  }

  /**
   * The table of a sequence.
   *
   * @param length tokens of the sequence, which some scalings depend on
   * @param capacity positions to make at least where a table must be made
   */
  Table of(RopeSpec spec, int length, int capacity) {
    Key key = new Key(spec, spec.regime(length));
    Held known = tables.get(key);
    if (known != null && known.table.cos().rows() >= length) {
      return known.table;
    }
    // A sequence that grows asks again seldom.
    int rows = Math.max(Math.max(length, capacity), LEAST_ROWS);
    rows = known == null ? rows : Math.max(rows, 2 * known.table.cos().rows());
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
    if (known != null) {
      tables.remove(key).scope.close();
    } else if (tables.size() == MOST_TABLES) {
      Map.Entry<Key, Held> eldest = tables.firstEntry();
      tables.remove(eldest.getKey()).scope.close();
    }
    Device.Scope scope = device.scope();
    Table table = new Table(scope.upload(cos, pairs), scope.upload(sin, pairs));
    tables.put(key, new Held(table, scope));
    return table;
  }

  @Override
  public void close() {
    tables.values().forEach(held -> held.scope.close());
    tables.clear();
  }
}
