package io.superweight.cli;

import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.ModelLocator;
import io.superweight.compute.Device;
import io.superweight.compute.Devices;
import io.superweight.model.ActivationMemory;
import io.superweight.model.PassListener;
import io.superweight.model.Transformer;
import io.superweight.models.Books12m;
import io.superweight.report.ModelFacts;
import io.superweight.tokenizer.Tokenizer;
import io.superweight.tokenizer.TokenizerFiles;
import io.superweight.tokenizer.Tokenizers;
import java.nio.file.Files;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/** A model that a command runs on, with all that belongs to it. */
final class OpenModel implements AutoCloseable {
  private final boolean embedded;
  private final Checkpoint checkpoint;
  private final Device device;
  private final Transformer transformer;

  /**
   * Computes the digest that every report names, once the first pass has read what it samples and
   * leaves a processor free.
   */
  private CompletableFuture<String> digest;

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
      transformer.activationMemory(memory);
      OpenModel open = new OpenModel(name == null, checkpoint, device, transformer);
      transformer.listener(open.listener(progress));
      return open;
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

  private PassListener listener(Progress progress) {
    return (layer, layers) -> {
      progress.layerDone(layer, layers);
      if (layer == layers && digest == null) {
        digest =
            CompletableFuture.supplyAsync(
                checkpoint::digest, Thread.ofPlatform().daemon().name("superweight-digest")::start);
      }
    };
  }

  ModelFacts facts() {
    waitForDigest();
    return ModelFacts.of(transformer, tokenizer());
  }

  private void waitForDigest() {
    if (digest != null) {
      digest.exceptionally(e -> null).join(); // whoever asks for it meets the trouble, too
    }
  }

  @Override
  public void close() {
    waitForDigest(); // it reads what is closed
    transformer.close();
    device.close();
    if (tokenizer != null) {
      tokenizer.close();
    }
    checkpoint.close();
  }
}
