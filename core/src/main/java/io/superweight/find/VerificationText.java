package io.superweight.find;

import io.superweight.InputException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Text that models are judged on.
 *
 * @param name for reports
 * @param documents independent texts: the units of the bootstrap
 */
public record VerificationText(String name, List<String> documents) {
  private static final String RESOURCE = "/io/superweight/find/prose.txt";

  public VerificationText {
    documents = List.copyOf(documents);
    if (documents.isEmpty()) {
      throw new InputException(
          InputException.Kind.TEXT, name + " holds no text: give a file of some pages of prose");
    }
  }

  /** Passages of public-domain English prose by many authors; prose.SOURCES.md names them. */
  public static VerificationText builtIn() {
    try (InputStream in = VerificationText.class.getResourceAsStream(RESOURCE)) {
      if (in == null) {
        throw new IllegalStateException(RESOURCE + " is missing from the jar");
      }
      String text = new String(in.readAllBytes(), StandardCharsets.UTF_8);
      return new VerificationText("built-in public-domain prose", split(text));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * A file of one's own, UTF-8. Two or more empty lines in a row, or a form feed, end a document; a
   * file without any is one document.
   *
   * @throws InputException of kind NOT_FOUND where there is no such file, TEXT where it is empty or
   *     not UTF-8
   */
  public static VerificationText of(Path file) {
    if (!Files.isRegularFile(file)) {
      throw new InputException(
          InputException.Kind.NOT_FOUND, file + " is no file: give --text a file of plain text");
    }
    try {
      String text =
          StandardCharsets.UTF_8
              .newDecoder()
              .decode(ByteBuffer.wrap(Files.readAllBytes(file)))
              .toString();
      return new VerificationText(file.getFileName().toString(), split(text));
    } catch (CharacterCodingException e) {
      throw new InputException(
          InputException.Kind.TEXT, file + " is not UTF-8 text: convert it first", e);
    } catch (IOException e) {
      throw new InputException(
          InputException.Kind.NOT_FOUND, file + " cannot be read: " + e.getMessage(), e);
    }
  }

  /** Documents of a text: two or more empty lines in a row, or a form feed, are between them. */
  static List<String> split(String text) {
    List<String> documents = new ArrayList<>();
    String plain = text.replace("\uFEFF", "").replace("\r\n", "\n");
    for (String document : plain.split("\f|\n(?:[ \t]*\n){2,}")) {
      if (!document.isBlank()) {
        documents.add(document.strip());
      }
    }
    return documents;
  }
}
