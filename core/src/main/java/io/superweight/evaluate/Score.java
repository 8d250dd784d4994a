package io.superweight.evaluate;

/**
 * What a model gives for a {@link Request}.
 *
 * @param logProbability Σ log p of the scored tokens, nats
 * @param squares Σ (log p)² of the scored tokens, for standard errors over tokens
 * @param greedy whether each scored token is the most probable one at its position
 */
public record Score(double logProbability, double squares, boolean greedy) {}
