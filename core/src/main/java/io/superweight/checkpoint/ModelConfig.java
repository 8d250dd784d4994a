package io.superweight.checkpoint;

import io.superweight.InputException;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The hyperparameters of a model: a tree of values under the newest key names of Hugging Face's
 * {@code config.json} (transformers 5: {@code rope_parameters}, {@code dtype}, …), whatever
 * spelling or file format they came from. What a key means for a family is the business of {@code
 * model.Architecture}.
 */
public final class ModelConfig {
  private final String source;
  private final Map<String, Object> values;

  /**
   * @param source the file, for error messages
   * @param values JSON-like values: maps, lists, strings, booleans, integers, doubles; nulls are
   *     dropped
   */
  public ModelConfig(String source, Map<String, ?> values) {
    this.source = source;
    Map<String, Object> kept = new LinkedHashMap<>();
    values.forEach((key, value) -> {
      if (value != null) {
        kept.put(key, value);
      }
    });
    this.values = Collections.unmodifiableMap(kept);
  }

  /** The file that it came from, for messages. */
  public String source() {
    return source;
  }

  /** The family, as {@code model_type} names it: {@code llama}, {@code qwen3_moe}, …. */
  public String family() {
    return text("model_type");
  }

  public Map<String, Object> values() {
    return values;
  }

  public boolean has(String key) {
    return values.containsKey(key);
  }

  public String text(String key) {
    return find(key, String.class).orElseThrow(() -> missing(key));
  }

  public String text(String key, String fallback) {
    return find(key, String.class).orElse(fallback);
  }

  public boolean flag(String key, boolean fallback) {
    return find(key, Boolean.class).orElse(fallback);
  }

  /** A positive or zero count that fits an int. */
  public int count(String key) {
    if (!has(key)) {
      throw missing(key);
    }
    return count(key, 0);
  }

  /** A positive or zero count that fits an int, or the fallback where the key is absent. */
  public int count(String key, int fallback) {
    Optional<Number> number = find(key, Number.class);
    if (number.isEmpty()) {
      return fallback;
    }
    double value = number.get().doubleValue();
    if (value != Math.rint(value) || value < 0 || value > Integer.MAX_VALUE) {
      throw malformed(key, "a whole number of at least 0", number.get());
    }
    return (int) value;
  }

  public double number(String key) {
    return find(key, Number.class).map(Number::doubleValue).orElseThrow(() -> missing(key));
  }

  public double number(String key, double fallback) {
    return find(key, Number.class).map(Number::doubleValue).orElse(fallback);
  }

  /** A list of any JSON values; empty where the key is absent. */
  public List<?> list(String key) {
    Object value = values.get(key);
    if (value == null) {
      return List.of();
    }
    if (value instanceof List<?> list) {
      return list;
    }
    throw malformed(key, "a list", value);
  }

  /** A nested object; empty where the key is absent. */
  public Optional<ModelConfig> section(String key) {
    Object value = values.get(key);
    if (value == null) {
      return Optional.empty();
    }
    if (value instanceof Map<?, ?> map) {
      Map<String, Object> nested = new LinkedHashMap<>();
      map.forEach((k, v) -> nested.put(String.valueOf(k), v));
      return Optional.of(new ModelConfig(source + ": " + key, nested));
    }
    throw malformed(key, "an object", value);
  }

  private <T> Optional<T> find(String key, Class<T> type) {
    Object value = values.get(key);
    if (value == null) {
      return Optional.empty();
    }
    if (!type.isInstance(value)) {
      throw malformed(key, "a " + type.getSimpleName().toLowerCase(java.util.Locale.ROOT), value);
    }
    return Optional.of(type.cast(value));
  }

  private InputException missing(String key) {
    return new InputException(
        InputException.Kind.MALFORMED,
        source + ": the key \"" + key + "\" is missing; is this the config of a decoder model?");
  }

  private InputException malformed(String key, String wanted, Object found) {
    String shown = String.valueOf(found);
    return new InputException(
        InputException.Kind.MALFORMED,
        source
            + ": \""
            + key
            + "\" must be "
            + wanted
            + ", not "
            + (shown.length() > 60 ? shown.substring(0, 60) + "…" : shown));
  }
}
