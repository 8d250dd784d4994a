package io.superweight.recipe;

import io.superweight.tensor.DType;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/** Whose configuration is written. */
public enum Tool {
  LLAMA_CPP("llama.cpp"),
  LLM_COMPRESSOR("llm-compressor"),
  GPTQMODEL("gptqmodel"),
  AWQ("awq");

  private final String text;

  Tool(String text) {
    this.text = text;
  }

  /** As the command line has it. */
  public String text() {
    return text;
  }

  public static Optional<Tool> of(String text) {
    return Arrays.stream(values()).filter(t -> t.text.equalsIgnoreCase(text)).findFirst();
  }

  /** Whether modules that share an input are one linear layer where the file is run. */
  boolean fuses() {
    return this != LLAMA_CPP;
  }

  /** What a module may be stored as. */
  List<Coding> codings(int group) {
    return switch (this) {
      case LLAMA_CPP ->
          List.of(
              new Coding.Gguf(DType.Q4_0),
              new Coding.Gguf(DType.Q4_K),
              new Coding.Gguf(DType.Q5_0),
              new Coding.Gguf(DType.Q5_K),
              new Coding.Gguf(DType.Q6_K),
              new Coding.Gguf(DType.Q8_0));
      case LLM_COMPRESSOR, AWQ -> List.of(new Coding.Groups(4, group), new Coding.Sixteen());
      case GPTQMODEL ->
          List.of(new Coding.Groups(4, group), new Coding.Groups(8, group), new Coding.Sixteen());
    };
  }
}
