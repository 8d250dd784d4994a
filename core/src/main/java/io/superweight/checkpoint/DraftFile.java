package io.superweight.checkpoint;

import io.superweight.InputException;
import io.superweight.Sha256;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.zip.CRC32C;

/**
 * A large file that is written in pieces, in any order, and appears whole under its name or not at
 * all. Until then it is {@code .NAME.draft} beside it, with a journal of the pieces and their
 * checksums, {@code .NAME.draft.journal}: a later attempt with the same plan, however the first one
 * ended, goes on from the pieces that are there and intact. Thread-safe for {@link #write}.
 */
public final class DraftFile implements AutoCloseable {
  private static final int CHECK_BYTES = 1 << 20;

  /** So many new bytes are brought to the disk while others are still made. */
  private static final long SETTLED_AT_ONCE = 64L << 20;

  private final Path target;
  private final long size;
  private final Path draft;
  private final Path journalFile;
  private final FileChannel channel;
  private final FileChannel journal;
  private final FileLock lock;

  /** Bytes that were written since the disk was last told of any. */
  private long unsettled;

  private Future<?> settling = CompletableFuture.completedFuture(null);
  private final ExecutorService settler =
      Executors.newSingleThreadExecutor(Thread.ofPlatform().daemon().name("settler").factory());

  /** Pieces that were there from an earlier attempt: bytes by offset. */
  private final Map<Long, Long> done = new HashMap<>();

  private DraftFile(Path target, long size, String plan) throws IOException {
    this.target = target;
    this.size = size;
    this.draft = draftOf(target);
    this.journalFile = draft.resolveSibling(draft.getFileName() + ".journal");
    this.journal =
        FileChannel.open(
            journalFile,
            StandardOpenOption.CREATE,
            StandardOpenOption.READ,
            StandardOpenOption.WRITE);
    FileChannel opened = null;
    try {
      this.lock = lock();
      opened =
          FileChannel.open(
              draft, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
      this.channel = opened;
      resume(plan);
    } catch (IOException | RuntimeException e) {
      journal.close();
      if (opened != null) {
        opened.close();
      }
      throw e;
    }
  }

  /**
   * Opens the draft, or starts one.
   *
   * @param target the file to appear; its folder must exist
   * @param size bytes of the whole file
   * @param plan all that decides the file's bytes: a draft of another plan is started anew
   * @throws InputException of kind OUTPUT where it cannot be written, or another process does
   */
  public static DraftFile open(Path target, long size, String plan) {
    Path absolute = target.toAbsolutePath();
    try {
      return new DraftFile(absolute, size, Sha256.hex(plan + "\n" + size));
    } catch (IOException e) {
      throw failed(absolute, e);
    }
  }

  /** Where the draft of a file lies. */
  public static Path draftOf(Path target) {
    Path absolute = target.toAbsolutePath();
    return absolute.resolveSibling("." + absolute.getFileName() + ".draft");
  }

  private FileLock lock() throws IOException {
    FileLock found = null;
    try {
      found = journal.tryLock();
    } catch (OverlappingFileLockException e) {
      // another thread of this process
    }
    if (found == null) {
      throw new InputException(
          InputException.Kind.OUTPUT,
          target + " is being written by another process; wait for it, or give another name");
    }
    return found;
  }

  private void resume(String plan) throws IOException {
    String text =
        journal.size() > 1 << 28
            ? ""
            : new String(Files.readAllBytes(journalFile), StandardCharsets.US_ASCII);
    String first = plan + "\n";
    if (!text.startsWith(first)) {
      journal.truncate(0);
      channel.truncate(0);
      append(first);
      return;
    }
    long kept = first.length();
    ByteBuffer buffer = ByteBuffer.allocateDirect(CHECK_BYTES);
    int at = first.length();
    for (int end = text.indexOf('\n', at); end >= 0; end = text.indexOf('\n', at)) {
      String[] words = text.substring(at, end).split(" ");
      at = end + 1;
      kept = at;
      if (words.length != 3) {
        continue;
      }
      try {
        long offset = Long.parseLong(words[0]);
        long bytes = Long.parseLong(words[1]);
        if (offset >= 0 && bytes > 0 && bytes <= size - offset) {
          if (Long.toHexString(checksum(offset, bytes, buffer)).equals(words[2])) {
            done.put(offset, bytes);
          } else {
            done.remove(offset);
          }
        }
      } catch (NumberFormatException e) {
        // a damaged line: its piece is written again
      }
    }
    journal.truncate(kept); // a line that was cut off
    journal.position(kept);
  }

  /** The checksum of what the draft holds there; −1 where it ends before. */
  private long checksum(long offset, long bytes, ByteBuffer buffer) throws IOException {
    CRC32C crc = new CRC32C();
    long left = bytes;
    while (left > 0) {
      buffer.clear().limit((int) Math.min(buffer.capacity(), left));
      int read = channel.read(buffer, offset + bytes - left);
      if (read < 0) {
        return -1;
      }
      crc.update(buffer.flip());
      left -= read;
    }
    return crc.getValue();
  }

  /** Bytes of the pieces that an earlier attempt left. */
  public long resumed() {
    return done.values().stream().mapToLong(Long::longValue).sum();
  }

  /** Whether an earlier attempt left just this piece. */
  public boolean has(long offset, long bytes) {
    return done.getOrDefault(offset, -1L) == bytes;
  }

  /**
   * Writes a piece.
   *
   * @throws InputException of kind OUTPUT where it cannot be written
   */
  public void write(long offset, MemorySegment piece) {
    try {
      CRC32C crc = new CRC32C();
      for (long from = 0; from < piece.byteSize(); from += 1 << 30) {
        ByteBuffer bytes =
            piece.asSlice(from, Math.min(1 << 30, piece.byteSize() - from)).asByteBuffer();
        crc.update(bytes.duplicate());
        long to = offset + from;
        while (bytes.hasRemaining()) {
          to += channel.write(bytes, to);
        }
      }
      append(offset + " " + piece.byteSize() + " " + Long.toHexString(crc.getValue()) + "\n");
      settle(piece.byteSize());
    } catch (IOException e) {
      throw failed(target, e);
    }
  }

  /** Lets the disk work beside what makes the next pieces, so that little is left at the end. */
  private synchronized void settle(long bytes) throws IOException {
    unsettled += bytes;
    if (unsettled >= SETTLED_AT_ONCE && settling.isDone()) {
      settled();
      unsettled = 0;
      settling =
          settler.submit(() -> {
            channel.force(false);
            return null;
          });
    }
  }

  /** Waits for the disk; what it could not take is told once, here. */
  private void settled() throws IOException {
    try {
      settling.get();
    } catch (ExecutionException e) {
      if (e.getCause() instanceof IOException cause) {
        throw cause;
      }
      throw new IllegalStateException(e.getCause());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted");
    }
  }

  private synchronized void append(String line) throws IOException {
    ByteBuffer bytes = ByteBuffer.wrap(line.getBytes(StandardCharsets.US_ASCII));
    while (bytes.hasRemaining()) {
      journal.write(bytes);
    }
  }

  /**
   * Makes the file appear, in place of one of that name.
   *
   * @throws InputException of kind OUTPUT where it cannot
   */
  public void commit() {
    try {
      if (channel.size() < size) {
        channel.write(ByteBuffer.allocate(1), size - 1); // padding behind the last piece
      }
      settled();
      channel.force(true);
      channel.close();
      try {
        Files.move(draft, target, StandardCopyOption.ATOMIC_MOVE);
      } catch (AtomicMoveNotSupportedException e) {
        Files.move(draft, target, StandardCopyOption.REPLACE_EXISTING);
      }
      close();
      Files.deleteIfExists(journalFile);
    } catch (IOException e) {
      throw failed(target, e);
    }
  }

  /** Takes draft and journal away. */
  public void discard() {
    close();
    try {
      Files.deleteIfExists(draft);
      Files.deleteIfExists(journalFile);
    } catch (IOException e) {
      throw failed(target, e);
    }
  }

  /** Ends writing; without {@link #commit()} the draft stays for a later attempt. */
  @Override
  public void close() {
    settler.close();
    try {
      if (lock.isValid()) {
        lock.release();
      }
      channel.close();
      journal.close();
    } catch (IOException e) {
      throw failed(target, e);
    }
  }

  private static InputException failed(Path target, IOException e) {
    return new InputException(
        InputException.Kind.OUTPUT,
        target
            + " cannot be written ("
            + Json.shorten(e.getClass().getSimpleName() + ": " + e.getMessage())
            + "); name a file in a folder that exists and has room",
        e);
  }
}
