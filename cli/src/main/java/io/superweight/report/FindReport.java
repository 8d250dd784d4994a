package io.superweight.report;

import io.superweight.find.FindOptions;
import io.superweight.find.FindResult;
import io.superweight.find.Verification;
import java.util.Optional;

/**
 * Everything that the outputs of {@code find} say.
 *
 * @param version of Superweight
 * @param model what was searched
 * @param options how it was searched
 * @param found what was found
 * @param verification what zeroing does; empty where nothing was zeroed
 */
public record FindReport(
    String version,
    ModelFacts model,
    FindOptions options,
    FindResult found,
    Optional<Verification> verification) {}
