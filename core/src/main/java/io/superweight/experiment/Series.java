package io.superweight.experiment;

import io.superweight.Sha256;
import io.superweight.edit.EditedModel;
import io.superweight.evaluate.Evaluation;
import io.superweight.evaluate.Protocol;
import io.superweight.evaluate.Request;
import io.superweight.model.Transformer;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.util.List;
import java.util.stream.Collectors;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * What the scores of one evaluation of one edited model have in common: all that their bits depend
 * on. Scores of two series are never mixed.
 *
 * @param model as the store tells models apart ({@link ScoreStore#modelOf})
 * @param edits {@link EditedModel#key()}, or its SHA-256 where it is long; empty for the model as
 *     it is
 * @param device what computed, without the number of threads, which changes no bit
 * @param evaluation its name
 * @param protocol preset, data with checksums, BOS policy
 */
public record Series(
    String model, String edits, String device, String evaluation, String protocol) {
  private static final int LONGEST_KEY = 400;

  /** The series of an evaluation of an edited model on a device. */
  static Series of(
      ScoreStore store, Transformer transformer, EditedModel edited, Evaluation evaluation) {
    return new Series(
        store.modelOf(transformer.checkpoint()),
        edited.key().length() <= LONGEST_KEY ? edited.key() : "sha256:" + Sha256.hex(edited.key()),
        device(transformer),
        evaluation.name(),
        identity(evaluation.protocol()));
  }

  /** What computes, as far as bits depend on it. */
  static String device(Transformer transformer) {
    return transformer.device().description().replaceAll(", \\d+ threads?", "");
  }

  private static String identity(Protocol protocol) {
    return String.join(
        "; ",
        protocol.name(),
        protocol.preset(),
        protocol.dataset(),
        protocol.sources().stream()
            .map(s -> s.name() + " " + s.sha256())
            .collect(Collectors.joining(", ")),
        protocol.bos());
  }

  /**
   * The first 64 bits of the SHA-256 of what is computed together: of each request document, part,
   * where scoring starts, the number of tokens and the tokens, all as big-endian 32-bit integers.
   */
  static long hash(List<Request> requests, int[] batch) {
    MessageDigest sha = Sha256.start();
    for (int r : batch) {
      Request request = requests.get(r);
      ByteBuffer bytes = ByteBuffer.allocate(16 + 4 * request.tokens().length);
      bytes.putInt(request.document()).putInt(request.part()).putInt(request.from());
      bytes.putInt(request.tokens().length);
      for (int token : request.tokens()) {
        bytes.putInt(token);
      }
      sha.update(bytes.flip());
    }
    return ByteBuffer.wrap(sha.digest()).getLong();
  }

  /** On one line. */
  String json() {
    ObjectNode json = JsonMapper.shared().createObjectNode();
    json.put("model", model);
    json.put("edits", edits);
    json.put("device", device);
    json.put("evaluation", evaluation);
    json.put("protocol", protocol);
    return json.toString();
  }

  static Series parse(String json) {
    JsonNode node = JsonMapper.shared().readTree(json);
    return new Series(
        node.path("model").asString(),
        node.path("edits").asString(),
        node.path("device").asString(),
        node.path("evaluation").asString(),
        node.path("protocol").asString());
  }
}
