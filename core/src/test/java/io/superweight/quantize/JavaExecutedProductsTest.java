package io.superweight.quantize;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.superweight.Fixtures;
import io.superweight.InputException;
import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.Checkpoints;
import io.superweight.compute.Device;
import io.superweight.compute.Precision;
import io.superweight.compute.cpu.CpuDevice;
import io.superweight.edit.EditedModel;
import io.superweight.model.Transformer;
import java.lang.reflect.Proxy;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class JavaExecutedProductsTest extends ExecutedProductsContract {
  @Override
  protected Device device(int threads, Precision precision) {
    return CpuDevice.create(threads, precision);
  }

  private static EditedModel applied(Transformer model, String text, EditedModel base) {
    return new Quantizer(model, List.of(), List.of())
        .apply(text, Quantization.parse(text, Indivisible.ERROR), base);
  }

  @ParameterizedTest
  @CsvSource({
    "int8:exec=int8, add act=token",
    "'rtn8:act=token,exec=int8', symmetric",
    "'int8:block=64,act=token,exec=int8', block=channel",
    "'none:act=token,exec=int8', symmetric",
    "'int8:act=token,on=products,exec=int8', on=in+o",
    "'int8:act=token,exec=int4', exec is int8",
    "'int8:act=token,exec', exec is int8"
  })
  void whatCannotBeExecutedIsRefusedWithTheRemedy(String text, String remedy) {
    assertThatThrownBy(() -> Quantization.parse(text, Indivisible.ERROR))
        .isInstanceOf(InputException.class)
        .hasMessageContaining(remedy);
  }

  @Test
  void expertsAreSimulatedOnly() {
    try (Checkpoint checkpoint = Checkpoints.open(Fixtures.path("hf-tiny").resolve("mixtral-moe"));
        Device device = CpuDevice.create(1);
        Transformer model = Transformer.load(checkpoint, device)) {
      assertThatThrownBy(() -> applied(model, "int8:act=token,exec=int8", EditedModel.ORIGINAL))
          .isInstanceOf(InputException.class)
          .hasMessageContaining("experts")
          .hasMessageContaining("leave exec=int8 out");
    }
  }

  @Test
  void aDeviceWithoutIntegerProductsIsRefusedWithThoseThatHaveThem() {
    try (Checkpoint checkpoint = Checkpoints.open(Fixtures.path("hf-tiny").resolve("llama1-mha"));
        Device device = CpuDevice.create(1);
        Transformer model = Transformer.load(checkpoint, without(device))) {
      assertThatThrownBy(() -> applied(model, "int8:act=token,exec=int8", EditedModel.ORIGINAL))
          .isInstanceOf(InputException.class)
          .hasMessageContaining("no integer products")
          .hasMessageContaining("--device onednn or --device java");
    }
  }

  /** The same device, but for its integer products. */
  private static Device without(Device device) {
    return (Device)
        Proxy.newProxyInstance(
            Device.class.getClassLoader(),
            new Class<?>[] {Device.class},
            (proxy, method, arguments) ->
                method.getName().equals("integerProducts")
                    ? Optional.empty()
                    : method.invoke(device, arguments));
  }

  @Test
  void anExecutedVersionSaysSoInItsKeyAndNotesAndCannotBeExecutedAgain() {
    try (Checkpoint checkpoint = Checkpoints.open(Fixtures.books12m());
        Device device = CpuDevice.create(1);
        Transformer model = Transformer.load(checkpoint, device)) {
      EditedModel executed = applied(model, "int8:act=token,exec=int8", EditedModel.ORIGINAL);
      assertThat(executed.key()).contains("executed in int8");
      assertThat(executed.key())
          .isNotEqualTo(applied(model, "int8:act=token", EditedModel.ORIGINAL).key());
      assertThat(executed.notes())
          .anyMatch(note ->
              note.contains("products of 8-bit integers are executed") && note.contains("attn.o"));
      assertThat(executed.labelled("other").variant().executed())
          .isEqualTo(executed.variant().executed());
      assertThatThrownBy(() -> applied(model, "int8:act=token,exec=int8", executed))
          .isInstanceOf(InputException.class)
          .hasMessageContaining("executes its products already");
    }
  }
}
