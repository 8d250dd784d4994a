package io.superweight.recipe;

import io.superweight.InputException;
import io.superweight.compute.Buffer;
import io.superweight.compute.Device;
import io.superweight.compute.Matrix;
import io.superweight.find.VerificationText;
import io.superweight.find.Windows;
import io.superweight.find.Windows.Window;
import io.superweight.model.Coordinate;
import io.superweight.model.Head;
import io.superweight.model.PassResult;
import io.superweight.model.Transformer;
import io.superweight.model.Variant;
import io.superweight.model.WeightTransform;
import io.superweight.recipe.Recipe.Line;
import io.superweight.recipe.Recipe.Module;
import io.superweight.recipe.Recipe.Verdict;
import io.superweight.statistics.Interval;
import io.superweight.statistics.PairedBootstrap;
import io.superweight.tokenizer.BosPolicy;
import io.superweight.tokenizer.Tokenizer;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * Looks for a mix of codings that costs less than a tool's own at the same size.
 *
 * <p>Each module is rounded alone to the fewest bits, and KL(model ‖ that) is measured on prose.
 * What more bits would spare is that cost in proportion to the squared error of the weights, which
 * is computed. Steps are then taken in the order of what they spare by byte until the budget is
 * spent. The mix that results, and the stock mix, are measured on other text, paired.
 */
public final class RecipeSearch {
  /** Tokens of a window, by default. */
  public static final int WINDOW = 128;

  /** Versions of the model that one pass takes along. */
  private static final int TOGETHER = 24;

  /** Errors of a matrix are computed on about so many of its rows, evenly spread. */
  private static final int SAMPLED_ROWS = 192;

  private final Transformer model;
  private final Tool tool;
  private final Collection<Coordinate> superWeights;
  private final Consumer<String> progress;
  private final List<Unit> units = new ArrayList<>();
  private final List<int[]> choosing;
  private final List<Window> judging;
  private final int group;

  /** Matrices that are stored alike. */
  private static final class Unit {
    final List<String> parts = new ArrayList<>();
    final List<Coding> codings = new ArrayList<>();
    final Map<Coding, Long> bytes = new HashMap<>();
    final Map<Coding, Double> errors = new HashMap<>();
    double cost;
    int chosen;
    double gained;

    /** KL that it costs with a coding. */
    double cost(int i) {
      double worst = errors.get(codings.getFirst());
      return worst == 0 ? 0 : cost * errors.get(codings.get(i)) / worst;
    }

    long bytes(int i) {
      return bytes.get(codings.get(i));
    }
  }

  private RecipeSearch(
      Transformer model,
      Tokenizer tokenizer,
      Tool tool,
      Collection<Coordinate> superWeights,
      VerificationText text,
      BosPolicy bos,
      int windows,
      int windowTokens,
      Consumer<String> progress) {
    this.model = model;
    this.tool = tool;
    this.superWeights = superWeights;
    this.progress = progress;
    Windows cut = Windows.of(text, tokenizer, bos, windowTokens);
    List<Window> other = cut.heldOut().isEmpty() ? cut.scored() : cut.heldOut();
    this.choosing = other.stream().limit(Math.max(1, windows / 4)).map(Window::ids).toList();
    this.judging = cut.scored().subList(0, Math.min(windows, cut.scored().size()));
    this.group = group();
    units();
  }

  /**
   * Searches.
   *
   * @param budget bytes of the layers' matrices, from their number of weights
   * @param superWeights of the model; may be empty
   * @param windows that the mixes are judged on; a quarter as many choose
   * @param windowTokens tokens of each, such as {@link #WINDOW}
   * @throws InputException of kind USAGE where the budget is less than the fewest bits take
   */
  public static Recipe search(
      Transformer model,
      Tokenizer tokenizer,
      Tool tool,
      Budget budget,
      Collection<Coordinate> superWeights,
      VerificationText text,
      BosPolicy bos,
      int windows,
      int windowTokens,
      Consumer<String> progress) {
    return new RecipeSearch(
            model, tokenizer, tool, superWeights, text, bos, windows, windowTokens, progress)
        .run(budget);
  }

  /** The largest group that divides all rows: these tools have one size for all. */
  private int group() {
    for (int size : new int[] {128, 64, 32}) {
      if (model.matrices().values().stream().allMatch(m -> m.cols() % size == 0)) {
        return size;
      }
    }
    if (tool == Tool.LLAMA_CPP) {
      return 32;
    }
    throw new InputException(
        InputException.Kind.UNSUPPORTED,
        "rows of "
            + model.matrices().values().stream().mapToInt(Matrix::cols).min().orElse(0)
            + " weights are not whole groups of 32, which "
            + tool.text()
            + " needs; use --for llama.cpp");
  }

  private void units() {
    Map<String, Unit> byName = new LinkedHashMap<>();
    for (String part : model.matrices().keySet()) {
      byName.computeIfAbsent(unit(part), n -> new Unit()).parts.add(part);
    }
    for (Unit unit : byName.values()) {
      for (Coding coding : tool.codings(group)) {
        if (unit.parts.stream().allMatch(p -> coding.fits(model.matrices().get(p).cols()))) {
          unit.codings.add(coding);
          unit.bytes.put(coding, bytes(unit.parts, coding));
        }
      }
      if (!unit.codings.isEmpty()) {
        units.add(unit);
      }
    }
  }

  /** Experts of a layer are one tensor in GGUF; projections of one input are fused elsewhere. */
  private String unit(String part) {
    String name = part.replaceAll("\\.experts\\.\\d+\\.", ".experts.*.");
    return tool.fuses()
        ? name.replaceAll("\\.attn\\.[qkv]$", ".attn.qkv").replaceAll("\\.(gate|up)$", ".gate_up")
        : name;
  }

  private long bytes(Collection<String> parts, Coding coding) {
    long bytes = 0;
    for (String part : parts) {
      Matrix matrix = model.matrices().get(part);
      bytes += matrix.rows() * coding.rowBytes(matrix.cols());
    }
    return bytes;
  }

  private Recipe run(Budget budget) {
    long elements = units.stream().flatMap(u -> u.parts.stream()).mapToLong(this::elements).sum();
    List<StockMix> stocks = stocks();
    long most = budget.bytes(elements, name -> stockBytes(stock(stocks, name)));
    errors();
    long least = units.stream().mapToLong(u -> u.bytes(0)).sum();
    if (least > most) {
      throw new InputException(
          InputException.Kind.USAGE,
          String.format(
              Locale.ROOT,
              "--budget of %.3f bits a weight is less than the %.3f that the fewest bits of %s take: give more",
              8.0 * most / elements,
              8.0 * least / elements,
              tool.text()));
    }
    costs();
    choose(most - least);
    StockMix stock =
        stocks.stream()
            .filter(s -> stockBytes(s) <= most)
            .max(Comparator.comparingLong(this::stockBytes))
            .orElse(null);
    if (stock == null) {
      throw new InputException(
          InputException.Kind.USAGE,
          "no stock mix of "
              + tool.text()
              + " is as small as the budget: give at least "
              + stocks.stream().mapToLong(this::stockBytes).min().orElse(0)
              + " bytes");
    }
    return judge(stock, most, elements);
  }

  private long elements(String part) {
    Matrix matrix = model.matrices().get(part);
    return (long) matrix.rows() * matrix.cols();
  }

  private List<StockMix> stocks() {
    if (tool == Tool.LLAMA_CPP) {
      return List.copyOf(StockMix.LlamaCpp.ALL);
    }
    List<StockMix> stocks = new ArrayList<>();
    for (int size = group; size >= 32; size /= 2) {
      stocks.add(new StockMix.Uniform("int4, group " + size, new Coding.Groups(4, size)));
    }
    if (tool == Tool.GPTQMODEL) {
      stocks.add(new StockMix.Uniform("int8, group " + group, new Coding.Groups(8, group)));
    }
    return stocks;
  }

  private StockMix stock(List<StockMix> stocks, String name) {
    return stocks.stream()
        .filter(s -> s.name().equalsIgnoreCase(name))
        .findFirst()
        .orElseThrow(() ->
            new InputException(
                InputException.Kind.USAGE,
                "--budget takes bytes (90M), bits a weight (4.5) or a stock mix of "
                    + tool.text()
                    + " ("
                    + stocks.stream().map(StockMix::name).collect(Collectors.joining(", "))
                    + "), not \""
                    + name
                    + "\""));
  }

  private Map<String, Coding> codings(StockMix stock) {
    Map<String, Coding> codings = new HashMap<>();
    for (Unit unit : units) {
      for (String part : unit.parts) {
        stock
            .coding(part, model.layers(), model.matrices().get(part).cols())
            .ifPresent(c -> codings.put(part, c));
      }
    }
    return codings;
  }

  private long stockBytes(StockMix stock) {
    long bytes = 0;
    for (Map.Entry<String, Coding> entry : codings(stock).entrySet()) {
      bytes += bytes(List.of(entry.getKey()), entry.getValue());
    }
    return bytes;
  }

  /** Squared errors of all codings; those that take more and err more than another drop out. */
  private void errors() {
    progress.accept("rounding each module to each type");
    units.parallelStream()
        .forEach(unit -> {
          for (Coding coding : unit.codings) {
            double sum = 0;
            for (String part : unit.parts) {
              sum += squaredError(model.matrices().get(part), coding);
            }
            synchronized (unit) {
              unit.errors.put(coding, sum);
            }
          }
          List<Coding> kept = new ArrayList<>();
          unit.codings.sort(
              Comparator.comparingLong((Coding c) -> unit.bytes.get(c))
                  .thenComparingDouble(unit.errors::get));
          for (Coding coding : unit.codings) {
            if (kept.isEmpty() || unit.errors.get(coding) < unit.errors.get(kept.getLast())) {
              kept.add(coding);
            }
          }
          unit.codings.clear();
          unit.codings.addAll(kept);
        });
  }

  private double squaredError(Matrix matrix, Coding coding) {
    double sum = 0;
    int step = Math.max(1, matrix.rows() / SAMPLED_ROWS);
    for (int r = 0; r < matrix.rows(); r += step) {
      float[] row = row(matrix, r);
      float[] rounded = row.clone();
      coding.round(rounded, row.length);
      for (int i = 0; i < row.length; i++) {
        double d = (double) rounded[i] - row[i];
        sum += d * d;
      }
    }
    return sum;
  }

  private float[] row(Matrix matrix, int r) {
    synchronized (model) {
      return model.device().row(matrix, r);
    }
  }

  /** What rounding each module to its fewest bits costs, alone. */
  private void costs() {
    for (int from = 0; from < units.size(); from += TOGETHER) {
      List<Unit> some = units.subList(from, Math.min(from + TOGETHER, units.size()));
      progress.accept("measuring modules, " + (from + 1) + " of " + units.size());
      List<Variant> variants = new ArrayList<>(List.of(Variant.INTACT));
      for (Unit unit : some) {
        Map<String, Coding> rounded = new HashMap<>();
        unit.parts.forEach(part -> rounded.put(part, unit.codings.getFirst()));
        variants.add(variant(unit.parts.getFirst(), rounded));
      }
      PassResult result = model.forward(choosing, variants, List.of(), Head.SCORE);
      for (int i = 0; i < some.size(); i++) {
        some.get(i).cost =
            Math.max(
                0,
                Arrays.stream(result.divergence()[i + 1]).flatMapToDouble(Arrays::stream).sum()
                    / choosing.stream().mapToInt(ids -> ids.length - 1).sum());
      }
    }
  }

  private static Variant variant(String name, Map<String, Coding> codings) {
    return new Variant(name, List.of(), List.of(), List.of(new Rounded(codings)));
  }

  /** Rounds some matrices, each its own way. */
  private record Rounded(Map<String, Coding> codings) implements WeightTransform {
    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;
    private static final int ROWS = 16;

    @Override
    public boolean wants(String part) {
      return codings.containsKey(part);
    }

    @Override
    public void transform(String part, Buffer weights, Device device) {
      Coding coding = codings.get(part);
      MemorySegment data = device.host(weights);
      int cols = weights.cols();
      IntStream.range(0, (weights.rows() + ROWS - 1) / ROWS)
          .parallel()
          .forEach(piece -> {
            int count = Math.min(ROWS, weights.rows() - piece * ROWS);
            float[] values = new float[count * cols];
            long at = 4L * piece * ROWS * cols;
            MemorySegment.copy(data, FLOAT, at, values, 0, values.length);
            coding.round(values, cols);
            MemorySegment.copy(values, 0, data, FLOAT, at, values.length);
          });
      device.store(weights, data);
    }
  }

  /** Steps in the order of what they spare by byte. */
  private void choose(long room) {
    long left = room;
    while (true) {
      Unit best = null;
      int step = 0;
      double most = 0;
      for (Unit unit : units) {
        for (int to = unit.chosen + 1; to < unit.codings.size(); to++) {
          long more = unit.bytes(to) - unit.bytes(unit.chosen);
          double spared = unit.cost(unit.chosen) - unit.cost(to);
          double by = more == 0 ? Double.POSITIVE_INFINITY : spared / more;
          if (more <= left && spared > 0 && (by > most || by == most && tried(unit, best))) {
            best = unit;
            step = to;
            most = by;
          }
        }
      }
      if (best == null) {
        return;
      }
      left -= best.bytes(step) - best.bytes(best.chosen);
      best.gained += best.cost(best.chosen) - best.cost(step);
      best.chosen = step;
    }
  }

  /** Of equals those of super weights come first. */
  private boolean tried(Unit one, Unit other) {
    return other == null || special(one) && !special(other);
  }

  private boolean special(Unit unit) {
    return unit.parts.stream()
        .anyMatch(part ->
            superWeights.stream()
                .anyMatch(w ->
                    w.part().equals(part)
                        || part.startsWith("layers." + w.layer() + ".mlp.")
                            && part.matches(".*\\.(gate|up|gate_up)")));
  }

  private Recipe judge(StockMix stock, long budget, long elements) {
    progress.accept("judging on other text");
    Map<String, Coding> mix = new HashMap<>();
    for (Unit unit : units) {
      unit.parts.forEach(part -> mix.put(part, unit.codings.get(unit.chosen)));
    }
    List<Variant> variants =
        List.of(Variant.INTACT, variant("recipe", mix), variant("stock", codings(stock)));
    Map<Integer, Integer> index = new HashMap<>();
    judging.forEach(w -> index.putIfAbsent(w.unit(), index.size()));
    int[] tokens = new int[index.size()];
    double[][] sums = new double[3][index.size()];
    PassResult result =
        model.forward(judging.stream().map(Window::ids).toList(), variants, List.of(), Head.SCORE);
    for (int w = 0; w < judging.size(); w++) {
      int unit = index.get(judging.get(w).unit());
      tokens[unit] += judging.get(w).predicted();
      for (int v = 1; v < 3; v++) {
        sums[v - 1][unit] += Arrays.stream(result.divergence()[v][w]).sum();
      }
      sums[2][unit] = sums[0][unit] - sums[1][unit];
    }
    PairedBootstrap bootstrap = new PairedBootstrap(tokens.length, 2000, 0.95, 1);
    Interval own = bootstrap.mean(sums[0], tokens);
    Interval others = bootstrap.mean(sums[1], tokens);
    Interval difference = bootstrap.mean(sums[2], tokens);
    Coding base = base();
    return new Recipe(
        tool,
        budget,
        elements,
        base.name(),
        units.stream().map(this::module).toList(),
        units.stream().mapToLong(u -> u.bytes(u.chosen)).sum(),
        own,
        stock.name(),
        stockBytes(stock),
        others,
        difference,
        difference.high() < 0
            ? Verdict.GAIN
            : difference.low() > 0 ? Verdict.WORSE : Verdict.NO_GAIN,
        new Lines(model, tool, base).of(units.stream().map(this::module).toList()),
        choosing.stream().mapToInt(ids -> ids.length - 1).sum(),
        Arrays.stream(tokens).sum());
  }

  /** What most bytes of the smallest mix are stored as: modules that take it need no line. */
  private Coding base() {
    Map<Coding, Long> elements = new HashMap<>();
    for (Unit unit : units) {
      elements.merge(
          unit.codings.get(unit.chosen),
          unit.parts.stream().mapToLong(this::elements).sum(),
          Long::sum);
    }
    if (tool != Tool.LLAMA_CPP) {
      return new Coding.Groups(4, group);
    }
    // A plain type, as a K mix of llama.cpp would lift modules of its own.
    Optional<Coding> plain =
        tool.codings(group).stream()
            .filter(c -> !c.name().endsWith("_k"))
            .max(Comparator.comparingLong(c -> elements.getOrDefault(c, 0L)));
    return plain.orElseThrow();
  }

  private Module module(Unit unit) {
    long more = unit.bytes(unit.chosen) - unit.bytes(0);
    return new Module(
        unit.parts,
        unit.codings.get(unit.chosen).name(),
        unit.bytes(unit.chosen),
        unit.cost,
        more == 0 ? 0 : unit.gained / more * 1e6,
        special(unit));
  }

  /** The lines of a tool's configuration. */
  private record Lines(Transformer model, Tool tool, Coding base) {
    private static final Map<String, String> GGUF =
        Map.ofEntries(
            Map.entry("attn.q", "attn_q"),
            Map.entry("attn.k", "attn_k"),
            Map.entry("attn.v", "attn_v"),
            Map.entry("attn.qkv", "attn_qkv"),
            Map.entry("attn.o", "attn_output"),
            Map.entry("mlp.gate", "ffn_gate"),
            Map.entry("mlp.up", "ffn_up"),
            Map.entry("mlp.down", "ffn_down"),
            Map.entry("mlp.experts.gate", "ffn_gate_exps"),
            Map.entry("mlp.experts.up", "ffn_up_exps"),
            Map.entry("mlp.experts.down", "ffn_down_exps"),
            Map.entry("mlp.shared.gate", "ffn_gate_shexp"),
            Map.entry("mlp.shared.up", "ffn_up_shexp"),
            Map.entry("mlp.shared.down", "ffn_down_shexp"));

    private static final Map<String, String> LINEAR =
        Map.ofEntries(
            Map.entry("attn.q", "q_proj"),
            Map.entry("attn.k", "k_proj"),
            Map.entry("attn.v", "v_proj"),
            Map.entry("attn.o", "o_proj"),
            Map.entry("mlp.gate", "gate_proj"),
            Map.entry("mlp.up", "up_proj"),
            Map.entry("mlp.down", "down_proj"));

    List<Line> of(List<Module> modules) {
      Map<String, List<Module>> groups = new TreeMap<>();
      for (Module module : modules) {
        if (!module.coding().equals(base.name())) {
          groups
              .computeIfAbsent(kinds(module) + "=" + module.coding(), k -> new ArrayList<>())
              .add(module);
        }
      }
      List<Line> lines = new ArrayList<>();
      groups.forEach((key, some) -> {
        String layers =
            some.stream()
                .map(m -> m.parts().getFirst().split("\\.")[1])
                .collect(Collectors.joining("|"));
        layers = some.size() == 1 ? layers : "(" + layers + ")";
        String coding = some.getFirst().coding();
        lines.add(new Line(text(some.getFirst(), layers, coding), why(some, coding)));
      });
      return lines;
    }

    private static String kind(String part) {
      return part.replaceAll("^layers\\.\\d+\\.", "").replaceAll("experts\\.\\d+", "experts");
    }

    private static String kinds(Module module) {
      return module.parts().stream().map(Lines::kind).distinct().collect(Collectors.joining("+"));
    }

    private String text(Module module, String layers, String coding) {
      if (tool == Tool.LLAMA_CPP) {
        String name = GGUF.getOrDefault(kinds(module), kinds(module));
        return "--tensor-type 'blk\\." + layers + "\\." + name + "\\.=" + coding + "'";
      }
      String names =
          module.parts().stream()
              .map(Lines::kind)
              .map(k -> names(k))
              .distinct()
              .collect(Collectors.joining("|", "(", ")"));
      String regex = ".*layers\\." + layers + "\\..*" + names + "$";
      return switch (tool) {
        case LLM_COMPRESSOR -> "ignore: \"re:" + regex + "\"";
        case AWQ -> "modules_to_not_convert: \"" + regex + "\"";
        case GPTQMODEL ->
            coding.equals("16 bits")
                ? "dynamic[\"-:" + regex + "\"] = {}"
                : "dynamic[\"+:" + regex + "\"] = {\"bits\": 8}";
        case LLAMA_CPP -> throw new IllegalStateException();
      };
    }

    /** The last segment of the module's name in the checkpoint, where it is a folder's. */
    private String names(String kind) {
      if (model.checkpoint().format() == io.superweight.checkpoint.Checkpoint.Format.SAFETENSORS) {
        List<String> templates = model.architecture().parts().getOrDefault(kind, List.of());
        if (!templates.isEmpty()) {
          String[] segments = templates.getFirst().replaceAll("\\.weight$", "").split("\\.");
          return segments[segments.length - 1];
        }
      }
      return LINEAR.getOrDefault(kind, kind);
    }

    private static String why(List<Module> some, String coding) {
      double cost = some.stream().mapToDouble(Module::cost).sum();
      boolean special = some.stream().anyMatch(Module::superWeights);
      double by = some.stream().mapToDouble(Module::perMegabyte).max().orElse(0);
      String modules = some.size() == 1 ? "1 module" : some.size() + " modules";
      String costs =
          by > 0
              ? String.format(
                  Locale.ROOT,
                  "the fewest bits would cost %.2g nats, lifting spares up to %.2g by MB",
                  cost,
                  by)
              : String.format(Locale.ROOT, "the fewest bits do, at a cost of %.2g nats", cost);
      return modules
          + ": "
          + costs
          + (special ? "; holds super weights or feeds a super activation" : "");
    }
  }
}
