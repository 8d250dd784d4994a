package io.superweight.convert;

import io.superweight.InputException;
import io.superweight.checkpoint.DraftFile;
import io.superweight.checkpoint.SafetensorsWriter;
import io.superweight.convert.GgufContent.Element;
import io.superweight.model.Coordinate;
import io.superweight.tensor.BlockEncoder;
import io.superweight.tensor.DType;
import io.superweight.tensor.Dequantizer;
import io.superweight.tensor.Shape;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Stream;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/**
 * A folder in Hugging Face's layout that is about to be written: one file of safetensors, the
 * configuration and the tokenizer. Either in plain types, where matrices may hold what a quantized
 * type makes of them: it loads anywhere and scores as the quantized file would. Or with its linear
 * maps packed as compressed-tensors has it.
 */
public final class SafetensorsExport implements Export {
  private static final String WEIGHTS = "model.safetensors";

  /** A tensor of the file. */
  private record Part(Item item, Shape shape, String form, OutputTensor tensor, RowForm rows) {}

  private final List<String> notices;
  private final Map<String, byte[]> files;
  private final List<Part> parts;
  private final TensorFile file;
  private final Function<Element, HeldWeights.Outcome> outcome;

  private SafetensorsExport(
      FolderContent content,
      Map<String, byte[]> files,
      List<Part> parts,
      String plan,
      Function<Element, HeldWeights.Outcome> outcome) {
    this.notices = new ArrayList<>(content.notices());
    this.files = files;
    this.parts = parts;
    this.outcome = outcome;
    List<SafetensorsWriter.Entry> entries =
        parts.stream()
            .map(p -> new SafetensorsWriter.Entry(p.item().name(), p.form(), p.shape()))
            .toList();
    byte[] header = SafetensorsWriter.head(entries, Map.of("format", "pt"));
    List<TensorFile.Slot> slots = new ArrayList<>();
    long offset = header.length;
    for (Part part : parts) {
      slots.add(new TensorFile.Slot(part.tensor(), part.rows(), offset));
      offset += part.item().bytes();
    }
    this.file =
        new TensorFile(
            slots,
            header,
            offset,
            "safetensors " + content.digest() + " " + plan,
            HeldWeights.NONE);
  }

  /**
   * Values in plain types.
   *
   * @param types what the matrices' values are rounded to
   * @param dtype F32, F16 or BF16, which all tensors take; null leaves each tensor its own, and
   *     gives quantized ones F16
   * @param held weights that stay as they are
   */
  public static SafetensorsExport plain(
      FolderContent content, TypeChoice types, DType dtype, Collection<Element> held) {
    List<Part> parts = new ArrayList<>();
    Map<String, DType> simulated = new LinkedHashMap<>();
    Map<String, OutputTensor> written = new LinkedHashMap<>();
    for (OutputTensor original : content.tensors()) {
      DType as = dtype != null ? dtype : plainType(original.stored());
      DType choice = types.ofSafetensors(original, content.outside(original.name()));
      boolean rounds = choice.quantized() && choice != original.stored();
      OutputTensor out = rounds ? rounded(original, choice, held) : original;
      simulated.put(original.name(), choice);
      written.put(original.name(), out);
      parts.add(plainPart(out, as));
    }
    Map<String, Object> config = new LinkedHashMap<>(content.config());
    state(config, mainType(parts));
    return new SafetensorsExport(
        content,
        files(content, config),
        parts,
        simulated + " " + held,
        element -> {
          OutputTensor original = content.tensor(element.tensor());
          float[] after = new float[original.cols()];
          written.get(element.tensor()).read(element.row(), after, 0);
          HeldWeights.Outcome usual =
              HeldWeights.outcome(
                  original, simulated.get(element.tensor()), element, HeldWeights.NONE);
          return new HeldWeights.Outcome(
              element,
              usual.type(),
              usual.value(),
              after[element.col()],
              usual.storedUsually(),
              usual.othersUsually(),
              usual.othersUsually());
        });
  }

  /**
   * Linear maps packed as compressed-tensors has it.
   *
   * @param dtype F32, F16 or BF16, of scales and of all that is not packed; null for the model's
   * @param held weights whose scales are chosen so that they come back exactly, where they can
   */
  public static SafetensorsExport packed(
      FolderContent content, PackedChoice choice, DType dtype, Map<Coordinate, Element> held) {
    Map<String, List<Element>> heldOf = new LinkedHashMap<>();
    held.values().forEach(e -> heldOf.computeIfAbsent(e.tensor(), t -> new ArrayList<>()).add(e));
    List<OutputTensor> packed = choice.packed(content);
    Set<OutputTensor> isPacked = new HashSet<>(packed); // of experts there are thousands
    int group = choice.group(content, packed);
    Map<String, PackedIntegers> forms = new LinkedHashMap<>();
    List<Part> parts = new ArrayList<>();
    for (OutputTensor tensor : content.tensors()) {
      DType as = dtype != null ? dtype : plainType(tensor.stored());
      if (!isPacked.contains(tensor)) {
        parts.add(plainPart(tensor, as));
        continue;
      }
      PackedIntegers form =
          new PackedIntegers(
              choice.bits(), group, as, heldOf.getOrDefault(tensor.name(), List.of()));
      forms.put(tensor.name(), form);
      pack(tensor, form, parts);
    }
    Map<String, Object> config = new LinkedHashMap<>(content.config());
    state(config, mainType(parts));
    config.put("quantization_config", choice.configuration(content, packed, group));
    Map<String, byte[]> files = files(content, config);
    Function<Element, HeldWeights.Outcome> outcome =
        element -> outcome(content.tensor(element.tensor()), forms.get(element.tensor()), element);
    Map<Coordinate, HeldWeights.Outcome> kept = new LinkedHashMap<>();
    held.forEach((weight, element) -> kept.put(content.written(weight), outcome.apply(element)));
    HeldFile.of(kept).ifPresent(bytes -> files.put(HeldFile.NAME, bytes));
    SafetensorsExport export =
        new SafetensorsExport(content, files, parts, "packed " + forms, outcome);
    if (choice.leavesExperts(content, packed)) {
      export.notices.add(
          "transformers (5.24) does not load experts that stay as they are beside packed ones;"
              + " --keep-super-weights=exact packs them all");
    }
    return export;
  }

  private static Part plainPart(OutputTensor tensor, DType as) {
    RowForm rows = new RowForm.Typed(as);
    long bytes = as.bytes(tensor.shape().elements());
    return new Part(
        new Item(tensor.name(), as.name(), bytes), tensor.shape(), as.name(), tensor, rows);
  }

  private static void pack(OutputTensor tensor, PackedIntegers form, List<Part> parts) {
    String name = tensor.name(); // ends with ".weight"
    long rows = tensor.rowCount();
    int cols = tensor.cols();
    int groups = form.groups(cols);
    int words = form.words(cols);
    parts.add(
        new Part(
            new Item(name + "_packed", "INT" + form.bits(), rows * form.bytes(cols)),
            Shape.of(rows, words),
            "I32",
            tensor,
            form));
    OutputTensor scales =
        OutputTensor.of(
            name + "_scale",
            form.scaleType(),
            Shape.of(rows, groups),
            (row, out, at) -> {
              float[] values = new float[cols];
              tensor.read(row, values, 0);
              form.scales(row, values, cols, out, at);
            });
    parts.add(plainPart(scales, form.scaleType()));
    OutputTensor shape =
        OutputTensor.of(
            name + "_shape",
            DType.F32,
            Shape.of(2),
            (row, out, at) -> {
              out[at] = rows; // both are far below 2^24
              out[at + 1] = cols;
            });
    parts.add(
        new Part(
            new Item(shape.name(), "I64", 16),
            shape.shape(),
            "I64",
            shape,
            new RowForm.Integers()));
  }

  private static HeldWeights.Outcome outcome(
      OutputTensor tensor, PackedIntegers form, Element element) {
    int cols = tensor.cols();
    float[] values = new float[cols];
    tensor.read(element.row(), values, 0);
    if (form == null) {
      float value = values[element.col()];
      return new HeldWeights.Outcome(
          element, plainType(tensor.stored()).name(), value, value, value, 0, 0);
    }
    PackedIntegers usually =
        new PackedIntegers(form.bits(), form.group(), form.scaleType(), List.of());
    float[] after = decoded(form, element.row(), values);
    float[] before = decoded(usually, element.row(), values);
    int width = form.group() == 0 ? cols : form.group();
    return new HeldWeights.Outcome(
        element,
        "INT" + form.bits(),
        values[element.col()],
        after[element.col()],
        before[element.col()],
        HeldWeights.error(values, after, element.col(), width),
        HeldWeights.error(values, before, element.col(), width));
  }

  private static float[] decoded(PackedIntegers form, long row, float[] values) {
    float[] scales = new float[form.groups(values.length)];
    form.scales(row, values, values.length, scales, 0);
    float[] out = new float[values.length];
    for (int i = 0; i < out.length; i++) {
      out[i] = form.decoded(values[i], scales[form.group() == 0 ? 0 : i / form.group()]);
    }
    return out;
  }

  private static DType plainType(DType stored) {
    return stored.quantized() ? DType.F16 : stored;
  }

  /** The plain type that most bytes are in. */
  private static String mainType(List<Part> parts) {
    Map<String, Long> bytes = new LinkedHashMap<>();
    for (Part part : parts) {
      if (part.rows() instanceof RowForm.Typed && part.shape().rank() > 1) {
        bytes.merge(part.form(), part.item().bytes(), Long::sum);
      }
    }
    return bytes.entrySet().stream()
        .max(Map.Entry.comparingByValue())
        .map(Map.Entry::getKey)
        .orElse("F32");
  }

  private static void state(Map<String, Object> config, String type) {
    String name =
        switch (type) {
          case "F16" -> "float16";
          case "BF16" -> "bfloat16";
          default -> "float32";
        };
    config.remove("torch_dtype");
    config.put("dtype", name);
  }

  private static Map<String, byte[]> files(FolderContent content, Map<String, Object> config) {
    Map<String, byte[]> files = new LinkedHashMap<>();
    files.put(FolderContent.CONFIG, json(config));
    files.putAll(content.files());
    return files;
  }

  /** A document with indents and a line feed at its end. */
  static byte[] json(Map<String, ?> document) {
    String text =
        JsonMapper.shared()
            .writer()
            .with(SerializationFeature.INDENT_OUTPUT)
            .writeValueAsString(document);
    return (text + "\n").getBytes(StandardCharsets.UTF_8);
  }

  private static OutputTensor rounded(OutputTensor original, DType type, Collection<Element> held) {
    int cols = original.cols();
    List<Element> own =
        held.stream().filter(element -> element.tensor().equals(original.name())).toList();
    return OutputTensor.of(
        original.name(),
        original.stored(),
        original.shape(),
        (row, out, at) -> {
          original.read(row, out, at);
          MemorySegment block = MemorySegment.ofArray(new byte[(int) type.bytes(cols)]);
          List<Element> here = own.stream().filter(e -> e.row() == row).toList();
          float[] exact = new float[here.size()];
          for (int i = 0; i < exact.length; i++) {
            exact[i] = out[at + here.get(i).col()];
          }
          new BlockEncoder(type).encode(out, at, cols, block, 0);
          Dequantizer.decode(type, block, 0, cols, out, at);
          for (int i = 0; i < exact.length; i++) {
            out[at + here.get(i).col()] = exact[i];
          }
        });
  }

  @Override
  public List<Item> items() {
    return parts.stream().map(Part::item).toList();
  }

  @Override
  public long size() {
    return file.size();
  }

  @Override
  public List<String> notices() {
    return List.copyOf(notices);
  }

  @Override
  public List<HeldWeights.Outcome> outcomes(Collection<Element> elements) {
    return elements.stream().map(outcome).toList();
  }

  @Override
  public double seconds(int threads) {
    return file.seconds(threads);
  }

  @Override
  public void requireRoom(Path target) {
    Path folder = DraftFile.draftOf(target);
    file.requireRoom(Files.isDirectory(folder) ? folder.resolve(WEIGHTS) : target);
  }

  /** What an earlier attempt with other options left. */
  private void removeOthers(Path folder) throws IOException {
    List<Path> all;
    try (Stream<Path> there = Files.list(folder)) {
      all = there.toList();
    }
    for (Path one : all) {
      String name = one.getFileName().toString();
      if (!name.equals(WEIGHTS) && !files.containsKey(name)) {
        Files.delete(one);
      }
    }
  }

  /** Writes a folder: it appears under its name when all is in it. */
  @Override
  public long write(Path target, int threads, Listener listener) {
    Path folder = DraftFile.draftOf(target);
    try {
      Files.createDirectories(folder);
      Path weights = folder.resolve(WEIGHTS);
      long resumed = file.write(weights, threads, listener);
      removeOthers(folder);
      for (Map.Entry<String, byte[]> small : files.entrySet()) {
        Files.write(folder.resolve(small.getKey()), small.getValue());
      }
      Files.move(folder, target);
      return resumed;
    } catch (IOException e) {
      throw new InputException(
          InputException.Kind.OUTPUT,
          target
              + " cannot be written ("
              + e.getMessage()
              + "); name a folder that is not there yet",
          e);
    }
  }
}
