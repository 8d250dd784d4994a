/**
 * What a model scores: perplexity protocols and zero-shot tasks, with any edits applied.
 *
 * <p>An {@link io.superweight.evaluate.Evaluation} turns data into {@linkplain
 * io.superweight.evaluate.Request requests} and their {@linkplain io.superweight.evaluate.Score
 * scores} into {@linkplain io.superweight.evaluate.Metric metrics}; a {@link
 * io.superweight.evaluate.Scorer} gets the scores from a model. Neither knows of the other's trade.
 */
package io.superweight.evaluate;
