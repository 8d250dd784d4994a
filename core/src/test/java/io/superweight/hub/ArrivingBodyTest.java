package io.superweight.hub;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Flow;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class ArrivingBodyTest {
  private final AtomicLong requested = new AtomicLong();
  private final AtomicBoolean cancelled = new AtomicBoolean();
  private final ArrivingBody body = new ArrivingBody(Duration.ofMillis(20));

  private void subscribe() {
    body.onSubscribe(
        new Flow.Subscription() {
          @Override
          public void request(long n) {
            requested.addAndGet(n);
          }

          @Override
          public void cancel() {
            cancelled.set(true);
          }
        });
  }

  private static List<ByteBuffer> bytes(int... lengths) {
    return Arrays.stream(lengths).mapToObj(n -> ByteBuffer.wrap(new byte[n])).toList();
  }

  @Test
  void whatArrivedBeforeTheConnectionBrokeIsReadBeforeItsFailure() throws IOException {
    subscribe();
    body.onNext(bytes(1000, 0, 7));
    body.onNext(bytes(500));
    IOException broken = new IOException("reset");
    body.onError(broken);
    assertThat(body.readNBytes(1507)).hasSize(1507);
    assertThatThrownBy(body::read).isSameAs(broken);
    assertThatThrownBy(body::read).isSameAs(broken);
  }

  @Test
  void theRegularEndComesAfterAllBytesAndAsOftenAsAsked() throws IOException {
    subscribe();
    body.onNext(bytes(3));
    body.onComplete();
    assertThat(body.readAllBytes()).hasSize(3);
    assertThat(body.read()).isEqualTo(-1);
  }

  @Test
  void moreIsAskedForOnlyAsWhatCameIsRead() throws IOException {
    subscribe();
    long first = requested.get();
    body.onNext(bytes(10));
    assertThat(requested).hasValue(first);
    body.readNBytes(10);
    assertThat(requested).hasValue(first + 1);
  }

  @Test
  void aBodyThatStandsStillFailsAndEndsItsRequest() {
    subscribe();
    assertThatThrownBy(body::read).hasMessageContaining("nothing arrived for");
    assertThat(cancelled).isTrue();
  }

  @Test
  void closedBeforeItBeganItIsCancelledWhenItBegins() {
    body.close();
    subscribe();
    assertThat(cancelled).isTrue();
    assertThat(requested).hasValue(0);
    assertThatThrownBy(body::read).isInstanceOf(IOException.class);
  }
}
