package io.superweight.dataset;

/**
 * A split of a data set on the hub.
 *
 * @param repository {@code allenai/ai2_arc}
 * @param configuration {@code ARC-Easy}; empty for the only one
 * @param split {@code test}
 */
public record DatasetName(String repository, String configuration, String split) {
  @Override
  public String toString() {
    return repository + (configuration.isEmpty() ? "" : ", " + configuration) + ", " + split;
  }
}
