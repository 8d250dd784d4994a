package io.superweight.find;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.junit.jupiter.api.Test;

class ProcessMemoryTest {
  @Test
  void readsTheFieldsOfTheStatusFileInBytes() {
    List<String> status =
        List.of(
            "Name:\tjava",
            "VmHWM:\t 1379316 kB",
            "VmRSS:\t 1379000 kB",
            "RssAnon:\t  120004 kB",
            "RssFile:\t 1258992 kB",
            "RssShmem:\t      4 kB");
    assertThat(ProcessMemory.parse(status))
        .contains(new ProcessMemory(120_008L * 1024, 1_258_992L * 1024, 1_379_316L * 1024));
  }

  @Test
  void saysNothingWhereTheSystemDoesNot() {
    assertThat(ProcessMemory.parse(List.of("Name:\tjava", "VmHWM:\t 12 kB"))).isEmpty();
    assertThat(ProcessMemory.parse(List.of("VmHWM: 1", "RssAnon: x kB", "RssFile: 1 kB")))
        .isEmpty();
  }

  @Test
  void theWatchRemembersMemoryThatWasGivenBack() throws InterruptedException {
    assumeTrue(ProcessMemory.now().isPresent());
    long bytes = 200_000_000;
    try (MemoryWatch watch = MemoryWatch.start()) {
      long before = watch.peak().orElseThrow().anonymous();
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment segment = arena.allocate(bytes);
        segment.fill((byte) 1);
        // The watch, not this thread, must see it: its next look may have begun before.
        long looks = watch.looks();
        while (watch.looks() < looks + 2) {
          Thread.sleep(5);
        }
      }
      ProcessMemory after = watch.peak().orElseThrow();
      assertThat(after.anonymous()).isGreaterThan(before + bytes / 2);
      assertThat(after.peakResident()).isGreaterThanOrEqualTo(after.anonymous());
    }
  }
}
