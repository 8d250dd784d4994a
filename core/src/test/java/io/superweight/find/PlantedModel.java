package io.superweight.find;

import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.ModelConfig;
import io.superweight.model.Coordinate;
import io.superweight.tensor.Tensor;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * A tiny model with known super weights, and the prompt that shows them.
 *
 * @param seed what it was made from
 * @param family architecture
 * @param scenario what was planted
 * @param checkpoint the weights, in memory
 * @param prompt token ids
 * @param trigger position of the token that the super activation sits on
 * @param planted the super weights; empty for a null
 * @param decoys what was put in to mislead, in words
 * @param zeroed for each planted coordinate the others that must be zeroed before it acts (a masked
 *     second); empty for most
 */
record PlantedModel(
    long seed,
    String family,
    Scenario scenario,
    Checkpoint checkpoint,
    int[] prompt,
    int trigger,
    List<Plant> planted,
    List<String> decoys,
    Map<Coordinate, Set<Coordinate>> zeroed) {

  /** What was planted. */
  enum Scenario {
    /** Nothing: decoys only. */
    NONE,
    /** One weight. */
    SINGLE,
    /** Two or three columns of one matrix feed one channel. */
    ROW,
    /** One neuron feeds two or three channels. */
    COLUMN,
    /** Two neurons feed the same two channels. */
    BLOCK,
    /** A precursor in an earlier layer makes the input of the source. */
    CHAIN,
    /** Two layers write one channel, the second reads what the first wrote. */
    STEPS,
    /** A second weight of a later layer and the same channel, silent until the first is zeroed. */
    MASKED_SAME_CHANNEL,
    /** A second weight of a later layer and another channel, silent until the first is zeroed. */
    MASKED_OTHER_CHANNEL,
    /** A column of three and a masked row of two: five weights. */
    FIVE
  }

  /**
   * @param coordinate where
   * @param amplitude what it writes into the residual stream, by magnitude, once it acts
   */
  record Plant(Coordinate coordinate, double amplitude) {}

  Set<Coordinate> coordinates() {
    return Set.copyOf(planted.stream().map(Plant::coordinate).toList());
  }

  @Override
  public String toString() {
    return family + " " + scenario + " seed " + seed + " " + planted + " decoys " + decoys;
  }

  /** A checkpoint that lives in memory. */
  record InMemory(ModelConfig config, Map<String, Tensor> tensors) implements Checkpoint {
    @Override
    public Format format() {
      return Format.SAFETENSORS;
    }

    @Override
    public String source() {
      return "planted";
    }

    @Override
    public String contents() {
      return digest();
    }

    @Override
    public Set<String> names() {
      return tensors.keySet();
    }

    @Override
    public Optional<Tensor> find(String name) {
      return Optional.ofNullable(tensors.get(name));
    }

    @Override
    public long tensorBytes() {
      return tensors.values().stream().mapToLong(t -> t.data().byteSize()).sum();
    }

    @Override
    public String digest() {
      return "planted";
    }

    @Override
    public Optional<Path> path() {
      return Optional.empty();
    }

    @Override
    public void close() {}
  }
}
