package io.superweight.convert;

import io.superweight.InputException;
import io.superweight.checkpoint.Checkpoint;

final class GgufConversion {
  private final Checkpoint checkpoint;

  GgufConversion(Checkpoint checkpoint) {
    this.checkpoint = checkpoint;
  }

  GgufContent content() {
    throw new InputException(
        InputException.Kind.UNSUPPORTED,
        checkpoint.source() + ": safetensors are not converted yet");
  }
}
