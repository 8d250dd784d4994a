package io.superweight.checkpoint;

import io.superweight.InputException;
import io.superweight.tensor.DType;
import io.superweight.tensor.Dequantizer;
import io.superweight.tensor.Tensor;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Recognises the matrices that quantizers pack into safetensors files by the tensors that lie
 * beside them, and reads them as their own libraries do, to the bit:
 *
 * <ul>
 *   <li>compressed-tensors (0.20, {@code compressors/}): {@code weight_packed}, {@code
 *       weight_scale}, {@code weight_zero_point}, {@code weight_shape}, {@code weight_g_idx}; or an
 *       8-bit {@code weight} with {@code weight_scale}
 *   <li>GPTQ (AutoGPTQ, GPTQModel): {@code qweight}, {@code qzeros}, {@code scales}, {@code g_idx};
 *       2, 3, 4 and 8 bits, both checkpoint formats
 *   <li>AWQ (AutoAWQ, layout gemm): {@code qweight}, {@code qzeros}, {@code scales}; 4 bits, and 8
 *       as vLLM orders them (quant_utils.py, awq_pack)
 *   <li>FP8 (transformers {@code finegrained_fp8}, fbgemm): an 8-bit float {@code weight} with
 *       {@code weight_scale_inv} or {@code weight_scale}
 *   <li>bitsandbytes (0.50): {@code weight.quant_state.bitsandbytes__nf4} and {@code __fp4}, nested
 *       or not; INT8 with {@code SCB}
 * </ul>
 */
final class PackedFormats {
  private static final String NF4 = ".weight.quant_state.bitsandbytes__nf4";
  private static final String FP4 = ".weight.quant_state.bitsandbytes__fp4";

  /** Where the eight columns of an AWQ word lie (AutoAWQ: AWQ_REVERSE_ORDER). */
  private static final int[] AWQ_NIBBLES = {0, 4, 1, 5, 2, 6, 3, 7};

  /** Where the four columns of a word of 8 bits lie (vLLM: undo_interleave). */
  private static final int[] AWQ_BYTES = {0, 2, 1, 3};

  /**
   * Unsigned codes of so many bits in 32-bit words, the first in the lowest bits.
   *
   * @param dense codes run on from word to word; else a word has as many as are whole in it
   */
  private record Codes(int bits, boolean dense) {
    int words(int codes) {
      int each = 32 / bits;
      return dense ? Math.toIntExact((31 + (long) codes * bits) / 32) : (codes + each - 1) / each;
    }

    /** A code of words that lie {@code stride} apart from word {@code first} on. */
    int at(RawTensor packed, long first, long stride, int index) {
      int mask = (1 << bits) - 1;
      if (!dense) {
        int each = 32 / bits;
        return packed.word(first + index / each * stride) >>> bits * (index % each) & mask;
      }
      long bit = (long) index * bits;
      int shift = (int) (bit % 32);
      int code = packed.word(first + bit / 32 * stride) >>> shift;
      if (shift + bits > 32) {
        code |= packed.word(first + (bit / 32 + 1) * stride) << 32 - shift;
      }
      return code & mask;
    }
  }

  private final String source;
  private final ModelConfig config;
  private final Map<String, Tensor> tensors;
  private final Map<String, RawTensor> raws;
  private final Map<?, ?> quantization;
  private final Map<String, PackedMatrix> found = new LinkedHashMap<>();
  private final Set<String> used = new HashSet<>();

  private PackedFormats(
      String source, ModelConfig config, Map<String, Tensor> tensors, Map<String, RawTensor> raws) {
    this.source = source;
    this.config = config;
    this.tensors = tensors;
    this.raws = raws;
    Object section = config.values().get("quantization_config");
    if (section == null) {
      section = config.values().get("compression_config");
    }
    this.quantization = section instanceof Map<?, ?> map ? map : Map.of();
  }

  /**
   * The packed matrices of a checkpoint.
   *
   * @param matrices by the name that the matrix would have unpacked, {@code ….weight}
   * @param parts names of the tensors that they are made of
   */
  record Packed(Map<String, PackedMatrix> matrices, Set<String> parts) {}

  /**
   * @throws InputException of kind MALFORMED where shapes do not fit, UNSUPPORTED for a variant
   *     that is not known
   */
  static Packed of(
      String source, ModelConfig config, Map<String, Tensor> tensors, Map<String, RawTensor> raws) {
    PackedFormats formats = new PackedFormats(source, config, tensors, raws);
    for (RawTensor raw : raws.values()) {
      try {
        formats.consider(raw);
      } catch (IndexOutOfBoundsException | ArithmeticException e) {
        throw formats.malformed(raw.name(), "its shapes do not fit each other");
      }
    }
    return new Packed(formats.found, formats.used);
  }

  private void consider(RawTensor raw) {
    String name = raw.name();
    if (name.endsWith(".weight_packed")) {
      compressed(module(name, ".weight_packed"), raw);
    } else if (name.endsWith(".qweight")) {
      integers(module(name, ".qweight"), raw);
    } else if (name.endsWith(NF4) || name.endsWith(FP4)) {
      fourBits(module(name, name.endsWith(NF4) ? NF4 : FP4), raw);
    } else if (name.endsWith(".weight") && raw.shape().rank() == 2) {
      String module = module(name, ".weight");
      if (raw.type().startsWith("F8_")) {
        eightBits(module, raw);
      } else if (raw.type().equals("I8") && tensors.containsKey(module + ".SCB")) {
        scb(module, raw);
      } else if (raw.type().equals("I8") && tensors.containsKey(module + ".weight_scale")) {
        eightBits(module, raw);
      }
    }
  }

  private static String module(String name, String ending) {
    return name.substring(0, name.length() - ending.length());
  }

  // compressed-tensors, weights packed into 32-bit words along a row

  private void compressed(String module, RawTensor packed) {
    Tensor scale = floats(module + ".weight_scale");
    RawTensor shape = integersOf(module + ".weight_shape");
    if (packed.shape().rank() != 2 || shape.shape().elements() != 2) {
      throw unsupported(module, "a stack of " + packed.shape(), "use the unquantized model");
    }
    if (!packed.type().equals("I32")) {
      throw unsupported(module, "packed " + packed.type(), "use the unquantized model");
    }
    int rows = Math.toIntExact(shape.integer(0));
    int cols = Math.toIntExact(shape.integer(1));
    int words = packed.dimension(1);
    Codes codes = codes(module, cols, words);
    int bits = codes.bits();
    int middle = 1 << bits - 1;
    Grid grid = grid(module, scale, rows, cols);
    require(packed.dimension(0) == rows, module, packed);
    RawTensor zeros = raws.get(module + ".weight_zero_point");
    float[] zero = new float[grid.scales.length];
    if (zeros != null) {
      used.add(zeros.name());
      if (zeros.type().equals("I32")) { // packed along the rows
        for (int r = 0; r < grid.gridRows; r++) {
          for (int c = 0; c < grid.gridCols; c++) {
            zero[r * grid.gridCols + c] = codes.at(zeros, c, grid.gridCols, r) - middle;
          }
        }
      } else {
        for (int i = 0; i < zero.length; i++) {
          zero[i] = zeros.integer(i);
        }
      }
    }
    add(
        module,
        scale.dtype(),
        rows,
        cols,
        "compressed-tensors INT" + bits,
        (from, count, out) -> {
          int at = 0;
          for (int r = from; r < from + count; r++) {
            for (int c = 0; c < cols; c++) {
              int code = codes.at(packed, (long) r * words, 1, c) - middle;
              int g = grid.index(r, c);
              out[at++] = (code - zero[g]) * grid.scales[g];
            }
          }
        },
        (r, c) -> grid.scales[grid.index(r, c)],
        packed.name(),
        scale.name(),
        shape.name());
  }

  /** The codes: as wide as the configuration says, where the packed width agrees. */
  private Codes codes(String module, int cols, int words) {
    int said = said("num_bits");
    for (int bits : new int[] {said, 4, 8, 2}) {
      // Earlier versions left the rest of a word empty.
      for (boolean whole : new boolean[] {false, true}) {
        if (bits >= 1 && bits <= 8) {
          Codes codes = new Codes(bits, !whole && 32 % bits != 0);
          if (codes.words(cols) == words) {
            return codes;
          }
        }
      }
    }
    throw unsupported(
        module,
        cols + " columns in " + words + " words" + (said > 0 ? " of " + said + " bits" : ""),
        "1 to 8 bits are known; use the unquantized model");
  }

  /** A number of the weights' arguments of the first group, 0 where there is none. */
  private int said(String key) {
    return weightArguments(key) instanceof Number number ? number.intValue() : 0;
  }

  private Object weightArguments(String key) {
    if (quantization.get("config_groups") instanceof Map<?, ?> groups) {
      for (Object group : groups.values()) {
        if (group instanceof Map<?, ?> map
            && map.get("weights") instanceof Map<?, ?> weights
            && weights.get(key) != null) {
          return weights.get(key);
        }
      }
    }
    return null;
  }

  /**
   * Which scale belongs to which element: one for all, for each row, for each group of a row, or
   * for each tile.
   */
  private record Grid(
      float[] scales, int gridRows, int gridCols, int tileRows, int tileCols, int[] groups) {
    int index(int row, int col) {
      int g = groups.length > 0 ? groups[col] : col / tileCols;
      return row / tileRows * gridCols + g;
    }
  }

  private Grid grid(String module, Tensor scale, int rows, int cols) {
    float[] scales = Dequantizer.decode(scale);
    int rank = scale.shape().rank();
    int gridRows = rank > 0 && scales.length > 1 ? Math.toIntExact(scale.shape().dimension(0)) : 1;
    int gridCols = gridRows == 0 ? 0 : scales.length / gridRows;
    if (scales.length == 0 || gridRows > rows || gridCols > cols) {
      throw malformed(module, "scales of " + scale.shape() + " for " + rows + " × " + cols);
    }
    int tileRows = rows / gridRows;
    int tileCols = cols / gridCols;
    if (gridRows != 1 && gridRows != rows) {
      // Tiles: the last row and column of them may be cut short.
      List<?> block = block();
      if (block.size() == 2
          && block.get(0) instanceof Number high
          && block.get(1) instanceof Number wide
          && high.intValue() > 0
          && wide.intValue() > 0
          && (rows + high.intValue() - 1) / high.intValue() == gridRows
          && (cols + wide.intValue() - 1) / wide.intValue() == gridCols) {
        return new Grid(scales, gridRows, gridCols, high.intValue(), wide.intValue(), new int[0]);
      }
    }
    RawTensor order = raws.get(module + ".weight_g_idx");
    int[] groups = new int[0];
    if (order != null && order.shape().elements() == cols && order.integer(0) >= 0) {
      groups = groups(module, order, cols, gridCols);
    }
    if (rows % gridRows != 0 || cols % gridCols != 0) {
      throw malformed(module, "scales of " + scale.shape() + " for " + rows + " × " + cols);
    }
    return new Grid(scales, gridRows, gridCols, tileRows, tileCols, groups);
  }

  private List<?> block() {
    if (weightArguments("block_structure") instanceof List<?> list) {
      return list;
    }
    return quantization.get("weight_block_size") instanceof List<?> list ? list : List.of();
  }

  private int[] groups(String module, RawTensor order, int cols, int groups) {
    used.add(order.name());
    int[] of = new int[cols];
    for (int c = 0; c < cols; c++) {
      long group = order.integer(c);
      if (group < 0 || group >= groups) {
        throw malformed(module, "group " + group + " of " + groups);
      }
      of[c] = (int) group;
    }
    return of;
  }

  // GPTQ and AWQ: words [inputs, outputs], so that a column of words is a row of the matrix

  private void integers(String module, RawTensor packed) {
    Tensor scale = floats(module + ".scales");
    RawTensor zeros = integersOf(module + ".qzeros");
    int groups = Math.toIntExact(scale.shape().dimension(0));
    int outputs = Math.toIntExact(scale.shape().dimension(1));
    float[] scales = Dequantizer.decode(scale);
    if (!packed.type().equals("I32") || !zeros.type().equals("I32")) {
      throw unsupported(module, "packed " + packed.type(), "use the unquantized model");
    }
    if (packed.dimension(1) == outputs) {
      gptq(module, packed, zeros, scale, scales, groups, outputs);
    } else if (packed.dimension(1) * 8 == outputs) {
      awq(module, packed, zeros, scale, scales, groups, outputs, 4);
    } else if (packed.dimension(1) * 4 == outputs) {
      awq(module, packed, zeros, scale, scales, groups, outputs, 8);
    } else {
      throw unsupported(
          module,
          "packed " + packed.shape() + " with scales " + scale.shape(),
          "GPTQ's layout and AWQ's gemm are known; use the unquantized model");
    }
  }

  private void gptq(
      String module,
      RawTensor packed,
      RawTensor zeros,
      Tensor scale,
      float[] scales,
      int groups,
      int outputs) {
    int bits = Math.multiplyExact(32, zeros.dimension(1)) / outputs;
    if (bits != 2 && bits != 3 && bits != 4 && bits != 8) {
      throw unsupported(
          module, bits + " bits", "2, 3, 4 and 8 are known; use the unquantized model");
    }
    Codes codes = new Codes(bits, 32 % bits != 0);
    int mask = (1 << bits) - 1;
    int inputs = Math.multiplyExact(packed.dimension(0), 32) / bits;
    require(codes.words(inputs) == packed.dimension(0), module, packed);
    require(zeros.dimension(0) == groups, module, zeros);
    // The first format keeps zero points less one (AutoGPTQ's pack()).
    int added = "gptq_v2".equals(quantization.get("checkpoint_format")) ? 0 : 1;
    float[] zero = new float[scales.length];
    for (int g = 0; g < groups; g++) {
      for (int o = 0; o < outputs; o++) {
        int code = codes.at(zeros, (long) g * zeros.dimension(1), 1, o);
        zero[g * outputs + o] = code + added & mask;
      }
    }
    RawTensor order = raws.get(module + ".g_idx");
    int[] of;
    if (order != null) {
      require(order.shape().elements() == inputs, module, order);
      of = groups(module, order, inputs, groups);
    } else {
      of = even(module, inputs, groups);
    }
    add(
        module,
        scale.dtype(),
        outputs,
        inputs,
        "GPTQ " + bits + "-bit",
        (from, count, out) -> {
          for (int c = 0; c < inputs; c++) {
            for (int r = 0; r < count; r++) {
              int code = codes.at(packed, from + r, outputs, c);
              int at = of[c] * outputs + from + r;
              out[r * inputs + c] = (code - zero[at]) * scales[at];
            }
          }
        },
        (r, c) -> scales[of[c] * outputs + r],
        packed.name(),
        zeros.name(),
        scale.name());
  }

  private void awq(
      String module,
      RawTensor packed,
      RawTensor zeros,
      Tensor scale,
      float[] scales,
      int groups,
      int outputs,
      int bits) {
    if (quantization.get("version") instanceof String version
        && !version.equalsIgnoreCase("gemm")) {
      throw unsupported(
          module, "AWQ's layout " + version, "gemm is known; use the unquantized model");
    }
    int each = 32 / bits;
    int mask = (1 << bits) - 1;
    int[] lies = bits == 4 ? AWQ_NIBBLES : AWQ_BYTES;
    int words = outputs / each;
    int inputs = packed.dimension(0);
    require(zeros.dimension(0) == groups && zeros.dimension(1) == words, module, zeros);
    int[] of = even(module, inputs, groups);
    float[] zero = new float[scales.length];
    for (int g = 0; g < groups; g++) {
      for (int o = 0; o < outputs; o++) {
        zero[g * outputs + o] =
            zeros.word((long) g * words + o / each) >>> bits * lies[o % each] & mask;
      }
    }
    add(
        module,
        scale.dtype(),
        outputs,
        inputs,
        "AWQ " + bits + "-bit",
        (from, count, out) -> {
          for (int c = 0; c < inputs; c++) {
            for (int r = 0; r < count; r++) {
              int o = from + r;
              int code = packed.word((long) c * words + o / each) >>> bits * lies[o % each] & mask;
              int at = of[c] * outputs + o;
              out[r * inputs + c] = (code - zero[at]) * scales[at];
            }
          }
        },
        (r, c) -> scales[of[c] * outputs + r],
        packed.name(),
        zeros.name(),
        scale.name());
  }

  private int[] even(String module, int inputs, int groups) {
    // The last group may be a rest.
    int size =
        quantization.get("group_size") instanceof Number n && n.intValue() > 0
            ? n.intValue()
            : (inputs + groups - 1) / groups;
    if ((inputs + size - 1) / size != groups) {
      throw malformed(module, groups + " groups of " + size + " for " + inputs + " columns");
    }
    int[] of = new int[inputs];
    for (int c = 0; c < inputs; c++) {
      of[c] = c / size;
    }
    return of;
  }

  // 8-bit floats and integers with scales

  private void eightBits(String module, RawTensor weight) {
    int rows = weight.dimension(0);
    int cols = weight.dimension(1);
    Tensor inverse = tensors.get(module + ".weight_scale_inv");
    Tensor scale = inverse != null ? inverse : tensors.get(module + ".weight_scale");
    float[] values =
        switch (weight.type()) {
          case "F8_E4M3" -> e4m3();
          case "F8_E5M2" -> e5m2();
          case "I8" -> null;
          default ->
              throw unsupported(
                  module,
                  weight.type(),
                  "F8_E4M3 and F8_E5M2 are known; use the unquantized model");
        };
    String format = values == null ? "INT8" : "FP8";
    boolean library = "compressed-tensors".equals(quantization.get("quant_method"));
    if (scale == null) {
      add(
          module,
          stated(DType.BF16),
          rows,
          cols,
          format,
          (from, count, out) -> {
            for (int i = 0; i < count * cols; i++) {
              out[i] = values[weight.unsigned((long) from * cols + i)];
            }
          },
          (r, c) -> 1,
          weight.name());
      return;
    }
    Grid grid = grid(module, scale, rows, cols);
    RawTensor zeros = raws.get(module + ".weight_zero_point");
    float[] zero = new float[grid.scales.length];
    if (zeros != null) {
      used.add(zeros.name());
      for (int i = 0; i < zero.length; i++) {
        zero[i] = zeros.type().startsWith("F8") ? 0 : zeros.integer(i);
      }
    }
    add(
        module,
        library ? scale.dtype() : stated(scale.dtype()),
        rows,
        cols,
        (library ? "compressed-tensors " : "") + format,
        (from, count, out) -> {
          int at = 0;
          for (int r = from; r < from + count; r++) {
            for (int c = 0; c < cols; c++) {
              long i = (long) r * cols + c;
              float code = values == null ? weight.signed(i) : values[weight.unsigned(i)];
              int g = grid.index(r, c);
              out[at++] = (code - zero[g]) * grid.scales[g];
            }
          }
        },
        (r, c) -> grid.scales[grid.index(r, c)],
        weight.name(),
        scale.name());
  }

  /** What the configuration says that the model computes in. */
  private DType stated(DType fallback) {
    Object said = config.values().get("dtype");
    return switch (String.valueOf(said).replace("torch.", "")) {
      case "bfloat16" -> DType.BF16;
      case "float16" -> DType.F16;
      case "float32" -> DType.F32;
      default -> fallback;
    };
  }

  /** Sign, 4 bits of exponent less 7, 3 of fraction; no infinities (OCP 8-bit floats, E4M3). */
  private static float[] e4m3() {
    float[] values = new float[256];
    for (int i = 0; i < 256; i++) {
      int exponent = i >> 3 & 15;
      int fraction = i & 7;
      float size =
          exponent == 0
              ? fraction * 0x1p-9f
              : (8 + fraction) * (float) Math.scalb(1.0, exponent - 10);
      size = (i & 127) == 127 ? Float.NaN : size;
      values[i] = i < 128 ? size : -size;
    }
    return values;
  }

  /** The upper half of a float16. */
  private static float[] e5m2() {
    float[] values = new float[256];
    for (int i = 0; i < 256; i++) {
      values[i] = Float.float16ToFloat((short) (i << 8));
    }
    return values;
  }

  // bitsandbytes

  private void scb(String module, RawTensor weight) {
    Tensor scale = floats(module + ".SCB");
    int rows = weight.dimension(0);
    int cols = weight.dimension(1);
    float[] most = Dequantizer.decode(scale);
    if (most.length != rows) {
      throw malformed(module, "SCB of " + scale.shape() + " for " + rows + " rows");
    }
    RawTensor layout = raws.get(module + ".weight_format");
    if (layout != null) {
      used.add(layout.name());
      if (layout.integer(0) != 0) {
        throw unsupported(
            module, "a column layout", "save it again with bitsandbytes 0.45 or later");
      }
    }
    add(
        module,
        stated(DType.F16),
        rows,
        cols,
        "bitsandbytes INT8",
        (from, count, out) -> {
          int at = 0;
          for (int r = from; r < from + count; r++) {
            for (int c = 0; c < cols; c++) {
              // int8_vectorwise_dequant: two products in float32
              out[at++] = weight.signed((long) r * cols + c) * most[r] * 7.874015718698502e-3f;
            }
          }
        },
        (r, c) -> most[r] / 127,
        weight.name(),
        scale.name());
  }

  private void fourBits(String module, RawTensor state) {
    String weight = module + ".weight";
    Map<String, Object> facts =
        Json.object(
            source + ": " + state.name(),
            state.data().toArray(java.lang.foreign.ValueLayout.JAVA_BYTE));
    int block = whole(module, facts, "blocksize");
    if (!(facts.get("shape") instanceof List<?> shape) || shape.size() != 2) {
      throw unsupported(module, "shape " + facts.get("shape"), "use the unquantized model");
    }
    int rows = ((Number) shape.get(0)).intValue();
    int cols = ((Number) shape.get(1)).intValue();
    DType type =
        switch (String.valueOf(facts.get("dtype"))) {
          case "float32" -> DType.F32;
          case "float16" -> DType.F16;
          case "bfloat16" -> DType.BF16;
          default ->
              throw unsupported(module, "type " + facts.get("dtype"), "use the unquantized model");
        };
    Tensor map = floats(weight + ".quant_map");
    float[] code = Dequantizer.decode(map);
    // The codes may be kept under any type (bnb_4bit_quant_storage): bytes are bytes.
    RawTensor raw = raws.get(weight);
    Tensor plain = tensors.get(weight);
    if (raw == null && plain == null) {
      throw malformed(module, "its weight is missing");
    }
    RawTensor codes = raw != null ? raw : new RawTensor(weight, "U8", plain.shape(), plain.data());
    long elements = Math.multiplyExact((long) rows, cols);
    int blocks = Math.toIntExact((elements + block - 1) / block);
    if (codes.data().byteSize() * 2 < elements || code.length < 16) {
      throw malformed(module, codes.data().byteSize() + " bytes for " + rows + " × " + cols);
    }
    float[] most;
    RawTensor nested = raws.get(weight + ".absmax");
    if (nested != null) {
      Tensor outer = floats(weight + ".nested_absmax");
      Tensor outerMap = floats(weight + ".nested_quant_map");
      float[] outerMost = Dequantizer.decode(outer);
      float[] outerCode = Dequantizer.decode(outerMap);
      int outerBlock = whole(module, facts, "nested_blocksize");
      if (!(facts.get("nested_offset") instanceof Number offset)) {
        throw malformed(module, "nested_offset is missing");
      }
      most = new float[blocks];
      for (int b = 0; b < blocks; b++) {
        most[b] = outerCode[nested.unsigned(b)] * outerMost[b / outerBlock] + offset.floatValue();
      }
      used.add(nested.name());
      used.add(outer.name());
      used.add(outerMap.name());
    } else {
      Tensor absmax = floats(weight + ".absmax");
      most = Dequantizer.decode(absmax);
      used.add(absmax.name());
    }
    if (most.length < blocks) {
      throw malformed(module, most.length + " scales for " + blocks + " blocks");
    }
    add(
        module,
        type,
        rows,
        cols,
        "bitsandbytes " + (state.name().endsWith(NF4) ? "NF4" : "FP4"),
        (from, count, out) -> {
          long first = (long) from * cols;
          for (int i = 0; i < count * cols; i++) {
            long at = first + i;
            int both = codes.unsigned(at / 2);
            out[i] = code[at % 2 == 0 ? both >> 4 : both & 15] * most[(int) (at / block)];
          }
        },
        (r, c) -> most[(int) (((long) r * cols + c) / block)],
        weight,
        state.name(),
        map.name());
  }

  private int whole(String module, Map<String, Object> facts, String key) {
    if (facts.get(key) instanceof Number number && number.intValue() > 0) {
      return number.intValue();
    }
    throw malformed(module, key + " is missing");
  }

  private void add(
      String module,
      DType type,
      int rows,
      int cols,
      String format,
      PackedMatrix.Decoder decoder,
      PackedMatrix.Steps steps,
      String... parts) {
    long bytes = 0;
    for (String part : parts) {
      used.add(part);
      bytes +=
          raws.containsKey(part)
              ? raws.get(part).data().byteSize()
              : tensors.get(part).data().byteSize();
    }
    if (type.quantized()) {
      throw new IllegalStateException(module);
    }
    found.put(
        module + ".weight", new PackedMatrix(type, rows, cols, bytes, format, decoder, steps));
  }

  private Tensor floats(String name) {
    return Optional.ofNullable(tensors.get(name))
        .orElseThrow(() -> malformed(name, "it is missing"));
  }

  private RawTensor integersOf(String name) {
    return Optional.ofNullable(raws.get(name)).orElseThrow(() -> malformed(name, "it is missing"));
  }

  private void require(boolean fits, String module, RawTensor of) {
    if (!fits) {
      throw malformed(module, of.name() + " of " + of.shape() + " does not fit the others");
    }
  }

  private InputException malformed(String what, String trouble) {
    return new InputException(
        InputException.Kind.MALFORMED,
        source
            + ": packed weight \""
            + Json.shorten(what)
            + "\": "
            + trouble
            + "; fetch the model again");
  }

  private InputException unsupported(String module, String what, String fix) {
    return new InputException(
        InputException.Kind.UNSUPPORTED,
        source
            + ": packed weight \""
            + Json.shorten(module)
            + "\": "
            + Json.shorten(what)
            + " is not known; "
            + fix);
  }
}
