package io.superweight.cli;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class TransferTest {
  private static String words(Transfer transfer, long bytes, long total, double seconds) {
    transfer.at(bytes, seconds);
    return transfer.words(total);
  }

  @Test
  void theSpeedIsThatOfTheLastSecondsAndWhatWasHereBeforeDoesNotCount() {
    Transfer transfer = new Transfer();
    assertThat(words(transfer, 2_000_000_000L, 10_000_000_000L, 100))
        .isEqualTo("2.00 GB of 10.0 GB");
    assertThat(words(transfer, 2_200_000_000L, 10_000_000_000L, 102))
        .isEqualTo("2.20 GB of 10.0 GB, 100 MB/s, 78 s left");
    words(transfer, 2_500_000_000L, 10_000_000_000L, 105);
    words(transfer, 2_550_000_000L, 10_000_000_000L, 110);
    assertThat(words(transfer, 2_650_000_000L, 10_000_000_000L, 115))
        .isEqualTo("2.65 GB of 10.0 GB, 20.0 MB/s, 6 min 07 s left");
  }

  @Test
  void withoutATotalNoTimeIsPromised() {
    Transfer transfer = new Transfer();
    words(transfer, 0, 0, 0);
    assertThat(words(transfer, 5_000, 0, 1)).isEqualTo("5.00 kB, 5.00 kB/s");
  }

  @Test
  void aFileThatBeginsAnewHasNoNegativeSpeed() {
    Transfer transfer = new Transfer();
    words(transfer, 5_000_000, 10_000_000, 0);
    assertThat(words(transfer, 0, 10_000_000, 1)).isEqualTo("0 bytes of 10.0 MB");
  }
}
