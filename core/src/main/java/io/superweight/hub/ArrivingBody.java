package io.superweight.hub;

import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.List;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Flow;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/**
 * The body of an answer as a stream, in place of the JDK's own, which does two things that a
 * download cannot have: once the connection breaks it drops what had arrived and was not yet read,
 * and it waits without end for a body that stands still ({@code HttpRequest.timeout} ends with the
 * headers).
 */
final class ArrivingBody extends InputStream implements HttpResponse.BodySubscriber<InputStream> {
  private static final int AHEAD = 4; // lists of buffers, of 16 KB each

  /** What came, in its order. */
  private sealed interface Event {
    record Bytes(List<ByteBuffer> buffers) implements Event {}

    record End(Optional<Throwable> failure) implements Event {}
  }

  private final Duration limit;
  private final LinkedBlockingQueue<Event> arrived = new LinkedBlockingQueue<>();
  private final CompletableFuture<Flow.Subscription> subscription = new CompletableFuture<>();
  private final Queue<ByteBuffer> current = new ArrayDeque<>();
  private Event.End end;

  /**
   * @param limit for how long nothing may arrive
   */
  ArrivingBody(Duration limit) {
    this.limit = limit;
  }

  @Override
  public CompletionStage<InputStream> getBody() {
    return CompletableFuture.completedStage(this);
  }

  @Override
  public void onSubscribe(Flow.Subscription to) {
    if (subscription.complete(to)) {
      to.request(AHEAD);
    } else {
      to.cancel();
    }
  }

  @Override
  public void onNext(List<ByteBuffer> buffers) {
    arrived.add(new Event.Bytes(buffers));
  }

  @Override
  public void onError(Throwable failure) {
    arrived.add(new Event.End(Optional.of(failure)));
  }

  @Override
  public void onComplete() {
    arrived.add(new Event.End(Optional.empty()));
  }

  @Override
  public int read() throws IOException {
    byte[] one = new byte[1];
    return read(one, 0, 1) < 0 ? -1 : one[0] & 0xFF;
  }

  @Override
  public int read(byte[] into, int offset, int length) throws IOException {
    if (length == 0) {
      return 0;
    }
    while (true) {
      ByteBuffer first = current.peek();
      if (first == null) {
        if (!next()) {
          return -1;
        }
      } else if (first.hasRemaining()) {
        int n = Math.min(length, first.remaining());
        first.get(into, offset, n);
        return n;
      } else {
        current.remove();
      }
    }
  }

  /** Waits for more; false at the regular end. */
  private boolean next() throws IOException {
    if (end == null) {
      switch (await()) {
        case Event.Bytes bytes -> {
          current.addAll(bytes.buffers());
          subscription.join().request(1);
          return true;
        }
        case Event.End last -> end = last;
      }
    }
    if (end.failure().isPresent()) {
      Throwable failure = end.failure().get();
      throw failure instanceof IOException e ? e : new IOException(failure);
    }
    return false;
  }

  private Event await() throws IOException {
    Event event;
    try {
      event = arrived.poll(limit.toNanos(), TimeUnit.NANOSECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted");
    }
    if (event == null) {
      close();
      throw new IOException("nothing arrived for " + limit.toSeconds() + " s");
    }
    return event;
  }

  /** Gives up what has not arrived. */
  @Override
  public void close() {
    subscription.cancel(false); // for a subscription that comes later
    if (!subscription.isCancelled()) {
      subscription.join().cancel();
    }
    end = end == null ? new Event.End(Optional.of(new IOException("closed"))) : end;
  }
}
