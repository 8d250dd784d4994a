/**
 * Edited models times evaluations, and the paper's tables and figures that are made of them.
 *
 * <p>A {@link io.superweight.experiment.Sweep} asks for scores, a {@link
 * io.superweight.experiment.ScoreStore} keeps them, and a {@link
 * io.superweight.experiment.SweepResult} is a function of what is kept alone.
 *
 * <p>Each table or figure is a class that measures it for any model and gives it as an {@link
 * io.superweight.experiment.Exhibit}, which all forms (text, JSON, CSV, page) are written from.
 */
package io.superweight.experiment;
