package io.superweight.find;

/**
 * The largest value by magnitude at one site.
 *
 * @param value signed value
 * @param channel its channel
 * @param expert the expert, −1 where the layer is dense
 * @param prompt index of the prompt
 * @param position position of the token in its prompt
 * @param token text of that token
 */
public record Extreme(
    float value, int channel, int expert, int prompt, int position, String token) {}
