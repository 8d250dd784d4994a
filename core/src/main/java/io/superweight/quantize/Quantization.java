package io.superweight.quantize;

import io.superweight.InputException;
import io.superweight.model.Site;
import java.util.EnumSet;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A quantization as a user writes it: {@code rtn4:block=64,clip=z:9,hold}, {@code
 * int8:act=token,sa=largest}. {@link #LANGUAGE} says what there is.
 *
 * @param weights how weights are rounded; empty for not at all
 * @param clipSearched whether z is to be found on calibration text
 * @param hold whether the held weights are put back
 * @param activations how activations are rounded; empty for not at all. Its channels are filled in
 *     for a model
 * @param smooth SmoothQuant's α; empty for none
 * @param smoothDown whether the down projections' inputs are smoothed, too
 * @param ofPrefix whether the tokens that are not rounded are those of a prefix, whose number is
 *     not known yet
 * @param executed whether products with rounded weights and inputs are computed as integers rather
 *     than simulated
 */
public record Quantization(
    Optional<WeightQuantizer> weights,
    boolean clipSearched,
    boolean hold,
    Optional<ActivationQuantizer> activations,
    Optional<Double> smooth,
    boolean smoothDown,
    boolean ofPrefix,
    boolean executed) {

  /** What can be written, line by line. */
  public static final String LANGUAGE =
      """
      WEIGHTS is rtn2 … rtn8 (round to nearest between the block's least and greatest), int2 … int8 (symmetric), \
      nf3, nf4, or none.
      block=64 (any number of consecutive elements, across rows), block=channel, block=tensor, block=group64 (along \
      a row), block=16x16 (true tiles). Default: 64; of int, tensor
      clip=z:9, clip=z:auto (least KL from the model on --calibration), clip=block:1e-5, clip=tensor:1e-6, clip=iqr:1.5
      hold: the weights of --hold are put back
      delta=paper: a step of (max−min)/(2^(N−1)−1), as the paper writes; delta=divided: the code's step, by which is \
      divided where the code multiplies by its inverse; shift: the published code's scale_shift
      act=token, act=tensor: activations as symmetric INT8, one scale a token or a tensor; bits=N for others than 8
      on=in+products (default): inputs of q, k, v, gate, up, down; both products of attention; on=in, on=in+o+products …
      sa=largest (of each tensor one scalar is replaced by the median and put back), sa=outlying (the one that is \
      largest beside its token's median magnitude), sa=known (of the channels of --hold's weights)
      sinks=precise: the first sink-tokens=N (default 1) are not rounded; sinks=prefix: those of --prefix; \
      sinks=out-of-scale: they have no part in the scale; sinks=outliers:16: tokens beyond 16 times the median \
      token's largest are not rounded
      smooth=0.85: SmoothQuant with that α, measured on --calibration
      exec=int8: products multiply 8-bit integers in place of simulating it (int2 … int8 by channel or tensor, with \
      act)\
      """;

  private static final Pattern NAME = Pattern.compile("(rtn|int|nf)([2-8])|none");

  /**
   * Reads a text.
   *
   * @param indivisible what becomes of matrices that the block size does not divide
   * @throws InputException of kind USAGE for what is not in the language
   */
  public static Quantization parse(String text, Indivisible indivisible) {
    String[] words = text.strip().replaceFirst(":", ",").split("\\s*,\\s*", -1);
    if (text.indexOf(',') >= 0 && text.indexOf(',') < text.indexOf(':')) {
      words = text.strip().split("\\s*,\\s*", -1);
    }
    Matcher name = NAME.matcher(words[0]);
    if (!name.matches()) {
      throw usage(text, "\"" + words[0] + "\" is not rtn2 … rtn8, int2 … int8, nf3, nf4 or none");
    }
    String kind = name.group(1) == null ? "none" : name.group(1);
    int bits = name.group(2) == null ? 0 : Integer.parseInt(name.group(2));
    if (kind.equals("nf") && bits > 4 || kind.equals("nf") && bits < 3) {
      throw usage(text, "NormalFloat has tables for 3 and 4 bits: nf3, nf4");
    }
    Blocks blocks = kind.equals("int") ? new Blocks.Whole() : new Blocks.Run(64);
    Clip clip = new Clip.None();
    boolean searched = false;
    boolean hold = false;
    boolean shift = false;
    boolean smoothDown = false;
    Levels.Step step = Levels.Step.CODE;
    ActivationQuantizer.Scale scale = null;
    int activationBits = 8;
    Set<Site.Kind> sites = EnumSet.copyOf(ActivationQuantizer.INPUTS);
    sites.addAll(ActivationQuantizer.PRODUCTS);
    ActivationQuantizer.SuperActivation superActivation = ActivationQuantizer.SuperActivation.PLAIN;
    ActivationQuantizer.Sinks sinks = ActivationQuantizer.Sinks.PLAIN;
    int sinkTokens = 1;
    double outlierRatio = 0;
    boolean prefix = false;
    Optional<Double> smooth = Optional.empty();
    boolean executed = false;
    boolean ofWeights = false;
    boolean ofActivations = false;
    Set<String> seen = new TreeSet<>();
    for (int i = 1; i < words.length; i++) {
      String word = words[i];
      int at = word.indexOf('=');
      String key = at < 0 ? word : word.substring(0, at);
      String value = at < 0 ? "" : word.substring(at + 1);
      if (!seen.add(key)) {
        throw usage(text, key + " is given twice");
      }
      switch (key) {
        case "block" -> blocks = blocks(text, value);
        case "clip" -> {
          searched = value.equals("z:auto");
          clip = searched ? new Clip.None() : clip(text, value);
        }
        case "hold" -> hold = flag(text, key, at);
        case "smooth-down" -> smoothDown = flag(text, key, at);
        case "shift" -> shift = flag(text, key, at);
        case "delta" ->
            step =
                switch (value) {
                  case "paper" -> Levels.Step.PAPER;
                  case "code" -> Levels.Step.CODE;
                  case "divided" -> Levels.Step.DIVIDED;
                  default -> throw usage(text, "delta is code, divided or paper");
                };
        case "act" ->
            scale =
                switch (value) {
                  case "token" -> ActivationQuantizer.Scale.TOKEN;
                  case "tensor" -> ActivationQuantizer.Scale.TENSOR;
                  default -> throw usage(text, "act is token or tensor");
                };
        case "bits" -> activationBits = whole(text, key, value, 2, 8);
        case "on" -> sites = sites(text, value);
        case "sa" ->
            superActivation =
                switch (value) {
                  case "largest" -> ActivationQuantizer.SuperActivation.LARGEST;
                  case "outlying" -> ActivationQuantizer.SuperActivation.OUTLYING;
                  case "known" -> ActivationQuantizer.SuperActivation.KNOWN;
                  default -> throw usage(text, "sa is largest, outlying or known");
                };
        case "sinks" -> {
          if (value.startsWith("outliers:")) {
            outlierRatio = number(text, key, value.substring(9));
            sinks = ActivationQuantizer.Sinks.OUTLIERS;
          } else {
            sinks =
                switch (value) {
                  case "precise", "prefix" -> ActivationQuantizer.Sinks.PRECISE;
                  case "out-of-scale" -> ActivationQuantizer.Sinks.OUT_OF_SCALE;
                  default ->
                      throw usage(text, "sinks is precise, prefix, out-of-scale or outliers:16");
                };
          }
          prefix = value.equals("prefix");
        }
        case "sink-tokens" -> sinkTokens = whole(text, key, value, 1, 1 << 20);
        case "smooth" -> {
          double alpha = number(text, key, value);
          if (alpha < 0 || alpha > 1) {
            throw usage(text, "smooth lies between 0 and 1, such as 0.85");
          }
          smooth = Optional.of(alpha);
        }
        case "exec" -> {
          if (!value.equals("int8")) {
            throw usage(text, "exec is int8");
          }
          executed = true;
        }
        default -> throw usage(text, "there is no \"" + key + "\"");
      }
      ofWeights |= Set.of("block", "clip", "hold", "shift", "delta").contains(key);
      ofActivations |= Set.of("bits", "on", "sa", "sinks", "sink-tokens").contains(key);
    }
    if (kind.equals("none") && (ofWeights || (scale == null && smooth.isEmpty()))) {
      throw usage(text, "none leaves the weights as they are: add act=token or act=tensor alone");
    }
    if (scale == null && ofActivations) {
      throw usage(text, "activations are not rounded: add act=token or act=tensor");
    }
    if (executed && scale == null) {
      throw usage(text, "exec=int8 multiplies integers by integers: add act=token or act=tensor");
    }
    if (executed && ActivationQuantizer.PRODUCTS.containsAll(sites)) {
      throw usage(text, "exec=int8 is about inputs of projections: write on=in, or on=in+o");
    }
    if (executed
        && !(kind.equals("int")
            && (blocks instanceof Blocks.Row || blocks instanceof Blocks.Whole))) {
      throw usage(
          text,
          "exec=int8 needs symmetric weights with one scale a channel or a matrix: int8, or"
              + " int8:block=channel");
    }
    if (prefix && seen.contains("sink-tokens")) {
      throw usage(text, "of a prefix all tokens are left out: leave sink-tokens out");
    }
    if (smoothDown && smooth.isEmpty()) {
      throw usage(text, "smooth-down needs an α: add smooth=0.5");
    }
    if (!kind.equals("rtn") && (shift || step != Levels.Step.CODE)) {
      throw usage(text, "shift and delta are of rtn2 … rtn8");
    }
    if (shift && step != Levels.Step.CODE) {
      throw usage(text, "shift has a step of its own: leave delta out");
    }
    Levels levels =
        switch (kind) {
          case "rtn" -> new Levels.MinMax(bits, step, shift);
          case "int" -> new Levels.Symmetric(bits);
          case "nf" -> new Levels.NormalFloat(bits);
          default -> null;
        };
    return new Quantization(
        levels == null
            ? Optional.empty()
            : Optional.of(new WeightQuantizer(levels, blocks, clip, indivisible)),
        searched,
        hold,
        scale == null
            ? Optional.empty()
            : Optional.of(
                new ActivationQuantizer(
                    activationBits,
                    scale,
                    sites,
                    superActivation,
                    java.util.Map.of(),
                    sinks,
                    sinkTokens,
                    outlierRatio)),
        smooth,
        smoothDown,
        prefix,
        executed);
  }

  private static boolean flag(String text, String key, int at) {
    if (at >= 0) {
      throw usage(text, key + " takes no value");
    }
    return true;
  }

  private static final Pattern GROUP = Pattern.compile("group(\\d{1,9})");
  private static final Pattern TILE = Pattern.compile("(\\d{1,9})x(\\d{1,9})");

  private static Blocks blocks(String text, String value) {
    Matcher group = GROUP.matcher(value);
    Matcher tile = TILE.matcher(value);
    try {
      if (value.equals("channel")) {
        return new Blocks.Row();
      } else if (value.equals("tensor")) {
        return new Blocks.Whole();
      } else if (group.matches()) {
        return new Blocks.Group(Integer.parseInt(group.group(1)));
      } else if (tile.matches()) {
        return new Blocks.Tile(Integer.parseInt(tile.group(1)), Integer.parseInt(tile.group(2)));
      }
      return new Blocks.Run(whole(text, "block", value, 1, Integer.MAX_VALUE));
    } catch (IllegalArgumentException tooSmall) {
      throw usage(text, "a block holds at least one weight");
    }
  }

  private static Clip clip(String text, String value) {
    int at = value.indexOf(':');
    if (at > 0) {
      double number = number(text, "clip", value.substring(at + 1));
      boolean fraction = number > 0 && number < 1;
      switch (value.substring(0, at)) {
        case "z" -> {
          return new Clip.ZScore(number);
        }
        case "iqr" -> {
          return new Clip.Iqr(number);
        }
        case "block" -> {
          if (fraction) {
            return new Clip.BlockPercentile(number);
          }
          throw usage(text, "clip=block: takes a fraction such as 1e-5");
        }
        case "tensor" -> {
          if (fraction) {
            return new Clip.TensorPercentile(number);
          }
          throw usage(text, "clip=tensor: takes a fraction such as 1e-6");
        }
        default -> {}
      }
    }
    throw usage(text, "clip is z:9, z:auto, block:1e-5, tensor:1e-6 or iqr:1.5");
  }

  private static Set<Site.Kind> sites(String text, String value) {
    Set<Site.Kind> sites = EnumSet.noneOf(Site.Kind.class);
    for (String word : value.split("\\+", -1)) {
      switch (word) {
        case "in" -> sites.addAll(ActivationQuantizer.INPUTS);
        case "o" -> sites.add(Site.Kind.ATTN_MIXED);
        case "products" -> sites.addAll(ActivationQuantizer.PRODUCTS);
        case "attn" -> sites.add(Site.Kind.ATTN_IN);
        case "mlp" -> sites.add(Site.Kind.MLP_IN);
        case "down" -> {
          sites.add(Site.Kind.DOWN_IN);
          sites.add(Site.Kind.EXPERT_DOWN_IN);
        }
        default ->
            throw usage(text, "on is made of in (= attn+mlp+down), o and products, joined by +");
      }
    }
    return sites;
  }

  private static int whole(String text, String key, String value, int least, int most) {
    try {
      int number = Integer.parseInt(value);
      if (number >= least && number <= most) {
        return number;
      }
    } catch (NumberFormatException e) {
      // told below
    }
    throw usage(text, key + "=" + value + ": give a whole number from " + least + " to " + most);
  }

  private static final Pattern NUMBER = Pattern.compile("(\\d+\\.?\\d*|\\.\\d+)([eE][-+]?\\d+)?");

  private static double number(String text, String key, String value) {
    if (!NUMBER.matcher(value).matches() || Double.isInfinite(Double.parseDouble(value))) {
      throw usage(text, key + ": \"" + value + "\" is no number; write it like 9 or 1e-5");
    }
    return Double.parseDouble(value);
  }

  private static InputException usage(String text, String what) {
    return new InputException(
        InputException.Kind.USAGE,
        "--quantize " + text + ": " + what + "; superweight eval --help lists what there is");
  }

  /** Whether the weights of {@code --hold} are used. */
  public boolean needsHeld() {
    return hold
        || activations
            .filter(a -> a.superActivation() == ActivationQuantizer.SuperActivation.KNOWN)
            .isPresent();
  }

  /** Whether text is needed to measure the model on. */
  public boolean needsCalibration() {
    return clipSearched || smooth.isPresent();
  }

  Quantization withClip(Clip clip) {
    return new Quantization(
        weights.map(w -> new WeightQuantizer(w.levels(), w.blocks(), clip, w.indivisible())),
        false,
        hold,
        activations,
        smooth,
        smoothDown,
        ofPrefix,
        executed);
  }

  /** With the tokens of {@code --prefix} as the first ones that are not rounded. */
  public Quantization withPrefix(int tokens) {
    return new Quantization(
        weights,
        clipSearched,
        hold,
        activations.map(a ->
            new ActivationQuantizer(
                a.bits(),
                a.scale(),
                a.sites(),
                a.superActivation(),
                a.channels(),
                a.sinks(),
                tokens,
                a.outlierRatio())),
        smooth,
        smoothDown,
        false,
        executed);
  }
}
