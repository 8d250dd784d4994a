package io.superweight.find;

import static org.assertj.core.api.Assertions.assertThat;

import io.superweight.compute.Device;
import io.superweight.compute.cpu.CpuDevice;
import io.superweight.model.Coordinate;
import io.superweight.model.Transformer;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

class PlantedBenchmarkTest {
  @Test
  void recall() {
    int models = Integer.parseInt(System.getenv().getOrDefault("PLANTED", "96"));
    long seed = Long.parseLong(System.getenv().getOrDefault("PLANTED_SEED", "1"));
    int hit = 0;
    int all = 0;
    int falseFinds = 0;
    int nulls = 0;
    int clean = 0;
    try (Device device = CpuDevice.create()) {
      for (int i = 0; i < models; i++) {
        PlantedModel planted = PlantedModels.make(seed, i, device);
        try (Transformer model = Transformer.load(planted.checkpoint(), device)) {
          FindResult found =
              Finder.find(model, List.of(Prompt.of(planted.prompt())), FindOptions.DEFAULT);
          Set<Coordinate> got = new HashSet<>(found.coordinates());
          Set<Coordinate> want = new HashSet<>(planted.coordinates());
          all += want.size();
          Set<Coordinate> both = new HashSet<>(got);
          both.retainAll(want);
          hit += both.size();
          falseFinds += got.size() - both.size();
          if (want.isEmpty()) {
            nulls++;
            clean += got.isEmpty() ? 1 : 0;
          }
          if (!got.equals(want)) {
            want.removeAll(both);
            got.removeAll(both);
            System.out.println(i + " MISSED " + want + " FALSE " + got + " IN " + planted);
            found
                .candidates()
                .forEach(c ->
                    System.out.println(
                        "   + "
                            + c.role()
                            + " "
                            + c.coordinate()
                            + " share "
                            + c.share()
                            + " rank "
                            + c.rank()
                            + " "
                            + c.round()
                            + " "
                            + c.reason()));
            found.rejected().stream()
                .filter(c -> planted.coordinates().contains(c.coordinate()))
                .forEach(c ->
                    System.out.println(
                        "   - "
                            + c.role()
                            + " "
                            + c.coordinate()
                            + " share "
                            + c.share()
                            + " rank "
                            + c.rank()
                            + " "
                            + c.round()
                            + " "
                            + c.reason()));
            found.notes().forEach(n -> System.out.println("   ! " + n));
          }
        }
      }
    }
    System.out.println(
        "recall " + hit + "/" + all + " false " + falseFinds + " nulls " + clean + "/" + nulls);
    assertThat(all).isPositive();
  }
}
