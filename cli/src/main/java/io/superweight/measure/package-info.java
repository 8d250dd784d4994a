/**
 * What this machine can do at most, and what the kernels reach of it. Measures only; nothing here
 * is used when a model runs.
 */
package io.superweight.measure;
