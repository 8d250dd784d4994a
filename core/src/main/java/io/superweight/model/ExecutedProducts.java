package io.superweight.model;

import io.superweight.compute.Buffer;
import io.superweight.compute.Device;
import java.util.List;

/**
 * Computes products of a variant itself, where others multiply by the matrix that its {@link
 * WeightTransform}s make: by integers, for example. What reads its result sees no difference.
 */
public interface ExecutedProducts {
  /** Whether it computes the products with that canonical part. */
  boolean wants(String part);

  /** A matrix of the variant in float32; made when somebody asks. */
  interface Source {
    int rows();

    int cols();

    /**
     * As that transform of the variant finds it: decoded, edited and transformed by those before
     * it. Valid until the next call.
     */
    Buffer before(WeightTransform transform);

    /** As a product would read it. Valid until the next call. */
    Buffer after();
  }

  /**
   * Rows of x that belong to one sequence, or to those of its tokens that are computed together.
   *
   * @param tokens the position in the sequence of each row
   */
  record Rows(int from, int[] tokens) {}

  /**
   * {@code y = x · Ŵᵀ}.
   *
   * @param x {@code [rows, cols]}; not to be written
   * @param sequences all rows of x, in order
   */
  void multiply(String part, Source w, Buffer x, Buffer y, List<Rows> sequences, Device device);
}
