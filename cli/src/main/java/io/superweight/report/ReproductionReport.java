package io.superweight.report;

import io.superweight.experiment.Exhibit;
import io.superweight.model.Coordinate;
import java.util.List;

/**
 * An experiment of the paper made on a model.
 *
 * @param version of this program
 * @param model the model
 * @param weights the super weights that were edited
 * @param origin where they are known from
 * @param command that makes it again
 * @param paperSource where the paper's numbers were taken from
 * @param exhibit what came out
 */
public record ReproductionReport(
    String version,
    ModelFacts model,
    List<Coordinate> weights,
    String origin,
    String command,
    String paperSource,
    Exhibit exhibit) {
  public ReproductionReport {
    weights = List.copyOf(weights);
  }
}
