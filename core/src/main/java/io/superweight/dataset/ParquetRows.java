package io.superweight.dataset;

import dev.hardwood.InputFile;
import dev.hardwood.reader.ParquetFileReader;
import dev.hardwood.reader.RowReader;
import dev.hardwood.row.PqList;
import dev.hardwood.row.PqStruct;
import dev.hardwood.row.StructAccessor;
import io.superweight.InputException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.logging.Level;
import java.util.logging.Logger;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/** The rows of a Parquet file, nested lists and structures included. */
final class ParquetRows {
  private static final JsonNodeFactory JSON = JsonNodeFactory.instance;

  /** Held, so that the level set here is not collected with the logger. */
  private static final Logger LOG = Logger.getLogger("dev.hardwood");

  static {
    // Its Java decoder: the native one is unpacked to the temporary folder and run from there.
    if (System.getProperty("org.xerial.snappy.purejava") == null) {
      System.setProperty("org.xerial.snappy.purejava", "true");
    }
    if (LOG.getLevel() == null) {
      LOG.setLevel(Level.WARNING); // it announces its decompressor on standard error
    }
  }

  private ParquetRows() {}

  /**
   * @param source the file, for messages
   * @throws InputException of kind MALFORMED for a broken file, UNSUPPORTED for a column of a kind
   *     that no data set here has
   */
  static List<JsonNode> read(String source, byte[] bytes) {
    List<JsonNode> rows = new ArrayList<>();
    try (ParquetFileReader file = ParquetFileReader.open(InputFile.of(ByteBuffer.wrap(bytes)));
        RowReader row = file.rowReader()) {
      long declared = file.getFileMetaData().numRows();
      while (rows.size() <= declared && row.hasNext()) { // of a file without columns, for ever
        row.next();
        rows.add(object(source, row));
      }
      if (rows.size() != declared) {
        throw new IllegalStateException("it declares " + declared + " rows, but holds others");
      }
    } catch (InputException e) {
      throw e;
    } catch (IOException | RuntimeException | OutOfMemoryError e) {
      // What the reader throws at a broken file; one that claims to be huge exhausts the memory.
      throw new InputException(
          InputException.Kind.MALFORMED,
          source
              + " is no sound Parquet file ("
              + String.valueOf(e.getMessage()).lines().findFirst().orElse("")
              + "): download it again",
          e);
    }
    return rows;
  }

  private static ObjectNode object(String source, StructAccessor fields) {
    ObjectNode object = JSON.objectNode();
    for (int i = 0; i < fields.getFieldCount(); i++) {
      String name = fields.getFieldName(i);
      object.set(name, node(source, name, fields.isNull(i) ? null : fields.getValue(i)));
    }
    return object;
  }

  private static JsonNode node(String source, String field, Object value) {
    return switch (value) {
      case null -> JSON.nullNode();
      case String text -> JSON.stringNode(text);
      case byte[] bytes -> JSON.stringNode(new String(bytes, StandardCharsets.UTF_8));
      case Integer number -> JSON.numberNode(number);
      case Long number -> JSON.numberNode(number);
      case Float number -> JSON.numberNode(number);
      case Double number -> JSON.numberNode(number);
      case Boolean flag -> JSON.booleanNode(flag);
      case java.time.temporal.Temporal time -> JSON.stringNode(time.toString());
      case PqStruct struct -> object(source, struct);
      case PqList list -> {
        ArrayNode array = JSON.arrayNode(list.size());
        for (int i = 0; i < list.size(); i++) {
          array.add(node(source, field, list.isNull(i) ? null : list.get(i)));
        }
        yield array;
      }
      default ->
          throw new InputException(
              InputException.Kind.UNSUPPORTED,
              source
                  + ": the column "
                  + field
                  + " holds values of a kind that is not read here ("
                  + value.getClass().getSimpleName()
                  + "): write it as text");
    };
  }
}
