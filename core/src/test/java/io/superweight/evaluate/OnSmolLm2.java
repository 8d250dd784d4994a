package io.superweight.evaluate;

import io.superweight.Fixtures;
import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.Checkpoints;
import io.superweight.compute.Device;
import io.superweight.compute.cpu.CpuDevice;
import io.superweight.model.Transformer;
import io.superweight.tokenizer.Tokenizer;
import io.superweight.tokenizer.Tokenizers;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.TestInstance;

/** Tests on a real model in float32, loaded once; skipped where it is not there. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
abstract class OnSmolLm2 {
  /** Whether to compare all that the references scored, which takes minutes. */
  static final boolean FULL = System.getenv("SUPERWEIGHT_FULL") != null;

  private Checkpoint checkpoint;
  private Device device;
  Tokenizer tokenizer;
  Transformer model;

  @BeforeAll
  void open() {
    checkpoint = Checkpoints.open(Fixtures.smolLm2());
    tokenizer = Tokenizers.of(checkpoint);
    device = CpuDevice.create();
    model = Transformer.load(checkpoint, device);
  }

  @AfterAll
  void close() {
    if (model != null) {
      model.close();
      device.close();
      tokenizer.close();
      checkpoint.close();
    }
  }
}
