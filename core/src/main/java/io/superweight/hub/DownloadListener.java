package io.superweight.hub;

/** Hears how far a download is. The methods are called by several threads, one at a time. */
public interface DownloadListener {
  /** Hears nothing. */
  DownloadListener SILENT =
      new DownloadListener() {
        @Override
        public void notice(String line) {}

        @Override
        public void received(String what, long bytes, long total) {}
      };

  /** One line that a person should read: what is fetched, how much, from where; a retry. */
  void notice(String line);

  /**
   * Bytes have arrived.
   *
   * @param what the repository
   * @param bytes how many of it are here, those of earlier attempts included
   * @param total of all files that are fetched; 0 where the hub does not say
   */
  void received(String what, long bytes, long total);
}
