package io.superweight.hub;

import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.time.Duration;

/**
 * A stream that fails when nothing arrives for some time. {@code HttpRequest.timeout} ends with the
 * headers, so a body that stands still would be waited for without end.
 */
final class WatchedStream extends FilterInputStream {
  private final Duration limit;
  private final Thread watch;
  private volatile boolean reading;
  private volatile long readSince;
  private volatile boolean stalled;
  private volatile boolean closed;

  WatchedStream(InputStream in, Duration limit) {
    super(in);
    this.limit = limit;
    watch = Thread.ofVirtual().name("hub-stall-watch").start(this::watch);
  }

  private void watch() {
    long limitNanos = limit.toNanos();
    try {
      while (!closed) {
        Thread.sleep(Math.max(1, limit.toMillis() / 8));
        if (reading && System.nanoTime() - readSince > limitNanos) {
          stalled = true;
          in.close(); // which wakes the reader
          return;
        }
      }
    } catch (InterruptedException | IOException e) {
      // closed, or the reader finds out by itself
    }
  }

  @Override
  public int read() throws IOException {
    byte[] one = new byte[1];
    return read(one, 0, 1) < 0 ? -1 : one[0] & 0xFF;
  }

  @Override
  public int read(byte[] buffer, int offset, int length) throws IOException {
    readSince = System.nanoTime();
    reading = true;
    try {
      int n = in.read(buffer, offset, length);
      if (n < 0 && stalled) {
        throw stall(null);
      }
      return n;
    } catch (IOException e) {
      throw stalled ? stall(e) : e;
    } finally {
      reading = false;
    }
  }

  private IOException stall(IOException cause) {
    return new IOException("nothing arrived for " + limit.toSeconds() + " s", cause);
  }

  @Override
  public void close() throws IOException {
    closed = true;
    watch.interrupt();
    in.close();
  }
}
