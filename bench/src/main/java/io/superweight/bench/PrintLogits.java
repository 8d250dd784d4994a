package io.superweight.bench;

import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.Checkpoints;
import io.superweight.compute.Device;
import io.superweight.compute.cpu.CpuDevice;
import io.superweight.model.Head;
import io.superweight.model.Transformer;
import io.superweight.model.Variant;
import io.superweight.tokenizer.Tokenizer;
import io.superweight.tokenizer.Tokenizers;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;

/**
 * What scripts in etc compare with other tools: for each line {@code logits FILE MODEL ID,ID,…} of
 * the file that is named, the logits of those tokens go to FILE as little-endian float32, {@code
 * [tokens, vocabulary]}; for {@code ids FILE MODEL TEXTFILE}, the token ids of the text, in
 * decimal. Fields are separated by tabs.
 */
public final class PrintLogits {
  private PrintLogits() {}

  public static void main(String[] arguments) throws IOException {
    for (String line : Files.readAllLines(Path.of(arguments[0]))) {
      String[] fields = line.split("\t");
      Path out = Path.of(fields[1]);
      try (Checkpoint checkpoint = Checkpoints.open(Path.of(fields[2]))) {
        if (fields[0].equals("ids")) {
          try (Tokenizer tokenizer = Tokenizers.of(checkpoint)) {
            int[] ids = tokenizer.encode(Files.readString(Path.of(fields[3])));
            Files.writeString(
                out, Arrays.stream(ids).mapToObj(String::valueOf).collect(Collectors.joining(",")));
          }
        } else {
          int[] ids = Arrays.stream(fields[3].split(",")).mapToInt(Integer::parseInt).toArray();
          Files.write(out, logits(checkpoint, ids));
        }
      }
    }
  }

  private static byte[] logits(Checkpoint checkpoint, int[] ids) {
    try (Device device = CpuDevice.create();
        Transformer model = Transformer.load(checkpoint, device)) {
      float[] logits =
          model.forward(List.of(ids), List.of(Variant.INTACT), List.of(), Head.ALL_LOGITS)
              .logits()[0][0];
      ByteBuffer bytes = ByteBuffer.allocate(4 * logits.length).order(ByteOrder.LITTLE_ENDIAN);
      bytes.asFloatBuffer().put(logits);
      return bytes.array();
    }
  }
}
