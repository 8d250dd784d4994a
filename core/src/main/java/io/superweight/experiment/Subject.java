package io.superweight.experiment;

import io.superweight.find.FindResult;
import io.superweight.model.Coordinate;
import io.superweight.model.Transformer;
import io.superweight.tokenizer.BosPolicy;
import io.superweight.tokenizer.Tokenizer;
import java.util.List;

/**
 * What the experiments are made on.
 *
 * @param name of the model, as the user gave it
 * @param bos what goes before prompts
 * @param found a search on the paper's prompt
 * @param weights the super weights that are edited; empty where the model has none
 * @param origin where they are known from: {@code the search}, {@code --weights}
 */
public record Subject(
    Transformer model,
    Tokenizer tokenizer,
    String name,
    BosPolicy bos,
    FindResult found,
    List<Coordinate> weights,
    String origin) {
  public Subject {
    weights = List.copyOf(weights);
  }
}
