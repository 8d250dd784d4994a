package io.superweight.find;

import static org.assertj.core.api.Assertions.assertThat;

import io.superweight.compute.Device;
import io.superweight.compute.cpu.CpuDevice;
import io.superweight.model.Coordinate;
import io.superweight.model.Head;
import io.superweight.model.Probe;
import io.superweight.model.Site;
import io.superweight.model.SiteValues;
import io.superweight.model.Transformer;
import io.superweight.model.Variant;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

class PlantedModelsTest {

  @Test
  void zeroingThePlantedWeightsTakesTheSpikeAway_andZeroingTheirNeighboursDoesNot() {
    Map<PlantedModel.Scenario, Integer> scenarios = new EnumMap<>(PlantedModel.Scenario.class);
    Map<String, Integer> families = new TreeMap<>();
    try (Device device = CpuDevice.create()) {
      for (int i = 0; i < 72; i++) {
        PlantedModel planted = PlantedModels.make(1, i, device);
        scenarios.merge(planted.scenario(), 1, Integer::sum);
        families.merge(planted.family(), 1, Integer::sum);
        if (planted.planted().isEmpty()) {
          continue;
        }
        try (Transformer model = Transformer.load(planted.checkpoint(), device)) {
          Coordinate first = planted.planted().getFirst().coordinate();
          List<Coordinate> neighbours = new ArrayList<>();
          for (Coordinate c : planted.coordinates()) {
            int row = c.row() == 47 ? 46 : c.row() + 1;
            Coordinate neighbour = new Coordinate(c.part(), row, c.col());
            if (!planted.coordinates().contains(neighbour)) {
              neighbours.add(neighbour);
            }
          }
          double intact = spike(model, planted, first, Set.of());
          assertThat(spike(model, planted, first, planted.coordinates()))
              .as("%s", planted)
              .isLessThan(0.3 * intact);
          assertThat(spike(model, planted, first, Set.copyOf(neighbours)))
              .as("%s", planted)
              .isBetween(0.9 * intact, 1.1 * intact);
        }
      }
    }
    assertThat(scenarios).containsOnlyKeys(PlantedModel.Scenario.values());
    assertThat(families).containsOnlyKeys(TinyWeights.FAMILIES);
  }

  @Test
  void theSameSeedMakesTheSameModel_andAnotherSeedAnother() {
    try (Device device = CpuDevice.create()) {
      PlantedModel one = PlantedModels.make(3, 9, device);
      PlantedModel again = PlantedModels.make(3, 9, device);
      PlantedModel other = PlantedModels.make(4, 9, device);
      assertThat(again.toString()).isEqualTo(one.toString());
      assertThat(again.prompt()).isEqualTo(one.prompt());
      for (String name : one.checkpoint().names()) {
        assertThat(
                again
                    .checkpoint()
                    .require(name)
                    .data()
                    .mismatch(one.checkpoint().require(name).data()))
            .as(name)
            .isEqualTo(-1);
      }
      assertThat(other.toString()).isNotEqualTo(one.toString());
    }
  }

  /** The planted channel at its token as it leaves the layer of the plant. */
  private static double spike(
      Transformer model, PlantedModel planted, Coordinate at, Set<Coordinate> zeroed) {
    double[] value = new double[1];
    Probe probe =
        new Probe() {
          @Override
          public boolean wants(Site site) {
            return site.kind() == Site.Kind.RESID_POST && site.layer() == at.layer();
          }

          @Override
          public void observe(Site site, SiteValues values) {
            value[0] = Math.abs(values.get(planted.trigger(), at.row()));
          }
        };
    model.forward(
        List.of(planted.prompt()),
        List.of(Variant.zeroed("zeroed", zeroed)),
        List.of(probe),
        Head.SKIP);
    return value[0];
  }
}
