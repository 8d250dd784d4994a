package io.superweight.find;

/**
 * A layer's largest down-projection input and output and residual over all tokens of all prompts of
 * the intact model: the paper's Figure 3.
 *
 * @param layer the layer
 * @param input largest input of the down projection (of all its experts)
 * @param output largest output of it
 * @param residual largest value of the stream that leaves the layer
 * @param medianInput median of |input|
 * @param medianOutput median of |output|
 * @param medianResidual median of |residual|
 */
public record LayerExtremes(
    int layer,
    Extreme input,
    Extreme output,
    Extreme residual,
    float medianInput,
    float medianOutput,
    float medianResidual) {}
