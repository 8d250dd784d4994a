/**
 * Finds the super weights of a checkpoint: scalars that alone or as a small set make a super
 * activation (Yu et al. 2024, section 3). It reports evidence and a role for each; whether the
 * model depends on them is for {@code find.verify} to say.
 *
 * <p>All results are plain records: numbers, texts, lists. A list over layers has the layer as its
 * index.
 */
package io.superweight.find;
