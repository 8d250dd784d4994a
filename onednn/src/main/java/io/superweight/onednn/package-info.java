/**
 * Matrix products by oneDNN through the Foreign Function and Memory API. Bindings and partition of
 * the work, nothing else: all other operations are those of {@link io.superweight.compute.cpu}.
 */
package io.superweight.onednn;
