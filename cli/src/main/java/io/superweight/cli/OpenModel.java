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
import java.util.concurrent.CompletionException;
import java.util.function.Supplier;

/** A model that a command runs on, with all that belongs to it. */
final class OpenModel implements AutoCloseable {
  /** Layers of the first pass that are computed beside the digest. */
  private static final int LAYERS_BESIDE_DIGEST = 2;

  private final Checkpoint checkpoint;
  private final Device device;
  private final Transformer transformer;

  /**
   * Computes the digest that every report names, once the first pass has read nearly all that it
   * samples: before, a cold disk would be sent to and fro.
   */
  private CompletableFuture<String> digest;

  /** Opened beside the device. Token ids need none: what is wrong with it is told who asks. */
  private final CompletableFuture<Tokenizer> tokenizer;

  /** Whether the next pass is the last one. */
  private boolean lastPass;

  private OpenModel(
      Checkpoint checkpoint,
      Device device,
      Transformer transformer,
      CompletableFuture<Tokenizer> tokenizer) {
    this.checkpoint = checkpoint;
    this.device = device;
    this.transformer = transformer;
    this.tokenizer = tokenizer;
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
    CompletableFuture<Tokenizer> tokenizer =
        beside(
            "superweight-tokenizer",
            () -> name == null ? Books12m.tokenizer() : Tokenizers.of(checkpoint));
    Device device = null;
    try {
      Devices.Opened opened =
          Devices.onClassPath().open(options.device(), options.request(checkpoint));
      device = opened.device();
      opened.notice().ifPresent(progress::line);
      Transformer transformer = Transformer.load(checkpoint, device);
      transformer.activationMemory(memory);
      OpenModel open = new OpenModel(checkpoint, device, transformer, tokenizer);
      transformer.listener(open.listener(progress));
      return open;
    } catch (RuntimeException e) {
      if (device != null) {
        device.close();
      }
      close(tokenizer);
      checkpoint.close();
      throw e;
    }
  }

  private static <T> CompletableFuture<T> beside(String thread, Supplier<T> work) {
    return CompletableFuture.supplyAsync(work, Thread.ofPlatform().daemon().name(thread)::start);
  }

  /** What somebody has computed, or the trouble that he had. */
  private static <T> T of(CompletableFuture<T> work) {
    try {
      return work.join();
    } catch (CompletionException e) {
      switch (e.getCause()) {
        case RuntimeException trouble -> throw trouble;
        case Error trouble -> throw trouble;
        default -> throw e;
      }
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

  /** The tokenizer; whoever has token ids need not ask for it. */
  Tokenizer tokenizer() {
    return of(tokenizer);
  }

  /**
   * Says that one more pass is all there is: what it maps is unmapped while its results are seen.
   */
  void onePassMore() {
    lastPass = true;
  }

  private PassListener listener(Progress progress) {
    return (layer, layers) -> {
      progress.layerDone(layer, layers);
      if (layer >= layers - LAYERS_BESIDE_DIGEST && digest == null) {
        digest = beside("superweight-digest", checkpoint::digest);
      }
      if (layer == layers && lastPass) {
        transformer.noPassFollows();
      }
    };
  }

  ModelFacts facts() {
    if (digest != null) {
      of(digest);
    }
    return ModelFacts.of(transformer, tokenizer());
  }

  @Override
  public void close() {
    if (digest != null) {
      digest.exceptionally(e -> null).join(); // it reads what is closed
    }
    transformer.close();
    device.close();
    close(tokenizer);
    checkpoint.close();
  }

  /** It reads what is closed next. */
  private static void close(CompletableFuture<Tokenizer> tokenizer) {
    Optional.ofNullable(tokenizer.exceptionally(e -> null).join()).ifPresent(Tokenizer::close);
  }
}
