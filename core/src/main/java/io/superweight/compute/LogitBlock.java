package io.superweight.compute;

/**
 * What a block of columns has to say about the softmax of whole rows, each array {@code [rows]}.
 *
 * @param logSumExp {@code log Σ exp} over the block's columns
 * @param argMax the block's first column of its largest value
 * @param largest that value
 * @param target the value at the row's target; NaN where the target lies in another block
 */
public record LogitBlock(double[] logSumExp, int[] argMax, float[] largest, float[] target) {}
