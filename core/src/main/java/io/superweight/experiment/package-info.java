/**
 * Edited models times evaluations: what the paper's tables and figures are made of.
 *
 * <p>A {@link io.superweight.experiment.Sweep} asks for scores, a {@link
 * io.superweight.experiment.ScoreStore} keeps them, and a {@link
 * io.superweight.experiment.SweepResult} is a function of what is kept alone.
 */
package io.superweight.experiment;
