package io.superweight.report;

import io.superweight.experiment.SweepResult;

/**
 * A sweep with what it was run on.
 *
 * @param version of Superweight
 */
public record SweepReport(String version, ModelFacts model, SweepResult result) {}
