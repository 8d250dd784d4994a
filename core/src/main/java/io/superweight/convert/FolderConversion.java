package io.superweight.convert;

import io.superweight.InputException;
import io.superweight.checkpoint.GgufCheckpoint;

final class FolderConversion {
  private final GgufCheckpoint gguf;

  FolderConversion(GgufCheckpoint gguf) {
    this.gguf = gguf;
  }

  FolderContent content() {
    throw new InputException(InputException.Kind.UNSUPPORTED, gguf.source() + ": not yet");
  }
}
