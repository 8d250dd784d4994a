/**
 * Which modules of a model to give more bits: by what rounding each costs in predictions, and what
 * lifting it costs in bytes, against the mix that a tool has of its own.
 */
package io.superweight.recipe;
