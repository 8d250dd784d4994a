/**
 * What Python does where a reference implementation's numbers hang on it: its random numbers, its
 * sums, its idea of text.
 */
package io.superweight.python;
