package io.superweight.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PagesTest {
  @TempDir Path folder;

  private interface Work {
    void on(Pages pages, MemorySegment mapped);
  }

  private void mapped(int bytes, Work work) throws IOException {
    Pages pages = Pages.ofThisSystem().orElse(null);
    Assumptions.assumeTrue(pages != null, "skipped: pages are brought on Linux only");
    Path file = Files.write(folder.resolve("file"), new byte[bytes]);
    try (Arena arena = Arena.ofShared();
        FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      work.on(pages, channel.map(FileChannel.MapMode.READ_ONLY, 0, bytes, arena));
    }
  }

  @Test
  void whatHasBeenBroughtIsResident_whereverItsPartBeginsAndEnds() throws IOException {
    mapped(
        40 << 20,
        (pages, all) -> {
          for (long[] part : new long[][] {{0, all.byteSize()}, {4097, 20 << 20}, {8191, 2}}) {
            MemorySegment mapped = all.asSlice(part[0], part[1]);
            assertThat(pages.bring(mapped, () -> true)).isTrue();
            assertThat(pages.resident(mapped)).isTrue();
          }
        });
  }

  @Test
  void bringingEndsBetweenPiecesWhereNobodyWantsItAnyMore() throws IOException {
    mapped(
        40 << 20,
        (pages, all) -> {
          AtomicInteger asked = new AtomicInteger();
          assertThat(pages.bring(all, () -> asked.incrementAndGet() < 2)).isTrue();
          assertThat(asked).hasValue(2);
        });
  }
}
