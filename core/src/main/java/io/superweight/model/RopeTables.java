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
  /** Cosines and sines, and the sequence length that they were made for. */
  record Table(Buffer cos, Buffer sin, int length) {}

  private final Device.Scope scope;
  private final Map<RopeSpec, Table> tables = new HashMap<>();

  RopeTables(Device.Scope scope) {
    this.scope = scope;
  }

  /**
   * The table for sequences of up to {@code length} tokens.
   *
   * @param capacity positions to make where a table must be made
   */
  Table of(RopeSpec spec, int length, int capacity) {
    Table known = tables.get(spec);
    if (known != null
        && known.cos().rows() >= length
        && spec.sameFrequencies(length, known.length())) {
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
    Table table = new Table(scope.upload(cos, pairs), scope.upload(sin, pairs), length);
    tables.put(spec, table);
    return table;
  }
}
