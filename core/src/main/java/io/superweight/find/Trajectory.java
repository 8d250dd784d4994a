package io.superweight.find;

import java.util.List;

/**
 * A super activation's channel at its token through the layers: the paper's Figure 4. All lists
 * have {@code layers + 1} values: index 0 is the embedding, index i + 1 the stream that leaves
 * layer i.
 *
 * @param superActivation which
 * @param intact the model as it is
 * @param removed with all accepted candidates zeroed; empty where there are none
 */
public record Trajectory(SuperActivation superActivation, List<Float> intact, List<Float> removed) {
  public Trajectory {
    intact = List.copyOf(intact);
    removed = List.copyOf(removed);
  }
}
