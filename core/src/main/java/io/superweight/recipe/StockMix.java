package io.superweight.recipe;

import io.superweight.tensor.DType;
import java.util.List;
import java.util.Optional;

/** What a tool does of its own. */
public sealed interface StockMix {
  String name();

  /**
   * What it stores a matrix as.
   *
   * @param part canonical name, {@code layers.11.mlp.down}
   * @param layers of the model
   * @param cols of the matrix
   * @return empty where no type of it fits
   */
  Optional<Coding> coding(String part, int layers, int cols);

  /** llama.cpp's mixes by name (src/llama-quant.cpp), without an importance matrix. */
  record LlamaCpp(String name, DType type, Optional<DType> lifted) implements StockMix {
    static final List<LlamaCpp> ALL =
        List.of(
            new LlamaCpp("Q4_0", DType.Q4_0, Optional.empty()),
            new LlamaCpp("Q4_K_M", DType.Q4_K, Optional.of(DType.Q6_K)),
            new LlamaCpp("Q5_0", DType.Q5_0, Optional.empty()),
            new LlamaCpp("Q5_K_M", DType.Q5_K, Optional.of(DType.Q6_K)),
            new LlamaCpp("Q6_K", DType.Q6_K, Optional.empty()),
            new LlamaCpp("Q8_0", DType.Q8_0, Optional.empty()));

    @Override
    public Optional<Coding> coding(String part, int layers, int cols) {
      DType chosen = type;
      int layer = Integer.parseInt(part.split("\\.")[1]);
      boolean values = part.endsWith(".attn.v");
      if (lifted.isPresent() && (values || part.endsWith(".down")) && moreBits(layer, layers)) {
        chosen = lifted.get();
      }
      if (lifted.isPresent() && type == DType.Q4_K && part.endsWith(".attn.qkv")) {
        chosen = DType.Q5_K;
      }
      if (cols % chosen.blockElements() != 0) {
        chosen =
            switch (chosen) {
              case Q4_K -> DType.Q5_0;
              case Q5_K -> DType.Q5_1;
              case Q6_K -> DType.Q8_0;
              default -> DType.F16;
            };
      }
      if (cols % chosen.blockElements() != 0) {
        chosen = DType.F16;
      }
      return Optional.of(new Coding.Gguf(chosen));
    }

    /** use_more_bits: the first and the last eighth of the layers, and every third between. */
    static boolean moreBits(int layer, int layers) {
      return layer < layers / 8 || layer >= 7 * layers / 8 || (layer - layers / 8) % 3 == 2;
    }
  }

  /** One coding for all matrices. */
  record Uniform(String name, Coding of) implements StockMix {
    @Override
    public Optional<Coding> coding(String part, int layers, int cols) {
      return of.fits(cols) ? Optional.of(of) : Optional.empty();
    }
  }
}
