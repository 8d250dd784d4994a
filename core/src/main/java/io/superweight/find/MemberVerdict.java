package io.superweight.find;

import io.superweight.model.Coordinate;
import io.superweight.statistics.Interval;
import java.util.Optional;

/**
 * One weight of a set.
 *
 * @param weight the weight
 * @param verdict the set's verdict where the weight is needed in it (membership outranks what it
 *     does alone), the weight's own otherwise
 * @param aloneVerdict what it would be called by itself
 * @param alone zeroing it alone
 * @param leftOut zeroing the rest of the set without it; empty in a set of one
 * @param change perplexity of zeroing the whole set over zeroing the rest: what this member adds
 * @param needed whether leaving it out changes the joint effect beyond controls
 * @param sentence who does what, in words
 */
public record MemberVerdict(
    Coordinate weight,
    Verdict verdict,
    Verdict aloneVerdict,
    Effect alone,
    Optional<Effect> leftOut,
    Interval change,
    boolean needed,
    String sentence) {}
