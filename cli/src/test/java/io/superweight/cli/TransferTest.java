package io.superweight.cli;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class TransferTest {
  @Test
  void theSpeedIsThatOfTheLastSecondsAndWhatWasHereBeforeDoesNotCount() {
    Transfer transfer = new Transfer();
    assertThat(transfer.words(2_000_000_000L, 10_000_000_000L, 100))
        .isEqualTo("2.00 GB of 10.0 GB");
    assertThat(transfer.words(2_200_000_000L, 10_000_000_000L, 102))
        .isEqualTo("2.20 GB of 10.0 GB, 100 MB/s, 78 s left");
    transfer.words(2_500_000_000L, 10_000_000_000L, 105);
    transfer.words(2_550_000_000L, 10_000_000_000L, 110);
    assertThat(transfer.words(2_650_000_000L, 10_000_000_000L, 115))
        .isEqualTo("2.65 GB of 10.0 GB, 20.0 MB/s, 6 min 07 s left");
  }

  @Test
  void withoutATotalNoTimeIsPromised() {
    Transfer transfer = new Transfer();
    transfer.words(0, 0, 0);
    assertThat(transfer.words(5_000, 0, 1)).isEqualTo("5.00 kB, 5.00 kB/s");
  }

  @Test
  void aFileThatBeginsAnewHasNoNegativeSpeed() {
    Transfer transfer = new Transfer();
    transfer.words(5_000_000, 10_000_000, 0);
    assertThat(transfer.words(0, 10_000_000, 1)).isEqualTo("0 bytes of 10.0 MB");
  }
}
