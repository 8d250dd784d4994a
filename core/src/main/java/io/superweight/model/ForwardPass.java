package io.superweight.model;

import io.superweight.compute.AttentionSpec;
import io.superweight.compute.AttentionSpec.Span;
import io.superweight.compute.Buffer;
import io.superweight.compute.Device;
import io.superweight.compute.Matrix;
import io.superweight.model.Architecture.FusedLayout;
import io.superweight.model.Architecture.NormKind;
import io.superweight.model.Architecture.NormPlacement;
import io.superweight.model.Architecture.QueryKeyNorm;
import io.superweight.model.Weights.Linear;
import io.superweight.model.Weights.NormWeights;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CancellationException;
import java.util.function.Predicate;
import java.util.stream.IntStream;

/**
 * The forward pass, once for all architectures: {@link #layer} reads top to bottom beside the
 * paper.
 *
 * <p>A <em>lane</em> is one sequence of one variant; its tokens are consecutive rows of the
 * residual stream. Lanes of all batches go through a layer together. Variants of a batch stand in
 * the order of the first layer in which they differ from the intact model, and join the stream
 * there as a copy of the intact rows: the layers below are computed once for all of them.
 */
final class ForwardPass implements AutoCloseable {
  /** Edited rows of a matrix below which a copy of it is never worth it. */
  private static final int MANY_EDITED_ROWS = 8;

  /** Rows of x whose product with one row of W costs as much as decoding and copying it. */
  private static final long DECODING_ROWS = 8;

  /**
   * One sequence of one variant: rows {@code from} to {@code from + count} of the stream.
   *
   * @param position of its first row in the sequence
   * @param stem the lane whose tokens come before its own; null where nothing does
   */
  record Lane(Slot slot, int sequence, int from, int count, int position, Lane stem) {
    /** Its last rows alone. */
    Lane tail(int rows) {
      int skipped = count - rows;
      return new Lane(slot, sequence, from + skipped, rows, position + skipped, stem);
    }

    /** Tokens before and in it. */
    int end() {
      return position + count;
    }
  }

  /** Lanes that go through a layer together, one below the other. */
  private record Chunk(List<Lane> lanes, int[] starts, int rows) {
    static Chunk of(List<Lane> lanes) {
      int[] starts = new int[lanes.size()];
      int rows = 0;
      for (int n = 0; n < starts.length; n++) {
        starts[n] = rows;
        rows += lanes.get(n).count();
      }
      return new Chunk(List.copyOf(lanes), starts, rows);
    }

    /** Keys that its branches see, each with a copy of its stem's. */
    int branchKeys() {
      return lanes.stream().filter(lane -> lane.stem() != null).mapToInt(Lane::end).sum();
    }

    /** Whether its rows are neighbours in the stream, too. */
    boolean contiguous() {
      int first = lanes.getFirst().from();
      for (int n = 0; n < starts.length; n++) {
        if (lanes.get(n).from() != first + starts[n]) {
          return false;
        }
      }
      return true;
    }
  }

  /** One variant of a batch. */
  static final class Slot {
    final Part part;
    final Variant variant;

    /** Index in the caller's list; −1 for a trunk that nobody asked for. */
    final int caller;

    /** The layer at which its rows join the stream; the number of layers for never. */
    final int join;

    /** By part name. */
    final Map<String, MatrixEdits> edits;

    /** Those that have rows, in order. */
    List<Lane> lanes;

    /** By sequence; null for one without rows. */
    Lane[] laneOf;

    /**
     * Whether its products with a matrix read a changed copy of it, rather than that single output
     * channels are computed again: a function of counts, of the edits alone and the rows of x.
     */
    boolean rebinds(Linear w, int rows) {
      if (executes(w)
          || variant.weights().stream().anyMatch(transform -> transform.wants(w.part()))) {
        return true;
      }
      MatrixEdits edited = edits.get(w.part());
      return edited != null
          && edited.editedRows() >= MANY_EDITED_ROWS
          && (long) edited.editedRows() * rows > DECODING_ROWS * w.matrix().rows();
    }

    /** Whether the variant computes its products with a matrix itself. */
    boolean executes(Linear w) {
      return variant.executed().filter(products -> products.wants(w.part())).isPresent();
    }

    Slot(Part part, Variant variant, int caller, int join) {
      this.part = part;
      this.variant = variant;
      this.caller = caller;
      this.join = join;
      this.edits = MatrixEdits.of(variant.edits());
    }
  }

  /** A batch on its way. */
  static final class Part {
    final Batch batch;
    final int layers;
    final int rowsOfSlot;

    /** The intact trunk first, the others in the order in which they join. */
    final List<Slot> slots = new ArrayList<>();

    /** The device's portion. */
    private final int chunkRows;

    Part(Batch batch, int layers, int chunkRows) {
      this.batch = batch;
      this.chunkRows = chunkRows;
      this.layers = Math.min(layers, batch.layers());
      this.rowsOfSlot = IntStream.range(0, batch.sequences().size()).map(batch::rows).sum();
    }

    /**
     * Rows that products of this batch alone go through together, or 0 where its lanes may stand
     * beside others.
     */
    int pinnedRows() {
      return batch.head() == Head.SCORE_WANTED
          ? families(slots.getFirst().lanes).stream()
              .mapToInt(family -> family.stream().mapToInt(Lane::count).sum())
              .reduce(chunkRows, Math::max)
          : 0;
    }

    int firstRow() {
      return slots.getFirst().lanes.getFirst().from();
    }

    /**
     * The slots that go through a layer. Intact rows are computed as long as somebody asked for
     * them or a variant has yet to join.
     */
    List<Slot> active(int layer) {
      if (layer >= layers) {
        return List.of();
      }
      boolean trunk = slots.getFirst().caller >= 0 || slots.getLast().join > layer;
      return slots.stream()
          .filter(s -> s.join <= layer && (trunk || s != slots.getFirst()))
          .toList();
    }
  }

  private final Architecture architecture;
  private final Weights weights;
  private final Device device;
  private final Device.Scope scope;
  private final RopeTables ropes;
  private final PassListener listener;
  private final ActivationMemory memory;
  private SpillFile spill;
  private final LayerPages pages;
  private LayerPages.Ahead ahead;
  private final List<Part> parts = new ArrayList<>();
  private Buffer stream;

  // Scratch of one chunk, [rows, …].
  private Buffer normed;
  private Buffer mixed;
  private Buffer gathered;
  private Buffer queries;
  private Buffer keys;
  private Buffer values;
  private Buffer fused;
  private Buffer attended;
  private Buffer gates;
  private Buffer ups;

  // The key-value cache of a cached pass: one buffer a layer, [lanes · capacity, keys].
  private final int capacity;
  private Buffer[] cachedKeys;
  private Buffer[] cachedValues;

  /** Rows up to which lanes of several slots go together. */
  private int freeRows;

  /** Keys and values that branches see, {@code [Σ (stem + own), keys]}. */
  private Buffer branchKeys;

  private Buffer branchValues;

  /** A changed matrix, and the memory that it alone takes. */
  private Buffer bound;

  private Device.Scope boundScope;
  private int past;

  ForwardPass(
      Architecture architecture,
      Weights weights,
      Device device,
      List<Batch> batches,
      ActivationMemory memory,
      LayerPages pages,
      RopeTables ropes,
      PassListener listener) {
    this(architecture, weights, device, 0, memory, pages, ropes, listener);
    int rows = 0;
    int free = 0; // of lanes that may stand beside others
    int longest = 0;
    int pinned = 0;
    int branched = 0;
    for (Batch batch : batches) {
      Part part = part(batch);
      parts.add(part);
      for (Slot slot : part.slots) {
        rows = lay(slot, rows);
      }
      if (part.pinnedRows() > 0) {
        for (Chunk chunk : pinnedChunks(part.slots.getFirst(), part.pinnedRows())) {
          pinned = Math.max(pinned, chunk.rows());
          branched = Math.max(branched, chunk.branchKeys());
        }
      } else {
        free += part.slots.size() * part.rowsOfSlot;
        longest = batch.sequences().stream().mapToInt(ids -> ids.length).reduce(longest, Math::max);
      }
    }
    try {
      stream = room(rows, architecture.hiddenSize(), 1)[0];
      // A longer sequence than the device's portion goes through a layer alone.
      freeRows = Math.min(free, Math.max(device.portions().chunkRows(), longest));
      allocateScratch(Math.max(freeRows, pinned));
      if (branched > 0) {
        int keyWidth = keys.cols();
        branchKeys = scope.room(branched, keyWidth);
        branchValues = scope.room(branched, keyWidth);
      }
    } catch (RuntimeException | Error e) {
      close();
      throw e;
    }
  }

  /** Gives the sequences of a slot their rows, from {@code rows} on; the first row behind them. */
  private static int lay(Slot slot, int rows) {
    Batch batch = slot.part.batch;
    int from = rows;
    slot.lanes = new ArrayList<>();
    slot.laneOf = new Lane[batch.sequences().size()];
    for (int q = 0; q < slot.laneOf.length; q++) {
      int count = batch.rows(q);
      int after = batch.places().get(q).after();
      Lane stem = after < 0 ? null : slot.laneOf[after];
      if (count > 0) {
        slot.laneOf[q] = new Lane(slot, q, from, count, stem == null ? 0 : stem.count(), stem);
        slot.lanes.add(slot.laneOf[q]);
        from = Math.addExact(from, count);
      }
    }
    return from;
  }

  /** Lanes with those that continue them. */
  private static List<List<Lane>> families(List<Lane> lanes) {
    List<List<Lane>> families = new ArrayList<>();
    for (Lane lane : lanes) {
      if (lane.stem() == null) {
        families.add(new ArrayList<>());
      }
      families.getLast().add(lane);
    }
    return families;
  }

  /** So many buffers of what grows with the text: in memory, or beyond the bound in a file. */
  private Buffer[] room(int rows, int cols, int count) {
    Buffer[] buffers = new Buffer[count];
    long bytes = Math.multiplyExact(SpillFile.bytes((long) rows * cols), (long) count);
    if (device.inHostMemory() && bytes > memory.mostBytes()) {
      spill = new SpillFile(memory.place(), bytes);
    }
    for (int i = 0; i < count; i++) {
      buffers[i] = spill == null ? scope.allocate(rows, cols) : spill.allocate(rows, cols);
    }
    return buffers;
  }

  private ForwardPass(
      Architecture architecture,
      Weights weights,
      Device device,
      int capacity,
      ActivationMemory memory,
      LayerPages pages,
      RopeTables ropes,
      PassListener listener) {
    this.memory = memory;
    this.pages = pages;
    this.listener = listener;
    this.architecture = architecture;
    this.weights = weights;
    this.device = device;
    this.capacity = capacity;
    this.scope = device.scope();
    this.ropes = ropes;
  }

  private Part part(Batch batch) {
    int layers = architecture.layers();
    List<Variant> variants = batch.variants();
    int[] joins = variants.stream().mapToInt(this::firstDifference).toArray();
    List<Integer> order = new ArrayList<>();
    for (int v = 0; v < joins.length; v++) {
      order.add(v);
    }
    order.sort(Comparator.comparingInt(v -> joins[v]));
    // An intact variant is the trunk itself; otherwise a trunk runs along until the last variant
    // has joined.
    int trunk =
        order.stream()
            .filter(v -> joins[v] == layers && variants.get(v).transforms().isEmpty())
            .findFirst()
            .orElse(-1);
    Part part = new Part(batch, layers, device.portions().chunkRows());
    part.slots.add(new Slot(part, Variant.INTACT, trunk, 0));
    for (int v : order) {
      if (v != trunk) {
        part.slots.add(new Slot(part, variants.get(v), v, joins[v]));
      }
    }
    return part;
  }

  /**
   * A pass of one sequence that grows, with a key-value cache of {@code capacity} positions for
   * each variant.
   */
  static ForwardPass cached(
      Architecture architecture,
      Weights weights,
      Device device,
      List<Variant> variants,
      int capacity,
      ActivationMemory memory,
      LayerPages pages,
      RopeTables ropes) {
    ForwardPass pass =
        new ForwardPass(
            architecture, weights, device, capacity, memory, pages, ropes, PassListener.NONE);
    pass.ahead =
        pages.begin(
            Math.multiplyExact(capacity, architecture.layers() + 1),
            pass.mostExperts(variants.size()));
    Part part =
        new Part(
            new Batch(List.of(new int[0]), variants, List.of(), Head.LAST_LOGITS),
            architecture.layers(),
            device.portions().chunkRows());
    pass.parts.add(part);
    for (int v = 0; v < variants.size(); v++) {
      part.slots.add(new Slot(part, variants.get(v), v, 0));
    }
    int width = architecture.attention().keyValueHeads() * architecture.attention().headDim();
    try {
      int layers = architecture.layers();
      Buffer[] caches = pass.room(variants.size() * capacity, width, 2 * layers);
      pass.cachedKeys = Arrays.copyOf(caches, layers);
      pass.cachedValues = Arrays.copyOfRange(caches, layers, 2 * layers);
    } catch (RuntimeException | Error e) {
      pass.close();
      throw e;
    }
    return pass;
  }

  /** The first layer that a variant changes; the number of layers for one that changes none. */
  private int firstDifference(Variant variant) {
    int layers = architecture.layers();
    int first = layers;
    String known = null;
    for (ScalarEdit edit : variant.edits()) {
      // Thousands of edits mostly come matrix by matrix.
      if (!edit.coordinate().part().equals(known)) {
        known = edit.coordinate().part();
        first = Math.min(first, edit.coordinate().layer());
      }
    }
    for (String part :
        variant.weights().isEmpty() && variant.executed().isEmpty()
            ? List.<String>of()
            : weights.editable.keySet()) {
      if (variant.weights().stream().anyMatch(transform -> transform.wants(part))
          || variant.executed().filter(products -> products.wants(part)).isPresent()) {
        first = Math.min(first, new Coordinate(part, 0, 0).layer());
      }
    }
    for (ActivationTransform transform : variant.transforms()) {
      if (transform.wants(Site.of(Site.Kind.EMBED))) {
        return 0;
      }
      for (int i = 0; i < first; i++) {
        if (wantsAny(transform::wants, i)) {
          first = i;
        }
      }
    }
    return first;
  }

  private boolean wantsAny(Predicate<Site> wants, int layer) {
    int experts = weights.layers.get(layer).experts().size();
    for (Site.Kind kind : Site.Kind.values()) {
      if (kind.inExpert()) {
        for (int e = 0; e < experts; e++) {
          if (wants.test(new Site(kind, layer, e))) {
            return true;
          }
        }
      } else if (kind.inLayer() && wants.test(Site.of(kind, layer))) {
        return true;
      }
    }
    return false;
  }

  private void allocateScratch(int rows) {
    Architecture.Attention a = architecture.attention();
    int hidden = architecture.hiddenSize();
    int intermediate = 0;
    for (Weights.Layer layer : weights.layers) {
      List<Weights.MlpWeights> mlps = new ArrayList<>(layer.experts());
      mlps.add(layer.mlp());
      mlps.add(layer.shared());
      for (Weights.MlpWeights mlp : mlps) {
        intermediate =
            mlp == null ? intermediate : Math.max(intermediate, mlp.down().matrix().cols());
      }
    }
    int queryWidth = a.heads() * a.headDim();
    int keyWidth = a.keyValueHeads() * a.headDim();
    normed = scope.room(rows, hidden);
    mixed = scope.room(rows, hidden);
    gathered = null;
    queries = scope.room(rows, queryWidth);
    keys = scope.room(rows, keyWidth);
    values = scope.room(rows, keyWidth);
    attended = scope.room(rows, queryWidth);
    fused =
        weights.layers.stream().anyMatch(layer -> layer.qkv() != null)
            ? scope.room(rows, queryWidth + 2 * keyWidth)
            : null;
    gates = scope.room(rows, intermediate);
    ups = scope.room(rows, intermediate);
  }

  /** The whole pass; a result for each batch. */
  List<PassResult> run() {
    int layers = parts.stream().mapToInt(part -> part.layers).max().orElse(0);
    boolean head = parts.stream().anyMatch(part -> part.batch.head() != Head.SKIP);
    ahead = pages.begin(head ? layers + 1 : layers, mostExperts(stream.rows()));
    for (Part part : parts) {
      Slot trunk = part.slots.getFirst();
      embed(
          trunk.lanes,
          trunk.lanes.stream().map(lane -> part.batch.sequences().get(lane.sequence())).toList());
      announceEmbedding(trunk);
    }
    listener.layerDone(0, layers);
    for (int i = 0; i < layers; i++) {
      endIfInterrupted(i);
      for (Part part : parts) {
        join(part, i);
      }
      for (Chunk chunk : chunks(i)) {
        layer(i, chunk);
      }
      ahead.release();
      listener.layerDone(i + 1, layers);
    }
    return parts.stream()
        .map(part -> {
          if (part.batch.head() == Head.SKIP) {
            return PassResult.NOTHING;
          }
          join(part, architecture.layers());
          return new HeadPass(part).run();
        })
        .toList();
  }

  /** Whether so many tokens will choose most experts, so that all are worth bringing ahead. */
  private boolean mostExperts(int rows) {
    return architecture
        .mlp()
        .experts()
        .map(experts -> (long) rows * experts.perToken() >= 2L * experts.count())
        .orElse(false);
  }

  /** A long pass ends between two layers where its thread has been interrupted, which stays so. */
  private static void endIfInterrupted(int layer) {
    if (Thread.currentThread().isInterrupted()) {
      throw new CancellationException("interrupted before layer " + layer);
    }
  }

  /** Copies the intact rows for the variants that differ from layer {@code i} on. */
  private void join(Part part, int i) {
    Slot trunk = part.slots.getFirst();
    for (Slot slot : part.slots) {
      if (slot != trunk && slot.join == i) {
        device.copy(
            stream.rows(trunk.lanes.getFirst().from(), part.rowsOfSlot),
            stream.rows(slot.lanes.getFirst().from(), part.rowsOfSlot));
        if (i == 0) {
          announceEmbedding(slot);
        }
      }
    }
  }

  /**
   * The next tokens of a cached pass, one new row or the whole prompt for each variant; greedy
   * choices.
   */
  int[] step(int[][] newest) {
    List<Slot> slots = parts.getFirst().slots;
    int count = newest[0].length;
    int total = count * slots.size();
    if (stream == null || stream.rows() < total) {
      stream = scope.allocate(total, architecture.hiddenSize());
      allocateScratch(total);
    }
    List<Lane> lanes = new ArrayList<>();
    for (int s = 0; s < slots.size(); s++) {
      lanes.add(new Lane(slots.get(s), s, s * count, count, past, null));
    }
    embed(lanes, List.of(newest));
    Chunk all = Chunk.of(lanes);
    for (int i = 0; i < architecture.layers(); i++) {
      endIfInterrupted(i);
      layer(i, all);
      ahead.release();
    }
    past += count;
    int[] last = lanes.stream().mapToInt(lane -> lane.from() + count - 1).toArray();
    try (Device.Scope local = device.scope()) {
      Buffer rows = local.allocate(last.length, architecture.hiddenSize());
      device.gatherRows(stream, last, rows);
      norm(rows, weights.finalNorm, rows);
      Buffer logits = local.allocate(last.length, architecture.vocabularySize());
      head(rows, logits);
      ahead.release();
      return device.argMax(logits);
    }
  }

  /**
   * Embeddings of the first tokens of each sequence into the rows of its lane. A device waits for
   * this: it goes through no token by itself.
   */
  private void embed(List<Lane> lanes, List<int[]> sequences) {
    int from = lanes.getFirst().from();
    int rows = lanes.getLast().from() + lanes.getLast().count() - from;
    int[] ids = new int[rows];
    for (int n = 0; n < lanes.size(); n++) {
      Lane lane = lanes.get(n);
      System.arraycopy(sequences.get(n), 0, ids, lane.from() - from, lane.count());
    }
    Buffer target = stream.rows(from, rows);
    device.embed(weights.embed, ids, target);
    if (architecture.embeddingScale() != 1) {
      device.scale(target, architecture.embeddingScale());
    }
    if (weights.positions != null) {
      int offset = architecture.positionOffset().orElseThrow();
      int[] positions = new int[rows];
      for (Lane lane : lanes) {
        for (int t = 0; t < lane.count(); t++) {
          positions[lane.from() - from + t] = lane.position() + t + offset;
        }
      }
      try (Device.Scope local = device.scope()) {
        Buffer learned = local.allocate(rows, architecture.hiddenSize());
        device.embed(weights.positions, positions, learned);
        device.add(target, learned, 1);
      }
    }
  }

  /** The lanes that go through a layer, in order, as few chunks as the scratch allows. */
  private List<Chunk> chunks(int layer) {
    List<Chunk> chunks = new ArrayList<>();
    List<Lane> open = new ArrayList<>();
    int rows = 0;
    for (Part part : parts) {
      int pinned = part.pinnedRows();
      for (Slot slot : part.active(layer)) {
        if (pinned > 0) {
          chunks.addAll(pinnedChunks(slot, pinned));
          continue;
        }
        for (Lane lane : slot.lanes) {
          if (rows + lane.count() > freeRows) {
            chunks.add(Chunk.of(open));
            open.clear();
            rows = 0;
          }
          open.add(lane);
          rows += lane.count();
        }
      }
    }
    if (!open.isEmpty()) {
      chunks.add(Chunk.of(open));
    }
    return chunks;
  }

  /** The lanes of a slot alone, families together. */
  private static List<Chunk> pinnedChunks(Slot slot, int mostRows) {
    List<Chunk> chunks = new ArrayList<>();
    List<Lane> open = new ArrayList<>();
    int rows = 0;
    for (List<Lane> family : families(slot.lanes)) {
      int more = family.stream().mapToInt(Lane::count).sum();
      if (rows + more > mostRows) {
        chunks.add(Chunk.of(open));
        open.clear();
        rows = 0;
      }
      open.addAll(family);
      rows += more;
    }
    chunks.add(Chunk.of(open));
    return chunks;
  }

  /** The rows of a chunk: in place where they are neighbours, otherwise as a copy. */
  private Buffer load(Chunk chunk) {
    if (chunk.contiguous()) {
      return stream.rows(chunk.lanes().getFirst().from(), chunk.rows());
    }
    if (gathered == null) {
      gathered = scope.room(normed.rows(), normed.cols());
    }
    Buffer x = gathered.rows(0, chunk.rows());
    for (int n = 0; n < chunk.starts().length; n++) {
      Lane lane = chunk.lanes().get(n);
      device.copy(stream.rows(lane.from(), lane.count()), x.rows(chunk.starts()[n], lane.count()));
    }
    return x;
  }

  /** Puts what {@link #load} copied back. */
  private void store(Buffer x, Chunk chunk) {
    if (chunk.contiguous()) {
      return;
    }
    for (int n = 0; n < chunk.starts().length; n++) {
      Lane lane = chunk.lanes().get(n);
      device.copy(x.rows(chunk.starts()[n], lane.count()), stream.rows(lane.from(), lane.count()));
    }
  }

  /**
   * Of the last layer only what the head looks at, where nobody watches it: the last row of each
   * lane where only the last logits are wanted, the rows from the first one that tells something.
   */
  private Chunk needed(int layer, Chunk chunk) {
    if (layer < architecture.layers() - 1) {
      return chunk;
    }
    List<Lane> lanes =
        chunk.lanes().stream()
            .map(lane -> {
              int rows =
                  switch (lane.slot().part.batch.head()) {
                    case LAST_LOGITS -> 1;
                    case SCORE_WANTED -> lane.slot().part.batch.wantedTail(lane.sequence());
                    default -> lane.count();
                  };
              return rows < lane.count() && !watched(lane, layer) ? lane.tail(rows) : lane;
            })
            .toList();
    return lanes.equals(chunk.lanes()) ? chunk : Chunk.of(lanes);
  }

  private boolean watched(Lane lane, int layer) {
    return lane.slot().part.batch.probes().stream().anyMatch(p -> wantsAny(p::wants, layer))
        || lane.slot().variant.transforms().stream().anyMatch(t -> wantsAny(t::wants, layer));
  }

  /** One layer over one chunk: x is the residual stream, {@code [rows, hidden]}. */
  private void layer(int i, Chunk whole) {
    Weights.Layer w = weights.layers.get(i);
    NormPlacement placement = architecture.norm().placement();
    float residualScale = architecture.residualScale();
    Chunk chunk = needed(i, whole); // whose rows go on behind the attention's keys and values
    Buffer x = load(whole);
    announce(Site.of(Site.Kind.RESID_PRE, i), x, whole);

    Buffer attentionInput = x;
    if (placement != NormPlacement.POST) {
      attentionInput = normed.rows(0, whole.rows());
      norm(x, w.attentionNorm(), attentionInput);
    }
    attentionInput = announceInput(Site.of(Site.Kind.ATTN_IN, i), attentionInput, x, whole);
    attention(i, w, attentionInput, whole, chunk);
    if (chunk != whole) {
      x = load(chunk);
    }
    Buffer in = normed.rows(0, chunk.rows());
    Buffer out = mixed.rows(0, chunk.rows());
    announce(Site.of(Site.Kind.ATTN_MIXED, i), attended.rows(0, chunk.rows()), chunk);
    linear(w.o(), attended.rows(0, chunk.rows()), out, chunk);
    if (architecture.parallelResidual()
        && w.mlpNorm() == null
        && (chunk != whole || transformed(Site.of(Site.Kind.ATTN_IN, i), whole))) {
      norm(x, w.attentionNorm(), in); // as it was before attention, for the MLP
    }
    if (placement != NormPlacement.PRE) {
      norm(out, w.attentionPostNorm(), out);
    }
    announce(Site.of(Site.Kind.ATTN_OUT, i), out, chunk);

    Buffer mlpInput;
    if (architecture.parallelResidual()) {
      if (w.mlpNorm() != null) {
        norm(x, w.mlpNorm(), in);
      }
      mlpInput = in;
      device.add(x, out, residualScale);
    } else {
      device.add(x, out, residualScale);
      mlpInput = x;
      if (placement != NormPlacement.POST) {
        norm(x, w.mlpNorm(), in);
        mlpInput = in;
      }
    }
    mlpInput = announceInput(Site.of(Site.Kind.MLP_IN, i), mlpInput, x, chunk);
    if (w.mlp() != null) {
      mlp(i, w.mlp(), mlpInput, out, chunk);
    } else {
      experts(i, w, mlpInput, out, chunk);
    }
    if (placement != NormPlacement.PRE) {
      norm(out, w.mlpPostNorm(), out);
    }
    announce(Site.of(Site.Kind.MLP_OUT, i), out, chunk);
    device.add(x, out, residualScale);
    device.discard(mixed);
    announce(Site.of(Site.Kind.RESID_POST, i), x, chunk);
    store(x, chunk);
  }

  /**
   * Announces what a projection reads. Where that is the residual stream itself, transforms are
   * given a copy.
   */
  private Buffer announceInput(Site site, Buffer input, Buffer x, Chunk chunk) {
    Buffer given = input;
    if (input == x && transformed(site, chunk)) {
      given = normed.rows(0, chunk.rows());
      device.copy(x, given);
    }
    announce(site, given, chunk);
    return given;
  }

  private static boolean transformed(Site site, Chunk chunk) {
    return chunk.lanes().stream()
        .flatMap(lane -> lane.slot().variant.transforms().stream())
        .anyMatch(transform -> transform.wants(site));
  }

  /**
   * Attention of a chunk, into {@link #attended}.
   *
   * @param asking the lanes whose queries are wanted: the chunk's, whole or their ends
   */
  private void attention(int i, Weights.Layer w, Buffer x, Chunk chunk, Chunk asking) {
    Architecture.Attention a = architecture.attention();
    Architecture.LayerSpec spec = architecture.layerSpecs().get(i);
    Buffer q = queries.rows(0, chunk.rows()); // [rows, heads · headDim]
    Buffer k = keys.rows(0, chunk.rows()); // [rows, keyValueHeads · headDim]
    Buffer v = values.rows(0, chunk.rows());
    if (w.qkv() != null) {
      Buffer together = fused.rows(0, chunk.rows());
      inner(w.qkv(), x, together, chunk, null);
      split(together, q, k, v);
    } else {
      inner(w.q(), x, q, chunk, null);
      inner(w.k(), x, k, chunk, null);
      inner(w.v(), x, v, chunk, null);
    }
    if (a.clip() > 0) {
      device.clamp(q, a.clip());
      device.clamp(k, a.clip());
      device.clamp(v, a.clip());
    }
    if (a.queryKeyNorm() != QueryKeyNorm.NONE) {
      boolean perHead = a.queryKeyNorm() == QueryKeyNorm.PER_HEAD;
      Buffer qs = perHead ? q.reshape(a.headDim()) : q;
      Buffer ks = perHead ? k.reshape(a.headDim()) : k;
      float epsilon = architecture.norm().epsilon();
      device.rmsNorm(qs, w.queryNorm(), architecture.norm().offset(), epsilon, qs);
      device.rmsNorm(ks, w.keyNorm(), architecture.norm().offset(), epsilon, ks);
    }
    spec.rope().ifPresent(rope -> rotate(rope, q, k, chunk));
    announce(Site.of(Site.Kind.ATTN_QUERY, i), q, chunk);
    announce(Site.of(Site.Kind.ATTN_KEY, i), k, chunk);
    announce(Site.of(Site.Kind.ATTN_VALUE, i), v, chunk);

    Buffer allKeys = k;
    Buffer allValues = v;
    Buffer asked = q;
    if (asking != chunk) {
      asked = queries.rows(0, asking.rows());
      for (int n = 0; n < asking.starts().length; n++) {
        // Rows move towards the start only.
        int count = asking.lanes().get(n).count();
        int from = chunk.starts()[n] + chunk.lanes().get(n).count() - count;
        device.copy(q.rows(from, count), asked.rows(asking.starts()[n], count));
      }
    }
    List<Span> spans = new ArrayList<>();
    List<Span> branches = new ArrayList<>();
    List<Opened> opened = new ArrayList<>();
    Site weightsSite = Site.of(Site.Kind.ATTN_WEIGHTS, i);
    int stemRow = 0;
    int branchRow = 0;
    int[] branchRows = new int[capacity > 0 ? 0 : chunk.branchKeys()];
    for (int n = 0; n < chunk.starts().length; n++) {
      Lane lane = chunk.lanes().get(n);
      int row = chunk.starts()[n];
      int askingRow = asking.starts()[n];
      int askingCount = asking.lanes().get(n).count();
      if (capacity > 0) {
        int cacheRow = lane.sequence() * capacity;
        device.copy(k.rows(row, lane.count()), cachedKeys[i].rows(cacheRow + past, lane.count()));
        device.copy(v.rows(row, lane.count()), cachedValues[i].rows(cacheRow + past, lane.count()));
        put(
            spans,
            opened,
            lane,
            weightsSite,
            new Span(askingRow, askingCount, cacheRow, past + lane.count()),
            false);
      } else if (lane.stem() == null) {
        stemRow = row;
        put(
            spans,
            opened,
            lane,
            weightsSite,
            new Span(askingRow, askingCount, row, lane.count()),
            false);
      } else {
        int before = lane.stem().count();
        for (int t = 0; t < lane.end(); t++) {
          branchRows[branchRow + t] = t < before ? stemRow + t : row + t - before;
        }
        put(
            branches,
            opened,
            lane,
            weightsSite,
            new Span(askingRow, askingCount, branchRow, lane.end()),
            true);
        branchRow += lane.end();
      }
    }
    if (capacity > 0) {
      allKeys = cachedKeys[i];
      allValues = cachedValues[i];
    }
    if (branchRow > 0) { // rows of a stem, then a branch's own
      device.gatherRows(k, branchRows, branchKeys.rows(0, branchRow));
      device.gatherRows(v, branchRows, branchValues.rows(0, branchRow));
    }
    Buffer y = attended.rows(0, asking.rows());
    AttentionSpec how =
        new AttentionSpec(
            a.heads(), a.keyValueHeads(), a.headDim(), a.scale(), a.softcap(), spec.window());
    if (!spans.isEmpty()) {
      device.attention(asked, allKeys, allValues, y, spans, how);
    }
    for (Opened open : opened) {
      attendOpenly(
          weightsSite,
          open,
          asked,
          open.branch ? branchKeys : allKeys,
          open.branch ? branchValues : allValues,
          y,
          how);
    }
    if (!branches.isEmpty()) {
      Buffer stemAndOwnKeys = branchKeys.rows(0, branchRow);
      device.attention(asked, stemAndOwnKeys, branchValues.rows(0, branchRow), y, branches, how);
    }
  }

  /** A lane whose attention weights a transform wants. */
  private record Opened(Lane lane, Span span, boolean branch) {}

  private static void put(
      List<Span> spans, List<Opened> opened, Lane lane, Site site, Span span, boolean branch) {
    if (lane.slot().variant.transforms().stream().anyMatch(t -> t.wants(site))) {
      opened.add(new Opened(lane, span, branch));
    } else {
      spans.add(span);
    }
  }

  /** Attention of one lane, head by head, its weights announced before they meet the values. */
  private void attendOpenly(
      Site site, Opened open, Buffer q, Buffer k, Buffer v, Buffer y, AttentionSpec how) {
    Span span = open.span;
    int d = how.headDim();
    int before = span.keyCount() - span.queryCount();
    int[] tokens = IntStream.range(open.lane.end() - span.queryCount(), open.lane.end()).toArray();
    Buffer ownKeys = k.rows(span.keyRow(), span.keyCount());
    Buffer ownValues = v.rows(span.keyRow(), span.keyCount());
    try (Device.Scope local = device.scope()) {
      Buffer query = local.allocate(span.queryCount(), d);
      Buffer key = local.allocate(span.keyCount(), d);
      Buffer value = local.allocate(span.keyCount(), d);
      Buffer turned = local.allocate(d, span.keyCount());
      Buffer scores = local.allocate(span.queryCount(), span.keyCount());
      Buffer out = local.allocate(span.queryCount(), d);
      for (int h = 0; h < how.heads(); h++) {
        int keyHead = h * how.keyValueHeads() / how.heads();
        device.copyColumns(q.rows(span.queryRow(), span.queryCount()), h * d, query, 0, d);
        device.copyColumns(ownKeys, keyHead * d, key, 0, d);
        device.copyColumns(ownValues, keyHead * d, value, 0, d);
        device.matmul(query, key, false, scores);
        MemorySegment held = device.host(scores);
        AttentionWeights.softmax(held, span.queryCount(), span.keyCount(), before, how);
        device.store(scores, held);
        tell(site, scores, open.lane, tokens);
        float[] values = AttentionWeights.transposed(device.host(value), span.keyCount(), d);
        held = device.host(turned);
        MemorySegment.copy(values, 0, held, ValueLayout.JAVA_FLOAT_UNALIGNED, 0, values.length);
        device.store(turned, held);
        device.matmul(scores, turned, false, out);
        device.copyColumns(out, 0, y.rows(span.queryRow(), span.queryCount()), h * d, d);
      }
    }
  }

  /** Rotates queries and keys, together the neighbouring lanes whose frequencies are the same. */
  private void rotate(RopeSpec rope, Buffer q, Buffer k, Chunk chunk) {
    int headDim = architecture.attention().headDim();
    boolean interleaved = architecture.attention().interleavedRope();
    List<Lane> all = chunk.lanes();
    for (int from = 0, to; from < all.size(); from = to) {
      int regime = rope.regime(all.get(from).end());
      int length = 0;
      int rows = 0;
      for (to = from; to < all.size() && rope.regime(all.get(to).end()) == regime; to++) {
        length = Math.max(length, all.get(to).end());
        rows += all.get(to).count();
      }
      int[] positions = new int[rows];
      int at = 0;
      for (Lane lane : all.subList(from, to)) {
        for (int t = 0; t < lane.count(); t++) {
          positions[at++] = lane.position() + t;
        }
      }
      RopeTables.Table table = ropes.of(rope, length, capacity);
      int first = chunk.starts()[from];
      device.rope(q.rows(first, rows), headDim, table.cos(), table.sin(), positions, interleaved);
      device.rope(k.rows(first, rows), headDim, table.cos(), table.sin(), positions, interleaved);
    }
  }

  /**
   * Takes the product of a fused matrix apart, {@code [rows, (heads + 2 · keyValueHeads) ·
   * headDim]}.
   */
  private void split(Buffer together, Buffer q, Buffer k, Buffer v) {
    Architecture.Attention a = architecture.attention();
    if (a.fusedLayout() == FusedLayout.CONCATENATED) {
      device.copyColumns(together, 0, q, 0, q.cols());
      device.copyColumns(together, q.cols(), k, 0, k.cols());
      device.copyColumns(together, q.cols() + k.cols(), v, 0, v.cols());
      return;
    }
    int d = a.headDim();
    int group = a.heads() / a.keyValueHeads();
    for (int g = 0; g < a.keyValueHeads(); g++) {
      int from = g * (group + 2) * d;
      device.copyColumns(together, from, q, g * group * d, group * d);
      device.copyColumns(together, from + group * d, k, g * d, d);
      device.copyColumns(together, from + (group + 1) * d, v, g * d, d);
    }
  }

  private void mlp(int i, Weights.MlpWeights w, Buffer x, Buffer out, Chunk chunk) {
    Buffer h = hiddenOf(w, x, chunk, null); // [rows, intermediate]
    announce(Site.of(Site.Kind.DOWN_IN, i), h, chunk);
    linear(w.down(), h, out, chunk);
    announce(Site.of(Site.Kind.DOWN_OUT, i), out, chunk);
  }

  /** {@code act(gate(x)) · up(x)}, or {@code act(up(x))} of a plain MLP. */
  private Buffer hiddenOf(Weights.MlpWeights w, Buffer x, Chunk chunk, int[] rowsOfChunk) {
    int width = w.down().matrix().cols();
    Buffer up = narrow(ups, x.rows(), width);
    inner(w.up(), x, up, chunk, rowsOfChunk);
    if (w.gate() == null) {
      device.activate(architecture.mlp().activation(), up);
      return up;
    }
    Buffer gate = narrow(gates, x.rows(), width);
    inner(w.gate(), x, gate, chunk, rowsOfChunk);
    device.gate(architecture.mlp().activation(), gate, up);
    return gate;
  }

  /** The start of a scratch buffer as {@code [rows, cols]}. */
  private static Buffer narrow(Buffer scratch, int rows, int cols) {
    return new Buffer(scratch.data().asSlice(0, 4L * rows * cols), rows, cols);
  }

  private void experts(int i, Weights.Layer w, Buffer x, Buffer out, Chunk chunk) {
    Architecture.Experts spec = architecture.mlp().experts().orElseThrow();
    try (Device.Scope local = device.scope()) {
      Buffer scores = local.allocate(x.rows(), spec.count());
      linear(w.router(), x, scores, chunk);
      Routing routing = Routing.of(device.host(scores), x.rows(), spec);
      Buffer sum = local.allocate(x.rows(), x.cols());
      for (int e = 0; e < spec.count(); e++) {
        int[] rows = routing.rows(e);
        if (rows.length == 0) {
          continue;
        }
        Weights.MlpWeights expert = w.experts().get(e);
        Buffer routed = local.allocate(rows.length, x.cols());
        device.gatherRows(x, rows, routed);
        Buffer h = hiddenOf(expert, routed, chunk, rows);
        announce(new Site(Site.Kind.EXPERT_DOWN_IN, i, e), h, chunk, rows);
        Buffer y = local.allocate(rows.length, x.cols());
        linear(expert.down(), h, y, chunk, rows);
        announce(new Site(Site.Kind.EXPERT_DOWN_OUT, i, e), y, chunk, rows);
        device.scatterAddRows(y, rows, routing.weights(e), sum);
      }
      if (w.shared() != null) {
        Buffer h = hiddenOf(w.shared(), x, chunk, null);
        announce(Site.of(Site.Kind.DOWN_IN, i), h, chunk);
        Buffer y = local.allocate(x.rows(), x.cols());
        linear(w.shared().down(), h, y, chunk);
        announce(Site.of(Site.Kind.DOWN_OUT, i), y, chunk);
        int[] all = IntStream.range(0, x.rows()).toArray();
        float[] factors = new float[all.length];
        Arrays.fill(factors, 1);
        if (w.sharedRouter() != null) {
          Buffer gate = local.allocate(x.rows(), 1);
          linear(w.sharedRouter(), x, gate, chunk);
          SiteValues g = new SiteValues(0, 0, device.host(gate), x.rows(), 1, all);
          for (int r = 0; r < factors.length; r++) {
            factors[r] = (float) (1 / (1 + Math.exp(-g.get(r, 0))));
          }
        }
        device.scatterAddRows(y, all, factors, sum);
      }
      device.copy(sum, out);
    }
  }

  private void linear(Linear w, Buffer x, Buffer y, Chunk chunk) {
    linear(w, x, y, chunk, null);
  }

  /**
   * {@code y = x · Wᵀ + bias}, with the edited output channels of each variant computed again.
   *
   * @param rowsOfChunk where x holds only some rows of the chunk, which; ascending
   */
  private void linear(Linear w, Buffer x, Buffer y, Chunk chunk, int[] rowsOfChunk) {
    product(w, x, y, chunk, rowsOfChunk, false);
  }

  /** {@link #linear} within attention or an MLP. */
  private void inner(Linear w, Buffer x, Buffer y, Chunk chunk, int[] rowsOfChunk) {
    product(w, x, y, chunk, rowsOfChunk, true);
  }

  private void product(
      Linear w, Buffer x, Buffer y, Chunk chunk, int[] rowsOfChunk, boolean inner) {
    List<Run> runs = runs(chunk, rowsOfChunk);
    // A run whose matrix is another one needs no product with the stored one.
    if (!runs.stream().allMatch(run -> run.slot.rebinds(w, run.count()))) {
      if (inner) {
        device.matmulInner(x, w.matrix(), y);
      } else {
        device.matmul(x, w.matrix(), y);
      }
    }
    for (Run run : runs) {
      if (run.count() == 0) {
        continue;
      }
      Buffer in = x.rows(run.begin, run.count());
      Buffer out = y.rows(run.begin, run.count());
      if (run.slot.executes(w)) {
        run.slot
            .variant
            .executed()
            .orElseThrow()
            .multiply(
                w.part(),
                new MatrixOf(run.slot, w),
                in,
                out,
                sequences(run, chunk, rowsOfChunk),
                device);
      } else if (run.slot.rebinds(w, run.count())) {
        rebound(run.slot, w, in, out);
      } else if (run.slot.edits.containsKey(w.part())) {
        edit(w.matrix(), run.slot.edits.get(w.part()), x, y, run.begin, run.end);
      }
    }
    if (w.bias() != null) {
      device.addBias(y, w.bias());
    }
  }

  /** Rows of a product that belong to one slot. */
  private record Run(Slot slot, int begin, int end) {
    int count() {
      return end - begin;
    }
  }

  private static List<Run> runs(Chunk chunk, int[] rowsOfChunk) {
    List<Run> runs = new ArrayList<>();
    for (int from = 0, to; from < chunk.lanes().size(); from = to) {
      Slot slot = chunk.lanes().get(from).slot();
      to = from;
      while (to < chunk.lanes().size() && chunk.lanes().get(to).slot() == slot) {
        to++;
      }
      int begin = chunk.starts()[from];
      int end = to < chunk.starts().length ? chunk.starts()[to] : chunk.rows();
      if (rowsOfChunk != null) {
        begin = firstAtLeast(rowsOfChunk, begin);
        end = firstAtLeast(rowsOfChunk, end);
      }
      runs.add(new Run(slot, begin, end));
    }
    return runs;
  }

  /** The rows of a run by sequence, counted from its first. */
  private static List<ExecutedProducts.Rows> sequences(Run run, Chunk chunk, int[] rowsOfChunk) {
    List<ExecutedProducts.Rows> sequences = new ArrayList<>();
    for (int n = 0; n < chunk.starts().length; n++) {
      Lane lane = chunk.lanes().get(n);
      if (lane.slot() == run.slot) {
        RowsOfLane rows = rowsOfLane(lane, chunk.starts()[n], rowsOfChunk);
        if (rows.tokens.length > 0) {
          sequences.add(new ExecutedProducts.Rows(rows.begin - run.begin, rows.tokens));
        }
      }
    }
    return sequences;
  }

  /**
   * A matrix as a variant makes it of a stored one: float32 scratch, decoded, edited, transformed.
   */
  private final class MatrixOf implements ExecutedProducts.Source {
    private final Slot slot;
    private final Linear w;

    MatrixOf(Slot slot, Linear w) {
      this.slot = slot;
      this.w = w;
    }

    @Override
    public int rows() {
      return w.matrix().rows();
    }

    @Override
    public int cols() {
      return w.matrix().cols();
    }

    @Override
    public Buffer before(WeightTransform transform) {
      return made(slot, w, transform);
    }

    @Override
    public Buffer after() {
      return made(slot, w, null);
    }
  }

  /** {@code y = x · Wᵀ} with the matrix that a variant makes of W, scratch of this product. */
  private void rebound(Slot slot, Linear w, Buffer x, Buffer y) {
    device.matmul(x, made(slot, w, null), device.precision().rounds(w.matrix().dtype()), y);
  }

  /**
   * The matrix that a variant makes of a stored one: decoded, edited and transformed.
   *
   * @param end the transform before which to stop; null for none
   */
  private Buffer made(Slot slot, Linear w, WeightTransform end) {
    Matrix stored = w.matrix();
    long values = (long) stored.rows() * stored.cols();
    if (bound == null || bound.data().byteSize() < 4 * values) {
      if (boundScope != null) {
        boundScope.close();
      }
      boundScope = device.scope();
      bound = boundScope.room(stored.rows(), stored.cols());
    }
    Buffer matrix = narrow(bound, stored.rows(), stored.cols());
    device.decode(stored, matrix);
    MatrixEdits edits = slot.edits.get(w.part());
    if (edits != null) {
      device.put(matrix, edits.rows(), edits.cols(), edits.values());
    }
    for (WeightTransform transform : slot.variant.weights()) {
      if (transform == end) {
        break;
      }
      if (transform.wants(w.part())) {
        transform.transform(w.part(), matrix, device);
      }
    }
    return matrix;
  }

  private void edit(Matrix matrix, MatrixEdits edits, Buffer x, Buffer y, int begin, int end) {
    for (int from = 0, to; from < edits.count(); from = to) {
      int row = edits.rows()[from];
      float[] edited = device.row(matrix, row);
      for (to = from; to < edits.count() && edits.rows()[to] == row; to++) {
        edited[edits.cols()[to]] = edits.values()[to];
      }
      device.matmulColumn(
          x.rows(begin, end - begin), matrix, edited, y.rows(begin, end - begin), row);
    }
  }

  private static int firstAtLeast(int[] ascending, int value) {
    int at = Arrays.binarySearch(ascending, value);
    return at >= 0 ? at : -at - 1;
  }

  private void norm(Buffer x, NormWeights w, Buffer y) {
    Architecture.Norm norm = architecture.norm();
    if (norm.kind() == NormKind.RMS) {
      device.rmsNorm(x, w.weight(), norm.offset(), norm.epsilon(), y);
    } else {
      device.layerNorm(x, w.weight(), w.bias(), norm.epsilon(), y);
    }
  }

  /** Logits of normed rows. */
  private void head(Buffer rows, Buffer logits) {
    head(rows, weights.head.matrix(), weights.head.bias(), logits);
  }

  /** Logits of tokens {@code column} to {@code column + logits.cols()} only. */
  private void headBlock(Buffer rows, int column, Buffer logits) {
    Buffer bias = weights.head.bias();
    int count = logits.cols();
    head(
        rows,
        weights.head.matrix().rows(column, count),
        bias == null ? null : new Buffer(bias.data().asSlice(4L * column, 4L * count), 1, count),
        logits);
  }

  private void head(Buffer rows, Matrix matrix, Buffer bias, Buffer logits) {
    device.matmul(rows, matrix, logits);
    if (bias != null) {
      device.addBias(logits, bias);
    }
    if (architecture.logitScale() != 1) {
      device.scale(logits, architecture.logitScale());
    }
    if (architecture.logitSoftcap() > 0) {
      device.softcap(logits, architecture.logitSoftcap());
    }
  }

  private void announce(Site site, Buffer values, Chunk chunk) {
    announce(site, values, chunk, null);
  }

  /** Lets transforms, then probes, at the values of a site; rows as in {@link #linear}. */
  private void announce(Site site, Buffer values, Chunk chunk, int[] rowsOfChunk) {
    for (int n = 0; n < chunk.starts().length; n++) {
      Lane lane = chunk.lanes().get(n);
      Slot slot = lane.slot();
      if (slot.variant.transforms().isEmpty()
          && (slot.caller < 0 || slot.part.batch.probes().isEmpty())) {
        continue;
      }
      RowsOfLane rows = rowsOfLane(lane, chunk.starts()[n], rowsOfChunk);
      if (rows.tokens.length > 0) {
        tell(site, values.rows(rows.begin, rows.tokens.length), lane, rows.tokens);
      }
    }
  }

  /** Rows of a lane in what holds all or some rows of a chunk, with the tokens they belong to. */
  private record RowsOfLane(int begin, int[] tokens) {}

  private static RowsOfLane rowsOfLane(Lane lane, int start, int[] rowsOfChunk) {
    if (rowsOfChunk == null) {
      return new RowsOfLane(
          start, IntStream.range(lane.position(), lane.position() + lane.count()).toArray());
    }
    int begin = firstAtLeast(rowsOfChunk, start);
    int[] tokens = new int[firstAtLeast(rowsOfChunk, start + lane.count()) - begin];
    for (int t = 0; t < tokens.length; t++) {
      tokens[t] = lane.position() + rowsOfChunk[begin + t] - start;
    }
    return new RowsOfLane(begin, tokens);
  }

  private void tell(Site site, Buffer values, Lane lane, int[] tokens) {
    SiteValues view = null;
    boolean transformed = false;
    for (ActivationTransform transform : lane.slot().variant.transforms()) {
      if (transform.wants(site) && transform.changes(site)) {
        view = view == null ? view(values, lane, tokens) : view;
        transform.transform(site, view);
        transformed = true;
      }
    }
    if (transformed) {
      device.store(values, view.data());
    }
    if (lane.slot().caller < 0) {
      return;
    }
    for (Probe probe : lane.slot().part.batch.probes()) {
      if (probe.wants(site)) {
        view = view == null ? view(values, lane, tokens) : view;
        probe.observe(site, view);
      }
    }
  }

  private SiteValues view(Buffer values, Lane lane, int[] tokens) {
    return new SiteValues(
        lane.slot().caller,
        lane.sequence(),
        device.host(values),
        values.rows(),
        values.cols(),
        tokens);
  }

  private void announceEmbedding(Slot slot) {
    int from = slot.lanes.getFirst().from();
    announce(
        Site.of(Site.Kind.EMBED), stream.rows(from, slot.part.rowsOfSlot), Chunk.of(slot.lanes));
  }

  @Override
  public void close() {
    if (ahead != null) {
      ahead.close();
    }
    if (spill != null) {
      spill.close();
    }
    if (boundScope != null) {
      boundScope.close();
    }
    scope.close();
  }

  /** What comes after the last layer for one batch: final norm, logits, scores. */
  private final class HeadPass {
    /** Rows whose logits are held at once, where somebody wants to see them whole. */
    private static final int WHOLE_ROWS = 128;

    /** Rows and columns of a block of logits otherwise. */
    private final int blockRows = device.portions().logitRows();

    private final int blockColumns = device.portions().logitColumns();

    private final List<int[]> sequences;
    private final Head head;

    /** The slot of each of the caller's variants. */
    private final Slot[] slots;

    private final float[][][] logits;
    private final double[][][] logProbabilities;
    private final double[][][] divergence;
    private final int[][][] greedy;

    HeadPass(Part part) {
      sequences = part.batch.sequences();
      head = part.batch.head();
      slots = new Slot[part.batch.variants().size()];
      for (Slot slot : part.slots) {
        if (slot.caller >= 0) {
          slots[slot.caller] = slot;
        }
      }
      logits = new float[slots.length][sequences.size()][0];
      logProbabilities = new double[slots.length][sequences.size()][0];
      divergence = new double[slots.length][sequences.size()][0];
      greedy = new int[slots.length][sequences.size()][0];
    }

    PassResult run() {
      if (head == Head.SCORE_WANTED) {
        scoreWanted();
        return new PassResult(logits, logProbabilities, divergence, greedy);
      }
      if (head == Head.SCORE) {
        for (int v = 0; v < slots.length; v++) {
          for (int q = 0; q < sequences.size(); q++) {
            int scored = sequences.get(q).length - 1;
            logProbabilities[v][q] = new double[scored];
            divergence[v][q] = new double[scored];
            greedy[v][q] = new int[scored];
          }
        }
        if (!logitsAreSeen()) {
          scoreInBlocks();
          return new PassResult(logits, logProbabilities, divergence, greedy);
        }
      }
      for (int q = 0; q < sequences.size(); q++) {
        int length = sequences.get(q).length;
        switch (head) {
          case SKIP, SCORE_WANTED -> {}
          case LAST_LOGITS, ALL_LOGITS -> {
            int first = head == Head.LAST_LOGITS ? length - 1 : 0;
            for (int v = 0; v < slots.length; v++) {
              logits[v][q] = allLogits(slots[v].lanes.get(q), first, length - first);
            }
          }
          case SCORE -> scoreWhole(q);
        }
      }
      return new PassResult(logits, logProbabilities, divergence, greedy);
    }

    private float[] allLogits(Lane lane, int first, int count) {
      try (Device.Scope local = device.scope()) {
        Buffer out = logitsOf(local, lane, first, count);
        return view(out, lane, new int[0]).toArray();
      }
    }

    /**
     * Logits of positions {@code first} to {@code first + count} of a lane, {@code [count,
     * vocabulary]}.
     */
    private Buffer logitsOf(Device.Scope local, Lane lane, int first, int count) {
      int[] tokens = IntStream.range(first, first + count).toArray();
      Buffer rows = local.allocate(count, architecture.hiddenSize());
      norm(stream.rows(lane.from() + first, count), weights.finalNorm, rows);
      tell(Site.of(Site.Kind.FINAL_NORM), rows, lane, tokens);
      Buffer out = local.allocate(count, architecture.vocabularySize());
      head(rows, out);
      tell(Site.of(Site.Kind.LOGITS), out, lane, tokens);
      return out;
    }

    private boolean logitsAreSeen() {
      Site site = Site.of(Site.Kind.LOGITS);
      return Arrays.stream(slots)
          .anyMatch(slot ->
              slot.part.batch.probes().stream().anyMatch(probe -> probe.wants(site))
                  || slot.variant.transforms().stream().anyMatch(t -> t.wants(site)));
    }

    /**
     * A token that is scored.
     *
     * @param at its index among those of its sequence
     * @param lane the sequence whose rows tell it: its own, or the stem's
     * @param row of the lane
     */
    private record Wanted(int sequence, int at, int target, int lane, int row) {}

    /** Only what is wanted; a tile is of one variant, and each block is read for all variants. */
    private void scoreWanted() {
      List<Wanted> all = new ArrayList<>();
      for (int q = 0; q < sequences.size(); q++) {
        Batch.Place place = slots[0].part.batch.places().get(q);
        int[] ids = sequences.get(q);
        for (int t = place.from(); t < ids.length; t++) {
          int at = t - place.from();
          int last = t == 0 ? sequences.get(place.after()).length - 1 : 0;
          all.add(
              t > 0
                  ? new Wanted(q, at, ids[t], q, t - 1)
                  : new Wanted(q, at, ids[t], place.after(), last));
        }
        for (int v = 0; v < slots.length; v++) {
          logProbabilities[v][q] = new double[ids.length - place.from()];
          greedy[v][q] = new int[ids.length - place.from()];
        }
      }
      for (int first = 0; first < all.size(); first += blockRows) {
        wantedTile(all.subList(first, Math.min(all.size(), first + blockRows)));
      }
    }

    private void wantedTile(List<Wanted> wanted) {
      int rows = wanted.size();
      int vocabulary = architecture.vocabularySize();
      try (Device.Scope local = device.scope()) {
        Buffer[] x = new Buffer[slots.length];
        BlockedSoftmax[] softmax = new BlockedSoftmax[slots.length];
        for (int v = 0; v < slots.length; v++) {
          x[v] = local.room(rows, architecture.hiddenSize());
          softmax[v] = new BlockedSoftmax(rows);
          Lane[] lanes = slots[v].laneOf;
          device.gatherRows(
              stream, wanted.stream().mapToInt(w -> lanes[w.lane].from() + w.row).toArray(), x[v]);
          norm(x[v], weights.finalNorm, x[v]);
          tellWanted(lanes, wanted, x[v]);
        }
        Buffer room = local.room(rows, Math.min(blockColumns, vocabulary));
        double[] none = new double[rows];
        for (int column = 0; column < vocabulary; column += blockColumns) {
          int from = column;
          int count = Math.min(blockColumns, vocabulary - column);
          int[] inBlock =
              wanted.stream()
                  .mapToInt(w -> from <= w.target && w.target < from + count ? w.target - from : -1)
                  .toArray();
          Buffer out = narrow(room, rows, count);
          for (int v = 0; v < slots.length; v++) {
            headBlock(x[v], column, out);
            softmax[v].add(device.logitBlock(out, inBlock), column, none);
          }
        }
        for (int v = 0; v < slots.length; v++) {
          for (int r = 0; r < rows; r++) {
            Wanted w = wanted.get(r);
            logProbabilities[v][w.sequence][w.at] = softmax[v].logProbability(r);
            greedy[v][w.sequence][w.at] = softmax[v].greedy(r);
          }
        }
      }
    }

    /** Announces the normed rows, those of a lane that follow each other together. */
    private void tellWanted(Lane[] lanes, List<Wanted> wanted, Buffer x) {
      for (int from = 0, to; from < wanted.size(); from = to) {
        Lane lane = lanes[wanted.get(from).lane];
        to = from;
        while (to < wanted.size() && lanes[wanted.get(to).lane] == lane) {
          to++;
        }
        int[] tokens =
            wanted.subList(from, to).stream().mapToInt(w -> lane.position() + w.row).toArray();
        tell(Site.of(Site.Kind.FINAL_NORM), x.rows(from, to - from), lane, tokens);
      }
    }

    /** Positions {@code first} to {@code first + count} of a sequence, in all variants. */
    private record Stretch(int sequence, int first, int count) {}

    /** The output head's weights are read once for all rows of a tile, logits never held whole. */
    private void scoreInBlocks() {
      int positions = Math.max(1, blockRows / slots.length);
      List<Stretch> open = new ArrayList<>();
      int rows = 0;
      for (int q = 0; q < sequences.size(); q++) {
        int scored = sequences.get(q).length - 1;
        for (int first = 0; first < scored; ) {
          int count = Math.min(positions - rows, scored - first);
          open.add(new Stretch(q, first, count));
          first += count;
          rows += count;
          if (rows == positions) {
            scoreTile(open, rows);
            open.clear();
            rows = 0;
          }
        }
      }
      if (rows > 0) {
        scoreTile(open, rows);
      }
    }

    /** Variant v's rows are {@code v · positions} to {@code (v + 1) · positions}. */
    private void scoreTile(List<Stretch> stretches, int positions) {
      int rows = positions * slots.length;
      int[] targets = new int[rows];
      try (Device.Scope local = device.scope()) {
        Buffer x = local.room(rows, architecture.hiddenSize());
        int at = 0;
        for (Slot slot : slots) {
          for (Stretch s : stretches) {
            Lane lane = slot.lanes.get(s.sequence);
            Buffer own = x.rows(at, s.count);
            norm(stream.rows(lane.from() + s.first, s.count), weights.finalNorm, own);
            tell(
                Site.of(Site.Kind.FINAL_NORM),
                own,
                lane,
                IntStream.range(s.first, s.first + s.count).toArray());
            System.arraycopy(sequences.get(s.sequence), s.first + 1, targets, at, s.count);
            at += s.count;
          }
        }
        BlockedSoftmax softmax = blocks(local, x, targets, positions);
        at = 0;
        for (int v = 0; v < slots.length; v++) {
          for (Stretch s : stretches) {
            softmax.logProbabilities(at, s.count, logProbabilities[v][s.sequence], s.first);
            softmax.greedy(at, s.count, greedy[v][s.sequence], s.first);
            for (int t = 0; v > 0 && t < s.count; t++) {
              divergence[v][s.sequence][s.first + t] =
                  softmax.divergence(at + t - v * positions, at + t);
            }
            at += s.count;
          }
        }
      }
    }

    private BlockedSoftmax blocks(Device.Scope local, Buffer x, int[] targets, int positions) {
      int rows = x.rows();
      int vocabulary = architecture.vocabularySize();
      Buffer room = local.room(rows, Math.min(blockColumns, vocabulary));
      BlockedSoftmax softmax = new BlockedSoftmax(rows);
      for (int column = 0; column < vocabulary; column += blockColumns) {
        int from = column;
        int count = Math.min(blockColumns, vocabulary - column);
        Buffer out = narrow(room, rows, count);
        headBlock(x, column, out);
        int[] inBlock =
            Arrays.stream(targets)
                .map(id -> from <= id && id < from + count ? id - from : -1)
                .toArray();
        double[] divergences = new double[rows];
        for (int v = 1; v < slots.length; v++) {
          double[] own =
              device.divergence(out.rows(0, positions), out.rows(v * positions, positions));
          System.arraycopy(own, 0, divergences, v * positions, positions);
        }
        softmax.add(device.logitBlock(out, inBlock), column, divergences);
      }
      return softmax;
    }

    private void scoreWhole(int q) {
      int[] ids = sequences.get(q);
      int scored = ids.length - 1;
      for (int first = 0; first < scored; first += WHOLE_ROWS) {
        int count = Math.min(WHOLE_ROWS, scored - first);
        int[] targets = Arrays.copyOfRange(ids, first + 1, first + 1 + count);
        try (Device.Scope local = device.scope()) {
          Buffer intact = logitsOf(local, slots[0].lanes.get(q), first, count);
          for (int v = 0; v < slots.length; v++) {
            try (Device.Scope own = device.scope()) {
              Buffer out = v == 0 ? intact : logitsOf(own, slots[v].lanes.get(q), first, count);
              System.arraycopy(
                  device.logProbabilities(out, targets), 0, logProbabilities[v][q], first, count);
              System.arraycopy(device.argMax(out), 0, greedy[v][q], first, count);
              if (v > 0) {
                System.arraycopy(device.divergence(intact, out), 0, divergence[v][q], first, count);
              }
            }
          }
        }
      }
    }
  }
}
