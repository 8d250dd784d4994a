package io.superweight.report;

import io.superweight.model.Coordinate;
import io.superweight.statistics.Interval;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Consumer;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.ObjectWriteContext;
import tools.jackson.core.PrettyPrinter;
import tools.jackson.core.StreamWriteFeature;
import tools.jackson.core.exc.JacksonIOException;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.core.util.DefaultIndenter;
import tools.jackson.core.util.DefaultPrettyPrinter;

/**
 * One JSON document, written field by field in the order of the calls, indented, UTF-8, "\n" at the
 * end of lines. JSON has no NaN and no infinities: they are written as null, and the last field
 * lists where.
 */
final class DocumentWriter {
  /** A number that JSON cannot say, and where it would have stood. */
  private record NotFinite(String at, String value) {}

  private final JsonGenerator json;
  private final List<NotFinite> notFinite = new ArrayList<>();

  /**
   * Writes a document whose first field is the schema; the stream is flushed and left open.
   *
   * @throws UncheckedIOException where the stream cannot be written
   */
  static void write(OutputStream out, String schema, Consumer<DocumentWriter> fields) {
    try {
      DocumentWriter document = new DocumentWriter(out);
      document.json.writeStartObject();
      document.text("schema", schema);
      fields.accept(document);
      document.finish();
    } catch (JacksonIOException e) {
      throw new UncheckedIOException(e.getCause());
    }
  }

  private DocumentWriter(OutputStream out) {
    PrettyPrinter indented =
        new DefaultPrettyPrinter().withObjectIndenter(new DefaultIndenter("  ", "\n"));
    ObjectWriteContext context =
        new ObjectWriteContext.Base() {
          @Override
          public PrettyPrinter getPrettyPrinter() {
            return indented;
          }

          @Override
          public boolean hasPrettyPrinter() {
            return true;
          }
        };
    json =
        JsonFactory.builder()
            .disable(StreamWriteFeature.AUTO_CLOSE_TARGET)
            .build()
            .createGenerator(context, out);
  }

  private void finish() {
    List<NotFinite> places = List.copyOf(notFinite);
    array(
        "writtenAsNull",
        places,
        place -> {
          text("at", place.at);
          text("value", place.value);
        });
    json.writeEndObject();
    json.writeRaw('\n');
    json.close(); // flushes, and leaves the stream open
  }

  void object(String name, Runnable fields) {
    json.writeName(name);
    object(fields);
  }

  /** An object, or null. */
  <T> void optional(String name, Optional<T> value, Consumer<T> fields) {
    json.writeName(name);
    if (value.isPresent()) {
      object(() -> fields.accept(value.get()));
    } else {
      json.writeNull();
    }
  }

  /** A list of objects. */
  <T> void array(String name, List<T> values, Consumer<T> fields) {
    json.writeName(name);
    json.writeStartArray();
    for (T value : values) {
      object(() -> fields.accept(value));
    }
    json.writeEndArray();
  }

  private void object(Runnable fields) {
    json.writeStartObject();
    fields.run();
    json.writeEndObject();
  }

  void text(String name, String value) {
    json.writeName(name);
    json.writeString(paired(value));
  }

  /** Null where it is empty. */
  void textOrNull(String name, String value) {
    if (value.isEmpty()) {
      json.writeName(name);
      json.writeNull();
    } else {
      text(name, value);
    }
  }

  void choice(String name, Enum<?> value) {
    text(name, value.name().toLowerCase(Locale.ROOT));
  }

  void integer(String name, long value) {
    json.writeName(name);
    json.writeNumber(value);
  }

  /** Null where it is negative: an index that there is none of. */
  void indexOrNull(String name, int value) {
    json.writeName(name);
    if (value < 0) {
      json.writeNull();
    } else {
      json.writeNumber(value);
    }
  }

  void flag(String name, boolean value) {
    json.writeName(name);
    json.writeBoolean(value);
  }

  void number(String name, double value) {
    json.writeName(name);
    if (Double.isFinite(value)) {
      json.writeNumber(value);
    } else {
      unsayable(value);
    }
  }

  /** In the shortest digits that give the same float. */
  void number(String name, float value) {
    json.writeName(name);
    number(value);
  }

  private void number(float value) {
    if (Float.isFinite(value)) {
      json.writeNumber(value);
    } else {
      unsayable(value);
    }
  }

  /** Null where it was not measured, which NaN stands for. */
  void measured(String name, double value) {
    if (Double.isNaN(value)) {
      json.writeName(name);
      json.writeNull();
    } else {
      number(name, value);
    }
  }

  void integers(String name, List<Integer> values) {
    json.writeName(name);
    json.writeStartArray();
    values.forEach(json::writeNumber);
    json.writeEndArray();
  }

  void numbers(String name, List<Float> values) {
    json.writeName(name);
    json.writeStartArray();
    values.forEach(this::number);
    json.writeEndArray();
  }

  void texts(String name, List<String> values) {
    json.writeName(name);
    json.writeStartArray();
    values.forEach(value -> json.writeString(paired(value)));
    json.writeEndArray();
  }

  void weights(String name, List<Coordinate> weights) {
    texts(name, weights.stream().map(Coordinate::toString).toList());
  }

  void weightSets(String name, List<List<Coordinate>> sets) {
    json.writeName(name);
    json.writeStartArray();
    for (List<Coordinate> set : sets) {
      json.writeStartArray();
      set.forEach(weight -> json.writeString(weight.toString()));
      json.writeEndArray();
    }
    json.writeEndArray();
  }

  void interval(String name, Interval interval) {
    object(
        name,
        () -> {
          number("estimate", interval.estimate());
          number("low", interval.low());
          number("high", interval.high());
        });
  }

  private void unsayable(double value) {
    json.writeNull();
    notFinite.add(
        new NotFinite(json.streamWriteContext().pathAsPointer().toString(), String.valueOf(value)));
  }

  /** Halves of surrogate pairs have no UTF-8: they become the replacement character. */
  private static String paired(String text) {
    for (int i = 0; i < text.length(); i++) {
      if (Character.isSurrogate(text.charAt(i))) {
        return text.codePoints()
            .map(c -> c <= 0xFFFF && Character.isSurrogate((char) c) ? 0xFFFD : c)
            .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append)
            .toString();
      }
    }
    return text;
  }
}
