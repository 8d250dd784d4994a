package io.superweight.cli;

import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.ModelLocator;
import io.superweight.compute.cpu.CpuDevice;
import io.superweight.model.Transformer;
import io.superweight.models.Books12m;
import io.superweight.report.ModelFacts;
import io.superweight.tokenizer.Tokenizer;
import io.superweight.tokenizer.Tokenizers;

/** A model that a command runs on, with all that belongs to it. */
record OpenModel(
    Checkpoint checkpoint, Tokenizer tokenizer, CpuDevice device, Transformer transformer)
    implements AutoCloseable {

  /**
   * Opens a model.
   *
   * @param name as the user gave it; null for the embedded model
   */
  static OpenModel open(String name, ModelOptions options, Progress progress) {
    progress.stage("opening " + (name == null ? "the embedded model" : name));
    int threads = options.threads();
    Checkpoint checkpoint =
        name == null ? Books12m.checkpoint() : new ModelLocator(System.getenv()).open(name);
    Tokenizer tokenizer = null;
    CpuDevice device = null;
    try {
      tokenizer = name == null ? Books12m.tokenizer() : Tokenizers.of(checkpoint);
      device = CpuDevice.create(threads);
      device.notice().ifPresent(progress::line);
      Transformer transformer = Transformer.load(checkpoint, device);
      transformer.listener(progress);
      return new OpenModel(checkpoint, tokenizer, device, transformer);
    } catch (RuntimeException e) {
      if (device != null) {
        device.close();
      }
      if (tokenizer != null) {
        tokenizer.close();
      }
      checkpoint.close();
      throw e;
    }
  }

  ModelFacts facts() {
    return ModelFacts.of(transformer, tokenizer);
  }

  @Override
  public void close() {
    transformer.close();
    device.close();
    tokenizer.close();
    checkpoint.close();
  }
}
