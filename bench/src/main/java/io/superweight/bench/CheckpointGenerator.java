package io.superweight.bench;

import io.superweight.InputException;
import io.superweight.checkpoint.GgufLayout;
import io.superweight.checkpoint.SafetensorsWriter;
import io.superweight.checkpoint.SafetensorsWriter.Entry;
import io.superweight.tensor.BlockEncoder;
import io.superweight.tensor.DType;
import io.superweight.tensor.Dequantizer;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Queue;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;
import java.util.stream.Stream;
import tools.jackson.databind.json.JsonMapper;

/**
 * Writes a Llama-architecture checkpoint of Gaussian noise with two planted super weights, in
 * Hugging Face's layout: sharded safetensors, index, {@code config.json}, the embedded model's
 * tokenizer, and {@code planted.json} with the truth.
 *
 * <p>How it is planted, as in trained models (Yu et al. 2024, section 3.1): in an early layer two
 * rows of gate and up projection carry, under their noise, the direction of the BOS token's
 * embedding. That token's input of the down projection is in the hundreds at these two columns; a
 * large weight at each, in the same row, writes a super activation that the later layers, being
 * noise, neither read nor erase. Each token's residual stream has a magnitude of about 1, and each
 * layer adds a fifth of that. No single entry of embedding, gate or up projection stands out.
 *
 * <p>One seed gives the same weights in any type, also as a GGUF file, so that tools which read
 * different files can be measured side by side.
 *
 * <p>It writes as a stream, and the folder or file appears whole or not at all.
 */
public final class CheckpointGenerator {
  /** The id of the token that makes the super activation. */
  static final int BOS = 1;

  /** The types that matrices are written in. */
  static final Set<DType> OF_SAFETENSORS = EnumSet.of(DType.F32, DType.F16, DType.BF16);

  static final Set<DType> OF_GGUF =
      EnumSet.of(DType.F32, DType.F16, DType.BF16, DType.Q8_0, DType.Q4_0);

  private static final int LAYER = 2;

  /** Bytes of a shard, as Hugging Face's library counts its 5 GB. */
  static final long SHARD_BYTES = 5_000_000_000L;

  private static final int PIECE = 1 << 20;
  private static final int THREADS = Runtime.getRuntime().availableProcessors();
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** Values and what each token's gate and up projection read, of the two planted weights. */
  private static final float[] VALUES = {1.5f, 1.25f};

  private static final float[] READINGS = {20f, 15f};

  private final LlamaShape shape;
  private final long seed;
  private final DType dtype;
  private final List<Entry> entries;
  private final Map<String, NavigableMap<Long, Float>> exact = new HashMap<>();

  private CheckpointGenerator(LlamaShape shape, long seed, DType dtype) {
    this.shape = shape;
    this.seed = seed;
    this.dtype = dtype;
    this.entries = shape.entries(dtype);
  }

  /** Where the bytes of a checkpoint go. */
  private interface Sink {
    void write(MemorySegment bytes) throws IOException;
  }

  /** What makes a folder or file under a name that is not yet the last. */
  private interface Maker {
    Planted make(CheckpointGenerator generator, Path partial) throws IOException;
  }

  /**
   * Writes a checkpoint of safetensors.
   *
   * @param out the folder to make; its parent must exist
   * @param dtype F32, F16 or BF16; the values are those of bfloat16, rounded where F16 needs it
   * @throws InputException of kind OUTPUT where the folder exists, its parent does not, or the disk
   *     has too little room
   */
  public static Planted generate(LlamaShape shape, Path out, long seed, DType dtype) {
    return generate(shape, out, seed, dtype, SHARD_BYTES);
  }

  static Planted generate(LlamaShape shape, Path out, long seed, DType dtype, long shardBytes) {
    return appear(
        shape,
        out,
        seed,
        dtype,
        (generator, partial) -> {
          Files.createDirectory(partial);
          return generator.write(partial, shardBytes);
        });
  }

  /**
   * Writes the same weights as one GGUF file that llama.cpp reads; all matrices in one type.
   *
   * @param out the file to make; its folder must exist
   * @param dtype F32, F16, BF16, Q8_0 or Q4_0
   * @throws InputException as {@link #generate}
   */
  public static Planted generateGguf(LlamaShape shape, Path out, long seed, DType dtype) {
    return appear(shape, out, seed, dtype, CheckpointGenerator::writeGguf);
  }

  private static Planted appear(LlamaShape shape, Path out, long seed, DType dtype, Maker maker) {
    Path target = out.toAbsolutePath().normalize();
    if (Files.exists(target)) {
      throw new InputException(
          InputException.Kind.OUTPUT, out + " exists; delete it or give another name");
    }
    if (target.getParent() == null || !Files.isDirectory(target.getParent())) {
      throw new InputException(
          InputException.Kind.OUTPUT, out + " lies in no folder that exists; make that one first");
    }
    Path partial =
        target.resolveSibling("." + target.getFileName() + "." + UUID.randomUUID() + ".partial");
    try {
      requireRoom(
          dtype.bytes(shape.parameters()),
          Files.getFileStore(target.getParent()).getUsableSpace(),
          out);
      try {
        Planted planted = maker.make(new CheckpointGenerator(shape, seed, dtype), partial);
        Files.move(partial, target, StandardCopyOption.ATOMIC_MOVE);
        return planted;
      } finally {
        delete(partial);
      }
    } catch (IOException e) {
      throw new InputException(
          InputException.Kind.OUTPUT,
          out + " cannot be written (" + e.getMessage() + "); name a folder on a disk with room",
          e);
    }
  }

  /**
   * @throws InputException of kind OUTPUT where a hundredth more than these bytes does not fit
   */
  static void requireRoom(long bytes, long usable, Path out) {
    long needed = bytes + bytes / 100 + 10_000_000;
    if (usable < needed) {
      throw new InputException(
          InputException.Kind.OUTPUT,
          String.format(
              java.util.Locale.ROOT,
              "%s needs %.1f GB and its disk has %.1f GB left; name a folder on another disk",
              out,
              needed / 1e9,
              usable / 1e9));
    }
  }

  private static void delete(Path folder) throws IOException {
    if (!Files.exists(folder)) {
      return;
    }
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }

  private Planted write(Path folder, long shardBytes) throws IOException {
    Planted planted = plant();
    List<List<Entry>> shards = shards(shardBytes);
    Map<String, String> files = new LinkedHashMap<>();
    try (ExecutorService workers = workers()) {
      for (int s = 0; s < shards.size(); s++) {
        String name =
            shards.size() == 1
                ? "model.safetensors"
                : String.format(
                    java.util.Locale.ROOT, "model-%05d-of-%05d.safetensors", s + 1, shards.size());
        shards.get(s).forEach(entry -> files.put(entry.name(), name));
        writeShard(folder.resolve(name), shards.get(s), workers);
      }
    }
    JsonMapper json = JsonMapper.builder().build();
    var pretty = json.writerWithDefaultPrettyPrinter();
    Files.write(folder.resolve("config.json"), pretty.writeValueAsBytes(shape.config(dtype)));
    if (shards.size() > 1) {
      Map<String, Object> index = new LinkedHashMap<>();
      index.put("metadata", Map.of("total_size", dtype.bytes(shape.parameters())));
      index.put("weight_map", files);
      Files.write(folder.resolve("model.safetensors.index.json"), pretty.writeValueAsBytes(index));
    }
    Files.write(folder.resolve("planted.json"), pretty.writeValueAsBytes(planted));
    for (String name : List.of("tokenizer.json", "tokenizer_config.json")) {
      String resource = "/io/superweight/models/books-12m/" + name;
      try (InputStream in = CheckpointGenerator.class.getResourceAsStream(resource)) {
        if (in == null) {
          throw new IllegalStateException(resource + " is not on the class path");
        }
        Files.copy(in, folder.resolve(name));
      }
    }
    return planted;
  }

  private List<List<Entry>> shards(long shardBytes) {
    List<List<Entry>> shards = new ArrayList<>();
    long room = 0;
    for (Entry entry : entries) {
      long bytes = dtype.bytes(entry.shape().elements());
      if (shards.isEmpty() || bytes > room) {
        shards.add(new ArrayList<>());
        room = shardBytes;
      }
      shards.getLast().add(entry);
      room -= bytes;
    }
    return shards;
  }

  /** Decides where and sets the values that are not noise. */
  private Planted plant() {
    RandomGenerator random = RandomGeneratorFactory.of("L64X128MixRandom").create(seed);
    int channel = random.nextInt(shape.hidden);
    String mlp = "model.layers." + LAYER + ".mlp.";
    float[] bos = row("model.embed_tokens.weight", BOS, shape.hidden);
    double length = 0;
    for (float value : bos) {
      length += (double) value * value;
    }
    List<Planted.Weight> weights = new ArrayList<>();
    for (int k = 0; k < VALUES.length; k++) {
      int column = random.nextInt(k * shape.intermediate / 2, (k + 1) * shape.intermediate / 2);
      for (String part : List.of("gate_proj.weight", "up_proj.weight")) {
        float[] row = row(mlp + part, column, shape.hidden);
        for (int c = 0; c < row.length; c++) {
          // The normed residual of that token is its embedding over its root mean square.
          double along = READINGS[k] * bos[c] / Math.sqrt(length * shape.hidden);
          set(mlp + part, (long) column * shape.hidden + c, (float) (row[c] + along));
        }
      }
      set(mlp + "down_proj.weight", (long) channel * shape.intermediate + column, VALUES[k]);
      weights.add(
          new Planted.Weight(
              "layers." + LAYER + ".mlp.down[" + channel + "," + column + "]",
              column,
              VALUES[k],
              READINGS[k]));
    }
    return new Planted(seed, LAYER, channel, BOS, weights);
  }

  private void set(String name, long index, float value) {
    exact.computeIfAbsent(name, n -> new TreeMap<>()).put(index, value);
  }

  /** A row of a matrix as the noise has it. */
  private float[] row(String name, int row, int cols) {
    Noise noise = noise(indexOf(name));
    float[] values = new float[cols];
    for (int c = 0; c < cols; c++) {
      values[c] = noise.at((long) row * cols + c);
    }
    return values;
  }

  private int indexOf(String name) {
    for (int i = 0; i < entries.size(); i++) {
      if (entries.get(i).name().equals(name)) {
        return i;
      }
    }
    throw new IllegalArgumentException(name);
  }

  private Noise noise(int tensor) {
    return new Noise(seed, tensor, deviation(entries.get(tensor).name()));
  }

  /** Standard deviation of a tensor's noise; see the class for what it makes of the stream. */
  private double deviation(String name) {
    if (name.contains("embed_tokens")) {
      return 1;
    }
    if (name.contains("o_proj")) {
      return 0.15 / Math.sqrt(shape.hidden);
    }
    if (name.contains("down_proj")) {
      // silu(g) · u of two standard normal variables has a standard deviation of 0.6.
      return 0.2 / (0.6 * Math.sqrt(shape.intermediate));
    }
    return 1 / Math.sqrt(shape.hidden);
  }

  private static ExecutorService workers() {
    return Executors.newFixedThreadPool(THREADS, Thread.ofPlatform().daemon().factory());
  }

  private void writeShard(Path file, List<Entry> shard, ExecutorService workers)
      throws IOException {
    try (SafetensorsWriter writer = SafetensorsWriter.create(file, shard, Map.of("format", "pt"))) {
      stream(shard, false, workers, writer::write);
      writer.commit();
    }
  }

  private Planted writeGguf(Path file) throws IOException {
    Planted planted = plant();
    List<GgufLayout.Entry> renamed =
        entries.stream().map(e -> GgufLlama.entry(e.name(), e.shape(), dtype)).toList();
    try (ExecutorService workers = workers();
        GgufWriter writer =
            new GgufWriter(file, new GgufLayout(GgufLlama.metadata(shape, dtype), renamed))) {
      stream(entries, true, workers, writer::write);
      writer.commit();
    }
    return planted;
  }

  /** Buffers of a piece: its values in bfloat16, and as they are stored. */
  private record Buffers(MemorySegment values, MemorySegment stored) {}

  /** The first bytes of the second of these buffers. */
  private record Piece(Buffers buffers, long bytes) {}

  /** Makes tensors in pieces of whole rows and writes them in order. */
  private void stream(List<Entry> tensors, boolean gguf, ExecutorService workers, Sink sink)
      throws IOException {
    try (Arena arena = Arena.ofShared()) {
      Queue<Buffers> free = new ArrayDeque<>();
      for (int i = 0; i < THREADS + 1; i++) {
        free.add(new Buffers(arena.allocate(2L * PIECE, 64), arena.allocate(4L * PIECE, 64)));
      }
      Queue<Future<Piece>> made = new ArrayDeque<>();
      for (Entry entry : tensors) {
        int tensor = indexOf(entry.name());
        boolean norm = entry.shape().rank() == 1;
        Noise noise = norm ? null : noise(tensor);
        DType type = norm && gguf ? DType.F32 : dtype;
        long elements = entry.shape().elements();
        int cols = (int) entry.shape().dimension(entry.shape().rank() - 1);
        int step = PIECE / cols * cols;
        boolean permuted = gguf && GgufLlama.permuted(entry.name());
        for (long from = 0; from < elements; from += step) {
          if (free.isEmpty()) {
            free.add(take(made.remove(), sink));
          }
          Buffers buffers = free.remove();
          int count = (int) Math.min(step, elements - from);
          long first = from;
          made.add(
              workers.submit(() -> {
                if (permuted) {
                  for (int i = 0; i < count; i += cols) {
                    long row = GgufLlama.sourceRow((first + i) / cols, shape.headDim());
                    MemorySegment values = buffers.values().asSlice(2L * i, 2L * cols);
                    fill(values, entry.name(), noise, row * cols, cols);
                  }
                } else {
                  fill(buffers.values(), entry.name(), noise, first, count);
                }
                store(buffers.values(), count, cols, type, buffers.stored());
                return new Piece(buffers, type.bytes(count));
              }));
        }
      }
      while (!made.isEmpty()) {
        take(made.remove(), sink);
      }
    }
  }

  /** Writes a piece as soon as it is made; returns its buffers. */
  private static Buffers take(Future<Piece> made, Sink sink) throws IOException {
    try {
      Piece piece = made.get();
      sink.write(piece.buffers().stored().asSlice(0, piece.bytes()));
      return piece.buffers();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted", e);
    } catch (ExecutionException e) {
      throw new IllegalStateException(e.getCause());
    }
  }

  /** The first {@code count} values, rows of {@code cols}, in the type that is written. */
  private static void store(
      MemorySegment values, int count, int cols, DType type, MemorySegment stored) {
    if (type == DType.BF16) {
      MemorySegment.copy(values, 0, stored, 0, type.bytes(count));
      return;
    }
    BlockEncoder encoder = new BlockEncoder(type);
    float[] row = new float[cols];
    for (int i = 0; i < count; i += cols) {
      Dequantizer.decode(DType.BF16, values, i, cols, row, 0);
      encoder.encode(row, 0, cols, stored, type.bytes(i));
    }
  }

  /** Values {@code from} to {@code from + count} of a tensor; of a norm, which has none, ones. */
  private void fill(MemorySegment piece, String name, Noise noise, long from, int count) {
    if (noise == null) {
      for (int i = 0; i < count; i++) {
        piece.set(SHORT, 2L * i, Noise.bfloat16(1));
      }
      return;
    }
    noise.fill(piece, from, count);
    NavigableMap<Long, Float> values = exact.get(name);
    if (values != null) {
      values
          .subMap(from, from + count)
          .forEach((index, value) -> piece.set(SHORT, 2 * (index - from), Noise.bfloat16(value)));
    }
  }
}
