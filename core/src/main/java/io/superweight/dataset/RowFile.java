package io.superweight.dataset;

import io.superweight.InputException;
import io.superweight.Sha256;
import io.superweight.python.PythonText;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.GZIPInputStream;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * A file of rows: Parquet, JSON Lines or a JSON array, the latter two also compressed by gzip. What
 * is parsed are the bytes that were hashed.
 *
 * @param path where it lies
 * @param file its name and digest
 * @param bytes as stored
 */
record RowFile(Path path, Dataset.File file, byte[] bytes) {

  /**
   * Reads a file.
   *
   * @throws InputException of kind NOT_FOUND if it cannot be read
   */
  static RowFile read(Path path) {
    try {
      byte[] bytes = Files.readAllBytes(path);
      return new RowFile(path, new Dataset.File(name(path), Sha256.hex(bytes)), bytes);
    } catch (IOException | OutOfMemoryError e) {
      throw new InputException(
          InputException.Kind.NOT_FOUND,
          path + " cannot be read (" + e.getMessage() + "): check its permissions and size",
          e);
    }
  }

  private static String name(Path path) {
    return String.valueOf(path.getFileName());
  }

  /** Whether {@link #rows} knows what to do with a file of that name. */
  static boolean known(String name) {
    return name.matches(".*\\.(parquet|(jsonl|json|ndjson)(\\.gz)?)");
  }

  /**
   * The rows, in order.
   *
   * @throws InputException of kind MALFORMED for a broken file
   */
  List<JsonNode> rows() {
    return name(path).endsWith(".parquet") ? ParquetRows.read(path.toString(), bytes) : json();
  }

  /**
   * The whole as text, unpacked.
   *
   * @throws InputException of kind MALFORMED for a broken file
   */
  String text() {
    byte[] plain = bytes;
    if (name(path).endsWith(".gz")) {
      try (GZIPInputStream in = new GZIPInputStream(new ByteArrayInputStream(bytes))) {
        plain = in.readAllBytes();
      } catch (IOException e) {
        throw malformed("cannot be unpacked (" + e.getMessage() + ")");
      }
    }
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(plain)).toString();
    } catch (CharacterCodingException e) {
      throw malformed("is not UTF-8");
    }
  }

  private List<JsonNode> json() {
    JsonMapper mapper = JsonMapper.shared();
    String text = text();
    if (PythonText.strip(text).startsWith("[")) {
      try {
        return mapper.readTree(text).valueStream().toList();
      } catch (JacksonException e) {
        throw malformed("is no JSON array");
      }
    }
    List<JsonNode> rows = new ArrayList<>();
    int number = 0;
    for (String line : text.split("\n")) {
      number++;
      if (line.isBlank()) {
        continue;
      }
      JsonNode row;
      try {
        row = mapper.readTree(line);
      } catch (JacksonException e) {
        throw malformed("has no JSON in line " + number);
      }
      if (!row.isObject()) {
        throw malformed("has no JSON object in line " + number);
      }
      rows.add(row);
    }
    return rows;
  }

  InputException malformed(String trouble) {
    return new InputException(
        InputException.Kind.MALFORMED, path + " " + trouble + ": download it again");
  }
}
