package io.superweight.model;

import io.superweight.InputException;
import io.superweight.checkpoint.Checkpoint;
import io.superweight.compute.Buffer;
import io.superweight.compute.Device;
import io.superweight.compute.Matrix;
import io.superweight.tensor.Tensor;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * The weights of a model, bound to its canonical parts: matrices as views of the checkpoint,
 * vectors (norms, biases) as float32 on the device. Fields that a model lacks are null.
 */
final class Weights {
  /** A matrix {@code [rows, cols]}, its canonical name, and its bias {@code [1, rows]} or null. */
  record Linear(String part, Matrix matrix, Buffer bias) {}

  /** A norm's weight and bias {@code [1, width]}; both null for a norm without parameters. */
  record NormWeights(Buffer weight, Buffer bias) {
    static final NormWeights PLAIN = new NormWeights(null, null);
  }

  /** Gate (null for a plain MLP), up and down. */
  record MlpWeights(Linear gate, Linear up, Linear down) {}

  /**
   * One layer. Either qkv or q, k, v; either mlp or router and experts (with shared and its router
   * where the family has them).
   */
  record Layer(
      NormWeights attentionNorm,
      Linear qkv,
      Linear q,
      Linear k,
      Linear v,
      Buffer queryNorm,
      Buffer keyNorm,
      Linear o,
      NormWeights attentionPostNorm,
      NormWeights mlpNorm,
      MlpWeights mlp,
      Linear router,
      List<MlpWeights> experts,
      MlpWeights shared,
      Linear sharedRouter,
      NormWeights mlpPostNorm) {}

  final Matrix embed;
  final Matrix positions;
  final NormWeights finalNorm;
  final Linear head;
  final List<Layer> layers;

  /** Canonical part name to matrix, for the parts that can be edited. */
  final Map<String, Matrix> editable = new LinkedHashMap<>();

  private final Checkpoint checkpoint;
  private final Architecture architecture;
  private final Device device;
  private final Device.Scope scope;

  Weights(Checkpoint checkpoint, Architecture architecture, Device device, Device.Scope scope) {
    this.checkpoint = checkpoint;
    this.architecture = architecture;
    this.device = device;
    this.scope = scope;
    int hidden = architecture.hiddenSize();
    embed = matrix("embed", -1, -1, architecture.vocabularySize(), hidden, false);
    positions =
        architecture.positionOffset().isPresent()
            ? Matrix.of(requirePart("positions", -1, -1), false)
            : null;
    finalNorm = norm("final_norm", -1, true);
    head =
        architecture.tiedHead() && findPart("head", -1, -1).isEmpty()
            ? new Linear("head", embed, null)
            : tiedOrOwnHead();
    List<Layer> bound = new ArrayList<>();
    for (int i = 0; i < architecture.layers(); i++) {
      bound.add(layer(i));
    }
    layers = List.copyOf(bound);
  }

  /** The matrices that a pass reads, layer by layer, the output head last. */
  List<List<Matrix>> inOrder() {
    List<List<Matrix>> groups = new ArrayList<>();
    groups.add(List.of(embed));
    for (Layer layer : layers) {
      List<Matrix> group = new ArrayList<>();
      Stream.of(layer.qkv(), layer.q(), layer.k(), layer.v(), layer.o())
          .flatMap(Weights::matrixOf)
          .forEach(group::add);
      matricesOf(layer.mlp()).forEach(group::add);
      matrixOf(layer.router()).forEach(group::add);
      layer.experts().forEach(expert -> matricesOf(expert).forEach(group::add));
      matricesOf(layer.shared()).forEach(group::add);
      matrixOf(layer.sharedRouter()).forEach(group::add);
      groups.add(group);
    }
    groups.add(List.of(head.matrix()));
    return groups;
  }

  private static Stream<Matrix> matrixOf(Linear linear) {
    return Stream.ofNullable(linear).map(Linear::matrix);
  }

  private static Stream<Matrix> matricesOf(MlpWeights mlp) {
    return mlp == null
        ? Stream.empty()
        : Stream.of(mlp.up(), mlp.gate(), mlp.down()).flatMap(Weights::matrixOf);
  }

  private Linear tiedOrOwnHead() {
    if (architecture.tiedHead()) {
      return new Linear("head", embed, bias("head", -1, architecture.vocabularySize()));
    }
    return new Linear(
        "head",
        matrix("head", -1, -1, architecture.vocabularySize(), architecture.hiddenSize(), false),
        bias("head", -1, architecture.vocabularySize()));
  }

  private Layer layer(int i) {
    Architecture.Attention a = architecture.attention();
    Architecture.Mlp m = architecture.mlp();
    int hidden = architecture.hiddenSize();
    int queries = a.heads() * a.headDim();
    int keys = a.keyValueHeads() * a.headDim();
    boolean pre = architecture.norm().placement() != Architecture.NormPlacement.POST;
    boolean post = architecture.norm().placement() != Architecture.NormPlacement.PRE;
    boolean fused = findPart("attn.q", i, -1).isEmpty();
    boolean sparse = architecture.layerSpecs().get(i).sparse();
    Architecture.Experts experts = sparse ? m.experts().orElseThrow() : null;
    boolean perHead = a.queryKeyNorm() == Architecture.QueryKeyNorm.PER_HEAD;
    boolean queryKeyNorm = a.queryKeyNorm() != Architecture.QueryKeyNorm.NONE;
    NormWeights mlpNorm = pre ? norm("mlp.norm", i, !architecture.parallelResidual()) : null;
    List<MlpWeights> expertWeights = new ArrayList<>();
    for (int e = 0; sparse && e < experts.count(); e++) {
      expertWeights.add(mlp("mlp.experts.", "layers." + i + ".mlp.experts." + e + ".", i, e));
    }
    return new Layer(
        pre ? norm("attn.norm", i, true) : null,
        fused ? linear("attn.qkv", i, queries + 2 * keys, hidden) : null,
        fused ? null : linear("attn.q", i, queries, hidden),
        fused ? null : linear("attn.k", i, keys, hidden),
        fused ? null : linear("attn.v", i, keys, hidden),
        queryKeyNorm ? vector("attn.q_norm", i, perHead ? a.headDim() : queries) : null,
        queryKeyNorm ? vector("attn.k_norm", i, perHead ? a.headDim() : keys) : null,
        linear("attn.o", i, hidden, queries),
        post ? norm("attn.post_norm", i, true) : null,
        mlpNorm,
        sparse ? null : mlp("mlp.", "layers." + i + ".mlp.", i, -1),
        sparse ? linear("mlp.router", i, experts.count(), hidden) : null,
        List.copyOf(expertWeights),
        sparse && experts.shared()
            ? mlp("mlp.shared.", "layers." + i + ".mlp.shared.", i, -1)
            : null,
        sparse && experts.shared() && findPart("mlp.shared.router", i, -1).isPresent()
            ? new Linear("mlp.shared.router", row("mlp.shared.router", i, hidden), null)
            : null,
        post ? norm("mlp.post_norm", i, true) : null);
  }

  /** A gate that some files store as a vector {@code [hidden]}, as a matrix of one row. */
  private Matrix row(String part, int i, int hidden) {
    Tensor tensor = requirePart(part, i, -1);
    if (tensor.shape().elements() != hidden) {
      throw wrongShape(tensor, 1, hidden);
    }
    return new Matrix(tensor.dtype(), tensor.data(), 1, hidden, false);
  }

  private MlpWeights mlp(String parts, String canonical, int i, int e) {
    boolean gated = architecture.mlp().gated();
    int hidden = architecture.hiddenSize();
    Matrix down = matrix(parts + "down", i, e, hidden, -1, architecture.mlp().transposed());
    int width = down.cols();
    Linear gate = null;
    Linear up;
    if (gated && findPart(parts + "gate", i, e).isEmpty()) {
      Matrix both = matrix(parts + "gate_up", i, e, 2 * width, hidden, false);
      gate = new Linear(canonical + "gate", both.rows(0, width), null);
      up = new Linear(canonical + "up", both.rows(width, width), null);
    } else {
      if (gated) {
        gate =
            new Linear(
                canonical + "gate",
                matrix(parts + "gate", i, e, width, hidden, architecture.mlp().transposed()),
                bias(parts + "gate", i, width));
      }
      up =
          new Linear(
              canonical + "up",
              matrix(parts + "up", i, e, width, hidden, architecture.mlp().transposed()),
              bias(parts + "up", i, width));
    }
    if (gate != null) {
      editable.put(gate.part(), gate.matrix());
    }
    editable.put(up.part(), up.matrix());
    editable.put(canonical + "down", down);
    return new MlpWeights(
        gate, up, new Linear(canonical + "down", down, bias(parts + "down", i, hidden)));
  }

  private Linear linear(String part, int i, int rows, int cols) {
    Linear linear =
        new Linear(
            "layers." + i + "." + part,
            matrix(part, i, -1, rows, cols, architecture.mlp().transposed()),
            bias(part, i, rows));
    editable.put(linear.part(), linear.matrix());
    return linear;
  }

  private NormWeights norm(String part, int i, boolean required) {
    if (!architecture.parts().containsKey(part) || findPart(part, i, -1).isEmpty()) {
      // OLMo 1 has norms without parameters, and only it may lack them; a parallel MLP may share
      // its norm.
      if (required && !architecture.family().equals("olmo")) {
        requirePart(part, i, -1);
      }
      return required ? NormWeights.PLAIN : null;
    }
    int hidden = architecture.hiddenSize();
    return new NormWeights(vector(part, i, hidden), bias(part, i, hidden));
  }

  private Buffer vector(String part, int i, int width) {
    return upload(requirePart(part, i, -1), width);
  }

  private Buffer bias(String part, int i, int width) {
    for (String name : names(part, i, -1)) {
      Optional<Tensor> tensor =
          name.endsWith(".weight")
              ? checkpoint.find(name.substring(0, name.length() - 6) + "bias")
              : Optional.empty();
      if (tensor.isPresent()) {
        return upload(tensor.get(), width);
      }
    }
    return null;
  }

  private Buffer upload(Tensor tensor, int width) {
    if (tensor.shape().elements() != width) {
      throw wrongShape(tensor, 1, width);
    }
    return scope.upload(
        device.row(new Matrix(tensor.dtype(), tensor.data(), 1, width, false), 0), width);
  }

  /**
   * A matrix of the shape that the configuration asks for; {@code cols} −1 takes what is stored.
   */
  private Matrix matrix(String part, int i, int e, int rows, int cols, boolean transposed) {
    Tensor tensor = requirePart(part, i, e);
    if (tensor.shape().rank() == 3 && e >= 0) {
      if (tensor.shape().dimension(0) <= e) {
        throw wrongShape(tensor, rows, cols);
      }
      tensor = tensor.at(e);
    }
    if (tensor.shape().rank() != 2) {
      throw wrongShape(tensor, rows, cols);
    }
    Matrix matrix;
    try {
      matrix = Matrix.of(tensor, transposed);
    } catch (IllegalArgumentException | ArithmeticException unusable) {
      throw wrongShape(tensor, rows, cols);
    }
    if (matrix.rows() != rows || (cols >= 0 && matrix.cols() != cols)) {
      throw wrongShape(tensor, rows, cols);
    }
    return matrix;
  }

  private InputException wrongShape(Tensor tensor, int rows, int cols) {
    return new InputException(
        InputException.Kind.MALFORMED,
        checkpoint.source()
            + ": tensor \""
            + tensor.name()
            + "\" is "
            + tensor.shape()
            + " of "
            + tensor.dtype()
            + ", but the configuration asks for "
            + (rows == 1 ? "" : rows + " × ")
            + (cols < 0 ? "any" : cols)
            + "; do config and weights belong together?");
  }

  private Tensor requirePart(String part, int i, int e) {
    return findPart(part, i, e)
        .orElseGet(() -> {
          List<String> names = names(part, i, e);
          return checkpoint.require(names.isEmpty() ? part : names.getFirst());
        });
  }

  private Optional<Tensor> findPart(String part, int i, int e) {
    for (String name : names(part, i, e)) {
      Optional<Tensor> tensor = checkpoint.find(name);
      if (tensor.isPresent()) {
        return tensor;
      }
    }
    return Optional.empty();
  }

  /**
   * The names that a part may have, those without the leading segment too: bare models are stored
   * so.
   */
  private List<String> names(String part, int i, int e) {
    List<String> names = new ArrayList<>();
    for (String template : architecture.parts().getOrDefault(part, List.of())) {
      String name = template.replace("{i}", String.valueOf(i)).replace("{e}", String.valueOf(e));
      names.add(name);
      if (checkpoint.format() == Checkpoint.Format.SAFETENSORS
          && (name.startsWith("model.")
              || name.startsWith("transformer.")
              || name.startsWith("gpt_neox."))) {
        names.add(name.substring(name.indexOf('.') + 1));
      }
    }
    return names;
  }
}
