package io.superweight.hub;

/** How much of a repository's files has arrived, over all threads that fetch. */
final class Tally {
  private final DownloadListener listener;
  private final String what;
  private final long total;
  private long bytes;

  Tally(DownloadListener listener, String what, long total) {
    this.listener = listener;
    this.what = what;
    this.total = total;
  }

  /** What came; negative if it has to come again. */
  synchronized void add(long more) {
    bytes += more;
    listener.received(what, bytes, total);
  }
}
