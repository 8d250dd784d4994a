/**
 * What is published of models' super weights, with its sources and its causal evidence: one JSON
 * document a model (docs/catalog.md), in this package's resources and in the user's own folder.
 */
package io.superweight.catalog;
