package io.superweight.find;

import io.superweight.model.Coordinate;
import java.util.Optional;

/**
 * A weight with the signature of a super weight, and the evidence: Y[t,row] = Σ_k X[t,k] · W[row,k]
 * with one or a few k that explain nearly all of it.
 *
 * @param coordinate the weight
 * @param value its value
 * @param rank its rank by |W| in its matrix, 1 being the largest
 * @param matrixSize elements of that matrix
 * @param share the part of Y[t,row] that X[t,col] · W[row,col] explains; above 1 where other terms
 *     cancel some of it
 * @param input X[t,col], the down projection's input
 * @param output Y[t,row], the down projection's output (of the expert, where it has one)
 * @param written what the MLP adds to the residual stream at [t,row]: the output after a post-norm
 *     or a router's weight; equal to the output elsewhere
 * @param before the residual stream at [t,row] as it enters the layer's MLP
 * @param after the residual stream at [t,row] as it leaves the layer
 * @param remaining what is left of the super activation that it feeds when this weight alone is
 *     zeroed, as a fraction of the intact peak; NaN where it was not measured
 * @param prompt index of the prompt in {@link FindResult#prompts()}
 * @param position position of the token t in its prompt
 * @param tokenId id of that token
 * @param token text of that token
 * @param superActivation what it feeds, precedes or erases; empty for a spike that does not qualify
 * @param role what it does there
 * @param round the round of zero-and-repeat that showed it, 0 being the intact model
 * @param reason why it has that role, in words and numbers: one sentence
 */
public record Candidate(
    Coordinate coordinate,
    float value,
    long rank,
    long matrixSize,
    double share,
    float input,
    float output,
    float written,
    float before,
    float after,
    double remaining,
    int prompt,
    int position,
    int tokenId,
    String token,
    Optional<SuperActivation> superActivation,
    Role role,
    int round,
    String reason) {

  /** Whether it is a candidate for a super weight; otherwise the reason says why not. */
  public boolean accepted() {
    return role.accepted();
  }
}
