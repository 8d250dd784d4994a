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
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * The forward pass, once for all architectures: {@link #layer} reads top to bottom beside the
 * paper.
 *
 * <p>A <em>lane</em> is one sequence of one variant; its tokens are consecutive rows of the
 * residual stream. Variants stand in the order of the first layer in which they differ from the
 * intact model, and join the stream there as a copy of the intact rows: the layers below are
 * computed once for all of them.
 */
final class ForwardPass implements AutoCloseable {
  /** Rows of the stream that go through a layer together; a longer sequence goes alone. */
  private static final int CHUNK_ROWS = 1024;

  /** Rows whose logits are held at once. */
  private static final int HEAD_ROWS = 128;

  /** One sequence of one variant: rows {@code from} to {@code from + count} of the stream. */
  private record Lane(int slot, int sequence, int from, int count) {}

  /** Consecutive lanes that go through a layer together. */
  private record Chunk(List<Lane> lanes, int from, int rows) {}

  private final Architecture architecture;
  private final Weights weights;
  private final Device device;
  private final Device.Scope scope;
  private final List<? extends Probe> probes;
  private final RopeTables ropes;
  private final PassListener listener;

  /** The sequences; in a cached pass the newest tokens of each lane. */
  private List<int[]> sequences;

  /**
   * Variants by slot: slot 0 is the intact trunk, the others follow in the order of {@link #joins}.
   */
  private final List<Variant> slots;

  /**
   * For each slot the index of its variant in the caller's list; −1 for a trunk that nobody asked
   * for.
   */
  private final int[] callers;

  /**
   * The layer at which each slot's rows join the stream; the number of layers for one that never
   * differs.
   */
  private final int[] joins;

  private final Map<Integer, Map<String, TreeMap<Integer, Map<Integer, Float>>>> edits =
      new HashMap<>();

  private int rowsOfSlot;
  private List<Lane> lanes;
  private Buffer stream;

  // Scratch of one chunk, [rows, …].
  private Buffer normed;
  private Buffer mixed;
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
  private int past;

  ForwardPass(
      Architecture architecture,
      Weights weights,
      Device device,
      List<int[]> sequences,
      List<Variant> variants,
      List<? extends Probe> probes,
      PassListener listener) {
    this(architecture, weights, device, variants, probes, 0, listener);
    begin(sequences);
  }

  private ForwardPass(
      Architecture architecture,
      Weights weights,
      Device device,
      List<Variant> variants,
      List<? extends Probe> probes,
      int capacity,
      PassListener listener) {
    this.listener = listener;
    this.architecture = architecture;
    this.weights = weights;
    this.device = device;
    this.probes = probes;
    this.capacity = capacity;
    this.scope = device.scope();
    this.ropes = new RopeTables(scope);

    int layers = architecture.layers();
    List<Integer> order = new ArrayList<>();
    for (int v = 0; v < variants.size(); v++) {
      order.add(v);
    }
    int[] joinOf = new int[variants.size()];
    for (int v = 0; v < joinOf.length; v++) {
      joinOf[v] = capacity > 0 ? 0 : firstDifference(variants.get(v));
    }
    order.sort(Comparator.comparingInt(v -> joinOf[v]));
    // An intact variant is the trunk itself; otherwise a trunk runs along until the last variant
    // has joined.
    int trunk = -1;
    for (int v : order) {
      if (joinOf[v] == layers && variants.get(v).transforms().isEmpty()) {
        trunk = v;
        break;
      }
    }
    slots = new ArrayList<>();
    List<Integer> callerOf = new ArrayList<>();
    if (capacity == 0) {
      slots.add(Variant.INTACT);
      callerOf.add(trunk);
    }
    for (int v : order) {
      if (v != trunk || capacity > 0) {
        slots.add(variants.get(v));
        callerOf.add(v);
      }
    }
    callers = callerOf.stream().mapToInt(Integer::intValue).toArray();
    joins = new int[callers.length];
    for (int s = 0; s < joins.length; s++) {
      joins[s] = capacity == 0 && s == 0 ? 0 : joinOf[callers[s]];
      Map<String, TreeMap<Integer, Map<Integer, Float>>> byPart = new HashMap<>();
      for (ScalarEdit edit : slots.get(s).edits()) {
        byPart
            .computeIfAbsent(edit.coordinate().part(), part -> new TreeMap<>())
            .computeIfAbsent(edit.coordinate().row(), row -> new HashMap<>())
            .put(edit.coordinate().col(), edit.value());
      }
      edits.put(s, byPart);
    }
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
      int capacity) {
    ForwardPass pass =
        new ForwardPass(
            architecture, weights, device, variants, List.of(), capacity, PassListener.NONE);
    int width = architecture.attention().keyValueHeads() * architecture.attention().headDim();
    pass.cachedKeys = new Buffer[architecture.layers()];
    pass.cachedValues = new Buffer[architecture.layers()];
    for (int i = 0; i < architecture.layers(); i++) {
      pass.cachedKeys[i] = pass.scope.allocate(variants.size() * capacity, width);
      pass.cachedValues[i] = pass.scope.allocate(variants.size() * capacity, width);
    }
    return pass;
  }

  /** The first layer that a variant changes; the number of layers for one that changes none. */
  private int firstDifference(Variant variant) {
    int layers = architecture.layers();
    int first = layers;
    for (ScalarEdit edit : variant.edits()) {
      first = Math.min(first, edit.coordinate().layer());
    }
    for (ActivationTransform transform : variant.transforms()) {
      if (transform.wants(Site.of(Site.Kind.EMBED))) {
        return 0;
      }
      for (int i = 0; i < first; i++) {
        if (wantsAny(transform, i)) {
          first = i;
        }
      }
    }
    return first;
  }

  private boolean wantsAny(ActivationTransform transform, int layer) {
    int experts = weights.layers.get(layer).experts().size();
    for (Site.Kind kind : Site.Kind.values()) {
      if (kind.inExpert()) {
        for (int e = 0; e < experts; e++) {
          if (transform.wants(new Site(kind, layer, e))) {
            return true;
          }
        }
      } else if (kind.inLayer() && transform.wants(Site.of(kind, layer))) {
        return true;
      }
    }
    return false;
  }

  private void begin(List<int[]> tokens) {
    sequences = tokens;
    rowsOfSlot = tokens.stream().mapToInt(ids -> ids.length).sum();
    lanes = new ArrayList<>();
    int from = 0;
    for (int s = 0; s < slots.size(); s++) {
      for (int q = 0; q < tokens.size(); q++) {
        lanes.add(new Lane(s, q, from, tokens.get(q).length));
        from += tokens.get(q).length;
      }
    }
    stream = scope.allocate(from, architecture.hiddenSize());
    allocateScratch(Math.min(from, Math.max(CHUNK_ROWS, longest())));
  }

  private int longest() {
    return sequences.stream().mapToInt(ids -> ids.length).max().orElse(0);
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
    normed = scope.allocate(rows, hidden);
    mixed = scope.allocate(rows, hidden);
    queries = scope.allocate(rows, queryWidth);
    keys = scope.allocate(rows, keyWidth);
    values = scope.allocate(rows, keyWidth);
    attended = scope.allocate(rows, queryWidth);
    fused =
        weights.layers.stream().anyMatch(layer -> layer.qkv() != null)
            ? scope.allocate(rows, queryWidth + 2 * keyWidth)
            : null;
    gates = scope.allocate(rows, intermediate);
    ups = scope.allocate(rows, intermediate);
  }

  /** The whole pass. */
  PassResult run(Head head) {
    Lane first = lanes.getFirst();
    embed(first.from(), rowsOfSlot);
    announceSlot(Site.of(Site.Kind.EMBED), 0);
    int active = 1;
    int layers = architecture.layers();
    listener.layerDone(0, layers);
    for (int i = 0; i < layers; i++) {
      active = join(active, i);
      for (Chunk chunk : chunks(trunkNeeded(active) ? 0 : 1, active)) {
        layer(i, chunk);
      }
      listener.layerDone(i + 1, layers);
    }
    join(active, layers);
    return head == Head.SKIP
        ? new PassResult(new float[0][][], new double[0][][], new double[0][][], new int[0][][])
        : new HeadPass().run(head);
  }

  /**
   * The intact rows are computed as long as somebody asked for them or a variant has yet to join.
   */
  private boolean trunkNeeded(int active) {
    return callers[0] >= 0 || active < slots.size();
  }

  /** Copies the intact rows for the variants that differ from layer {@code i} on. */
  private int join(int active, int i) {
    int now = active;
    while (now < slots.size() && joins[now] <= i) {
      device.copy(stream.rows(0, rowsOfSlot), stream.rows(now * rowsOfSlot, rowsOfSlot));
      if (i == 0) {
        announceSlot(Site.of(Site.Kind.EMBED), now);
      }
      now++;
    }
    return now;
  }

  /**
   * The next tokens of a cached pass, one new row or the whole prompt for each variant; greedy
   * choices.
   */
  int[] step(int[][] newest) {
    int[][] bySlot = new int[slots.size()][];
    for (int s = 0; s < bySlot.length; s++) {
      bySlot[s] = newest[callers[s]];
    }
    int count = bySlot[0].length;
    int total = count * bySlot.length;
    if (stream == null || stream.rows() < total) {
      stream = scope.allocate(total, architecture.hiddenSize());
      allocateScratch(total);
    }
    sequences = List.of(bySlot);
    lanes = new ArrayList<>();
    for (int s = 0; s < bySlot.length; s++) {
      lanes.add(new Lane(s, s, s * count, count));
    }
    rowsOfSlot = count;
    embed(0, total);
    Chunk all = new Chunk(List.copyOf(lanes), 0, total);
    for (int i = 0; i < architecture.layers(); i++) {
      layer(i, all);
    }
    past += count;
    int[] last = new int[bySlot.length];
    for (int s = 0; s < last.length; s++) {
      last[s] = (s + 1) * count - 1;
    }
    int[] chosen = new int[last.length];
    try (Device.Scope local = device.scope()) {
      Buffer rows = local.allocate(last.length, architecture.hiddenSize());
      device.gatherRows(stream, last, rows);
      norm(rows, weights.finalNorm, rows);
      Buffer logits = local.allocate(last.length, architecture.vocabularySize());
      head(rows, logits);
      int[] best = device.argMax(logits);
      for (int s = 0; s < best.length; s++) {
        chosen[callers[s]] = best[s];
      }
    }
    return chosen;
  }

  /** Token embeddings of the sequences into rows {@code from} on. */
  private void embed(int from, int rows) {
    int[] ids = new int[rows];
    int[] positions = new int[rows];
    int at = 0;
    for (int[] sequence : sequences) {
      for (int t = 0; t < sequence.length && at < rows; t++) {
        ids[at] = sequence[t];
        positions[at++] = past + t;
      }
    }
    Buffer target = stream.rows(from, rows);
    device.embed(weights.embed, ids, target);
    if (architecture.embeddingScale() != 1) {
      device.scale(target, architecture.embeddingScale());
    }
    if (weights.positions != null) {
      for (int i = 0; i < rows; i++) {
        positions[i] += architecture.positionOffset().orElseThrow();
      }
      try (Device.Scope local = device.scope()) {
        Buffer learned = local.allocate(rows, architecture.hiddenSize());
        device.embed(weights.positions, positions, learned);
        device.add(target, learned, 1);
      }
    }
  }

  private List<Chunk> chunks(int firstSlot, int slotEnd) {
    List<Chunk> chunks = new ArrayList<>();
    List<Lane> open = new ArrayList<>();
    int rows = 0;
    int capacityRows = normed.rows();
    for (Lane lane : lanes) {
      if (lane.slot() < firstSlot || lane.slot() >= slotEnd) {
        continue;
      }
      if (rows + lane.count() > capacityRows) {
        chunks.add(new Chunk(List.copyOf(open), open.getFirst().from(), rows));
        open.clear();
        rows = 0;
      }
      open.add(lane);
      rows += lane.count();
    }
    if (!open.isEmpty()) {
      chunks.add(new Chunk(List.copyOf(open), open.getFirst().from(), rows));
    }
    return chunks;
  }

  /** One layer over one chunk: x is the residual stream, {@code [rows, hidden]}. */
  private void layer(int i, Chunk chunk) {
    Weights.Layer w = weights.layers.get(i);
    NormPlacement placement = architecture.norm().placement();
    float residualScale = architecture.residualScale();
    Buffer x = stream.rows(chunk.from(), chunk.rows());
    Buffer in = normed.rows(0, chunk.rows());
    Buffer out = mixed.rows(0, chunk.rows());
    announce(Site.of(Site.Kind.RESID_PRE, i), x, chunk);

    Buffer attentionInput = x;
    if (placement != NormPlacement.POST) {
      norm(x, w.attentionNorm(), in);
      attentionInput = in;
    }
    attention(i, w, attentionInput, out, chunk);
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
    announce(Site.of(Site.Kind.RESID_POST, i), x, chunk);
  }

  private void attention(int i, Weights.Layer w, Buffer x, Buffer out, Chunk chunk) {
    Architecture.Attention a = architecture.attention();
    Architecture.LayerSpec spec = architecture.layerSpecs().get(i);
    Buffer q = queries.rows(0, chunk.rows()); // [rows, heads · headDim]
    Buffer k = keys.rows(0, chunk.rows()); // [rows, keyValueHeads · headDim]
    Buffer v = values.rows(0, chunk.rows());
    if (w.qkv() != null) {
      Buffer together = fused.rows(0, chunk.rows());
      linear(w.qkv(), x, together, chunk);
      split(together, q, k, v);
    } else {
      linear(w.q(), x, q, chunk);
      linear(w.k(), x, k, chunk);
      linear(w.v(), x, v, chunk);
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

    Buffer allKeys = k;
    Buffer allValues = v;
    List<Span> spans = new ArrayList<>();
    for (Lane lane : chunk.lanes()) {
      int row = lane.from() - chunk.from();
      if (capacity == 0) {
        spans.add(new Span(row, lane.count(), row, lane.count()));
      } else {
        int cacheRow = lane.slot() * capacity;
        device.copy(k.rows(row, lane.count()), cachedKeys[i].rows(cacheRow + past, lane.count()));
        device.copy(v.rows(row, lane.count()), cachedValues[i].rows(cacheRow + past, lane.count()));
        spans.add(new Span(row, lane.count(), cacheRow, past + lane.count()));
      }
    }
    if (capacity > 0) {
      allKeys = cachedKeys[i];
      allValues = cachedValues[i];
    }
    Buffer y = attended.rows(0, chunk.rows());
    device.attention(
        q,
        allKeys,
        allValues,
        y,
        spans,
        new AttentionSpec(
            a.heads(), a.keyValueHeads(), a.headDim(), a.scale(), a.softcap(), spec.window()));
    linear(w.o(), y, out, chunk);
  }

  /** Rotates queries and keys, together the neighbouring lanes whose frequencies are the same. */
  private void rotate(RopeSpec rope, Buffer q, Buffer k, Chunk chunk) {
    int headDim = architecture.attention().headDim();
    boolean interleaved = architecture.attention().interleavedRope();
    List<Lane> all = chunk.lanes();
    for (int from = 0, to; from < all.size(); from = to) {
      int regime = rope.regime(past + all.get(from).count());
      int length = 0;
      int rows = 0;
      for (to = from; to < all.size() && rope.regime(past + all.get(to).count()) == regime; to++) {
        length = Math.max(length, past + all.get(to).count());
        rows += all.get(to).count();
      }
      int[] positions = new int[rows];
      int at = 0;
      for (Lane lane : all.subList(from, to)) {
        for (int t = 0; t < lane.count(); t++) {
          positions[at++] = past + t;
        }
      }
      RopeTables.Table table = ropes.of(rope, length, capacity);
      int first = all.get(from).from() - chunk.from();
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
    linear(w.up(), x, up, chunk, rowsOfChunk);
    if (w.gate() == null) {
      device.activate(architecture.mlp().activation(), up);
      return up;
    }
    Buffer gate = narrow(gates, x.rows(), width);
    linear(w.gate(), x, gate, chunk, rowsOfChunk);
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
        int[] all = java.util.stream.IntStream.range(0, x.rows()).toArray();
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
    device.matmul(x, w.matrix(), y);
    for (int from = 0; from < chunk.lanes().size(); ) {
      int slot = chunk.lanes().get(from).slot();
      int to = from;
      while (to < chunk.lanes().size() && chunk.lanes().get(to).slot() == slot) {
        to++;
      }
      Map<Integer, Map<Integer, Float>> rows = edits.get(slot).get(w.part());
      if (rows != null) {
        Lane last = chunk.lanes().get(to - 1);
        int begin = chunk.lanes().get(from).from() - chunk.from();
        int end = last.from() + last.count() - chunk.from();
        if (rowsOfChunk != null) {
          begin = firstAtLeast(rowsOfChunk, begin);
          end = firstAtLeast(rowsOfChunk, end);
        }
        edit(w.matrix(), rows, x, y, begin, end);
      }
      from = to;
    }
    if (w.bias() != null) {
      device.addBias(y, w.bias());
    }
  }

  private void edit(
      Matrix matrix,
      Map<Integer, Map<Integer, Float>> rows,
      Buffer x,
      Buffer y,
      int begin,
      int end) {
    if (begin == end) {
      return;
    }
    rows.forEach((row, columns) -> {
      float[] edited = device.row(matrix, row);
      columns.forEach((column, value) -> edited[column] = value);
      device.matmulColumn(
          x.rows(begin, end - begin), matrix, edited, y.rows(begin, end - begin), row);
    });
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
    device.matmul(rows, weights.head.matrix(), logits);
    if (weights.head.bias() != null) {
      device.addBias(logits, weights.head.bias());
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
    for (Lane lane : chunk.lanes()) {
      List<ActivationTransform> transforms = slots.get(lane.slot()).transforms();
      if (transforms.isEmpty() && (probes.isEmpty() || callers[lane.slot()] < 0)) {
        continue;
      }
      int begin = lane.from() - chunk.from();
      int end = begin + lane.count();
      int[] tokens;
      if (rowsOfChunk == null) {
        tokens = java.util.stream.IntStream.range(past, past + lane.count()).toArray();
      } else {
        int laneRow = begin;
        begin = firstAtLeast(rowsOfChunk, begin);
        end = firstAtLeast(rowsOfChunk, end);
        tokens = new int[end - begin];
        for (int t = 0; t < tokens.length; t++) {
          tokens[t] = past + rowsOfChunk[begin + t] - laneRow;
        }
      }
      if (begin < end) {
        tell(site, values.rows(begin, end - begin), lane, tokens);
      }
    }
  }

  private void tell(Site site, Buffer values, Lane lane, int[] tokens) {
    SiteValues view = null;
    for (ActivationTransform transform : slots.get(lane.slot()).transforms()) {
      if (transform.wants(site)) {
        view = view == null ? view(values, lane, tokens) : view;
        transform.transform(site, view);
      }
    }
    if (callers[lane.slot()] < 0) {
      return;
    }
    for (Probe probe : probes) {
      if (probe.wants(site)) {
        view = view == null ? view(values, lane, tokens) : view;
        probe.observe(site, view);
      }
    }
  }

  private SiteValues view(Buffer values, Lane lane, int[] tokens) {
    return new SiteValues(
        callers[lane.slot()],
        lane.sequence(),
        device.host(values),
        values.rows(),
        values.cols(),
        tokens);
  }

  /** Announces a site of the stream for all lanes of a slot. */
  private void announceSlot(Site site, int slot) {
    List<Lane> own = lanes.stream().filter(lane -> lane.slot() == slot).toList();
    int from = slot * rowsOfSlot;
    announce(site, stream.rows(from, rowsOfSlot), new Chunk(own, from, rowsOfSlot));
  }

  @Override
  public void close() {
    scope.close();
  }

  /** What comes after the last layer: final norm, logits, scores. */
  private final class HeadPass {
    private final int variants = (int) Arrays.stream(callers).filter(c -> c >= 0).count();
    private final float[][][] logits = new float[variants][sequences.size()][0];
    private final double[][][] logProbabilities = new double[variants][sequences.size()][0];
    private final double[][][] divergence = new double[variants][sequences.size()][0];
    private final int[][][] greedy = new int[variants][sequences.size()][0];

    PassResult run(Head head) {
      int[] slotOf = new int[variants];
      for (int s = 0; s < callers.length; s++) {
        if (callers[s] >= 0) {
          slotOf[callers[s]] = s;
        }
      }
      for (int q = 0; q < sequences.size(); q++) {
        int length = sequences.get(q).length;
        switch (head) {
          case SKIP -> {}
          case LAST_LOGITS, ALL_LOGITS -> {
            int first = head == Head.LAST_LOGITS ? length - 1 : 0;
            for (int v = 0; v < variants; v++) {
              logits[v][q] = allLogits(laneOf(slotOf[v], q), first, length - first);
            }
          }
          case SCORE -> score(q, slotOf);
        }
      }
      return new PassResult(logits, logProbabilities, divergence, greedy);
    }

    private Lane laneOf(int slot, int sequence) {
      return lanes.get(slot * sequences.size() + sequence);
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
      int[] tokens = java.util.stream.IntStream.range(first, first + count).toArray();
      Buffer rows = local.allocate(count, architecture.hiddenSize());
      norm(stream.rows(lane.from() + first, count), weights.finalNorm, rows);
      tell(Site.of(Site.Kind.FINAL_NORM), rows, lane, tokens);
      Buffer out = local.allocate(count, architecture.vocabularySize());
      head(rows, out);
      tell(Site.of(Site.Kind.LOGITS), out, lane, tokens);
      return out;
    }

    private void score(int q, int[] slotOf) {
      int[] ids = sequences.get(q);
      int scored = ids.length - 1;
      for (int v = 0; v < variants; v++) {
        logProbabilities[v][q] = new double[scored];
        divergence[v][q] = new double[scored];
        greedy[v][q] = new int[scored];
      }
      for (int first = 0; first < scored; first += HEAD_ROWS) {
        int count = Math.min(HEAD_ROWS, scored - first);
        int[] targets = Arrays.copyOfRange(ids, first + 1, first + 1 + count);
        try (Device.Scope local = device.scope()) {
          Buffer intact = logitsOf(local, laneOf(slotOf[0], q), first, count);
          for (int v = 0; v < variants; v++) {
            try (Device.Scope own = device.scope()) {
              Buffer out = v == 0 ? intact : logitsOf(own, laneOf(slotOf[v], q), first, count);
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
