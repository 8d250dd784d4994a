package io.superweight.convert;

import io.superweight.InputException;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * Which linear maps are packed as compressed-tensors has it, and how: one scheme for all of them.
 * Embeddings, the output head, routers and what is named here stay as they are.
 *
 * @param bits 4 or 8
 * @param group elements that share a scale, 0 for a row; empty for the largest of 128, 64 and 32
 *     that divides the rows of all matrices (at 8 bits, and where none does: a row)
 * @param kept patterns of names of tensors that stay as they are
 * @param keptNames names of tensors that stay as they are
 */
public record PackedChoice(int bits, OptionalInt group, List<Pattern> kept, Set<String> keptNames) {
  private static final List<Integer> GROUPS = List.of(128, 64, 32);

  public PackedChoice {
    kept = List.copyOf(kept);
    keptNames = Set.copyOf(keptNames);
  }

  /**
   * Reads {@code 128}, {@code 64}, {@code 32} or {@code channel}.
   *
   * @throws InputException of kind USAGE where it is not that
   */
  public static int parseGroup(String text) {
    if (text.equals("channel")) {
      return 0;
    }
    return GROUPS.stream()
        .filter(g -> text.equals(g.toString()))
        .findFirst()
        .orElseThrow(() ->
            new InputException(
                InputException.Kind.USAGE,
                "--group takes 32, 64, 128 or channel, not \"" + text + "\""));
  }

  /**
   * The tensors to pack.
   *
   * @throws InputException of kind UNSUPPORTED where the model has no linear maps
   */
  List<OutputTensor> packed(FolderContent content) {
    if (content.linear().isEmpty()) {
      throw new InputException(
          InputException.Kind.UNSUPPORTED,
          content.source()
              + ": its matrices are no Linear modules in transformers, which alone compressed-tensors packs; write GGUF"
              + " (leave --format out)");
    }
    Set<String> left = new HashSet<>();
    for (String name : content.linear()) {
      if (keptNames.contains(name)
          || kept.stream().anyMatch(pattern -> pattern.matcher(name).find())) {
        left.add(name);
      }
    }
    left.addAll(otherExperts(content, left));
    List<OutputTensor> packed =
        content.tensors().stream()
            .filter(t -> content.linear().contains(t.name()) && !left.contains(t.name()))
            .toList();
    if (packed.isEmpty()) {
      throw new InputException(
          InputException.Kind.USAGE,
          "--tensor-type leaves every matrix as it is; name fewer of them");
    }
    return packed;
  }

  /**
   * The experts of the layers in which one is left as it is: those who load them stack the experts
   * of a layer, which takes one scheme for all.
   */
  private static Set<String> otherExperts(FolderContent content, Set<String> left) {
    Map<String, Set<String>> byLayer = new HashMap<>();
    content
        .places()
        .forEach((part, place) -> {
          int at = part.indexOf(".mlp.experts.");
          if (at >= 0) {
            byLayer
                .computeIfAbsent(part.substring(0, at), l -> new HashSet<>())
                .add(place.tensor());
          }
        });
    Set<String> others = new HashSet<>();
    byLayer
        .values()
        .forEach(experts -> {
          if (experts.stream().anyMatch(left::contains)) {
            others.addAll(experts);
          }
        });
    return others;
  }

  /** Whether some expert is not packed. */
  boolean leavesExperts(FolderContent content, List<OutputTensor> packed) {
    Set<String> names = packed.stream().map(OutputTensor::name).collect(Collectors.toSet());
    return content.places().entrySet().stream()
        .anyMatch(
            e -> e.getKey().contains(".mlp.experts.") && !names.contains(e.getValue().tensor()));
  }

  /**
   * Elements of a group, 0 for a row.
   *
   * @throws InputException of kind USAGE where the chosen one does not divide a matrix
   */
  int group(FolderContent content, List<OutputTensor> packed) {
    if (group.isPresent()) {
      int chosen = group.getAsInt();
      for (OutputTensor tensor : packed) {
        if (chosen > 0 && tensor.cols() % chosen != 0) {
          throw new InputException(
              InputException.Kind.USAGE,
              chosen
                  + " does not divide the rows of "
                  + tensor.name()
                  + ", which have "
                  + tensor.cols()
                  + " elements; take --group channel, or leave --group out for the largest that fits");
        }
      }
      return chosen;
    }
    return bits == 8
        ? 0
        : GROUPS.stream()
            .filter(g -> packed.stream().allMatch(t -> t.cols() % g == 0))
            .findFirst()
            .orElse(0);
  }

  /** The section {@code quantization_config} of config.json, as llm-compressor writes it. */
  Map<String, Object> configuration(FolderContent content, List<OutputTensor> packed, int group) {
    Map<String, Object> weights = new LinkedHashMap<>();
    weights.put("actorder", null);
    weights.put("block_structure", null);
    weights.put("dynamic", false);
    weights.put("group_size", group == 0 ? null : group);
    weights.put("num_bits", bits);
    weights.put("observer", "mse");
    weights.put("observer_kwargs", Map.of());
    weights.put("strategy", group == 0 ? "channel" : "group");
    weights.put("symmetric", true);
    weights.put("type", "int");
    Map<String, Object> scheme = new LinkedHashMap<>();
    scheme.put("format", "pack-quantized");
    scheme.put("input_activations", null);
    scheme.put("output_activations", null);
    scheme.put("targets", List.of("Linear"));
    scheme.put("weights", weights);
    Set<String> ignored = new LinkedHashSet<>();
    ignored.add("lm_head"); // what transformers calls the head, whatever the file does
    content.heads().forEach(name -> ignored.add(module(name)));
    for (OutputTensor tensor : content.tensors()) {
      if (tensor.shape().rank() == 2
          && tensor.name().endsWith(".weight")
          && !content.embeddings().contains(tensor.name())
          && !packed.contains(tensor)) {
        ignored.add(module(tensor.name()));
      }
    }
    Map<String, Object> out = new LinkedHashMap<>();
    out.put("config_groups", Map.of("group_0", scheme));
    out.put("format", "pack-quantized");
    out.put("global_compression_ratio", null);
    out.put("ignore", List.copyOf(ignored));
    out.put("kv_cache_scheme", null);
    out.put("quant_method", "compressed-tensors");
    out.put("quantization_status", "compressed");
    return out;
  }

  private static String module(String name) {
    return name.substring(0, name.length() - ".weight".length());
  }
}
