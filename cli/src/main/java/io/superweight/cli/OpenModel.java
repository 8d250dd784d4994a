package io.superweight.cli;

import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.ModelLocator;
import io.superweight.compute.Device;
import io.superweight.compute.Devices;
import io.superweight.model.ActivationMemory;
import io.superweight.model.Transformer;
import io.superweight.models.Books12m;
import io.superweight.report.ModelFacts;
import io.superweight.tokenizer.Tokenizer;
import io.superweight.tokenizer.TokenizerFiles;
import io.superweight.tokenizer.Tokenizers;
import java.nio.file.Files;
import java.util.Optional;

/** A model that a command runs on, with all that belongs to it. */
final class OpenModel implements AutoCloseable {
  private final boolean embedded;
  private final Checkpoint checkpoint;
  private final Device device;
  private final Transformer transformer;
  private Tokenizer tokenizer;

  private OpenModel(
      boolean embedded, Checkpoint checkpoint, Device device, Transformer transformer) {
    this.embedded = embedded;
    this.checkpoint = checkpoint;
    this.device = device;
    this.transformer = transformer;
  }

  /**
   * Opens a model.
   *
   * @param name as the user gave it; null for the embedded model
   */
  static OpenModel open(String name, ModelOptions options, Progress progress) {
    progress.stage("opening " + (name == null ? "the embedded model" : name));
    ActivationMemory memory = ActivationMemory.of(options.activationMemory());
    Checkpoint checkpoint = checkpoint(name, progress);
    Device device = null;
    try {
      Devices.Opened opened =
          Devices.onClassPath().open(options.device(), options.request(checkpoint));
      device = opened.device();
      opened.notice().ifPresent(progress::line);
      Transformer transformer = Transformer.load(checkpoint, device);
      transformer.listener(progress);
      transformer.activationMemory(memory);
      return new OpenModel(name == null, checkpoint, device, transformer);
    } catch (RuntimeException e) {
      if (device != null) {
        device.close();
      }
      checkpoint.close();
      throw e;
    }
  }

  /**
   * Opens a model's files alone.
   *
   * @param name as the user gave it; null for the embedded model
   */
  static Checkpoint checkpoint(String name, Progress progress) {
    return name == null
        ? Books12m.checkpoint()
        : new ModelLocator(System.getenv(), progress).open(name);
  }

  /** Where the tokenizer of a model lies; empty for a file that holds its own. */
  static Optional<TokenizerFiles> tokenizerFiles(String name, Checkpoint checkpoint) {
    return name == null
        ? Optional.of(Books12m.tokenizerFiles())
        : checkpoint.path().filter(Files::isDirectory).map(TokenizerFiles::in);
  }

  Checkpoint checkpoint() {
    return checkpoint;
  }

  Device device() {
    return device;
  }

  Transformer transformer() {
    return transformer;
  }

  /** The tokenizer, opened when it is first asked for: token ids need none. */
  Tokenizer tokenizer() {
    if (tokenizer == null) {
      tokenizer = embedded ? Books12m.tokenizer() : Tokenizers.of(checkpoint);
    }
    return tokenizer;
  }

  ModelFacts facts() {
    return ModelFacts.of(transformer, tokenizer());
  }

  @Override
  public void close() {
    transformer.close();
    device.close();
    if (tokenizer != null) {
      tokenizer.close();
    }
    checkpoint.close();
  }
}
