/**
 * Evaluation data as rows, from the hub or from a folder of this machine. No task knows a file
 * format.
 */
package io.superweight.dataset;
