package io.superweight.experiment;

import io.superweight.InputException;
import io.superweight.checkpoint.Checkpoint;
import io.superweight.evaluate.Request;
import io.superweight.evaluate.Score;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.zip.CRC32C;

/**
 * Scores that survive: a file to which lines are added and in which no line is ever changed.
 *
 * <p>The file, {@code scores.txt}, is UTF-8. Its first line names the form. Each further line is a
 * checksum (CRC-32C of the rest, eight hex digits), a space, and one of
 *
 * <pre>
 * S &lt;number&gt; &lt;series as JSON&gt;
 * R &lt;series&gt; &lt;document&gt; &lt;part&gt; &lt;batch&gt; &lt;log probability&gt; &lt;squares&gt; &lt;greedy&gt;
 * </pre>
 *
 * so that what many scores share is written once. Numbers are the shortest decimals that give the
 * same double. A line counts where its checksum is right, and not at all otherwise; what follows
 * the last such line is cut off when the file is opened.
 *
 * <p>A batch is one write. Once a second and at the end the file is forced to the disk: a process
 * that is killed loses the batch in flight at most, a machine that loses power what came within the
 * last second. A second process on the same folder is refused. Not thread-safe.
 */
public final class ScoreStore implements AutoCloseable {
  private static final String FILE = "scores.txt";
  private static final String FORM = "superweight-scores ";

  /** Goes up where the same request gets another score: 2, transforms see a window's last token. */
  private static final int VERSION = 2;

  private static final byte[] HEADER = (FORM + VERSION + "\n").getBytes(StandardCharsets.UTF_8);
  private static final long FORCE_EVERY_NANOS = 1_000_000_000L;

  /**
   * Where in a series a score belongs.
   *
   * @param document of the request
   * @param part of the request
   * @param batch stands for the tokens of all requests that it is computed with, its own among
   *     them: its last bits depend on these
   */
  public record Place(int document, int part, long batch) {
    /** The places of the requests of a batch, in order. */
    static List<Place> of(List<Request> requests, int[] batch) {
      long hash = Series.hash(requests, batch);
      return Arrays.stream(batch)
          .mapToObj(r -> new Place(requests.get(r).document(), requests.get(r).part(), hash))
          .toList();
    }
  }

  /** A score and where it belongs. */
  public record Entry(Series series, Place place, Score score) {}

  private final Path folder;
  private final FileChannel lock;
  private final RandomAccessFile file;
  private final Map<Series, Map<Place, Score>> scores = new HashMap<>();
  private final Map<Series, Integer> numbers = new HashMap<>();
  private int nextNumber;
  private long end;
  private long cutOff;
  private int damaged;
  private boolean unforced;
  private long lastForced = System.nanoTime();

  private ScoreStore(Path folder, FileChannel lock, RandomAccessFile file) {
    this.folder = folder;
    this.lock = lock;
    this.file = file;
  }

  /**
   * A store that is forgotten when it is closed. Models that differ in a few weights alone may
   * share no such store.
   */
  public static ScoreStore inMemory() {
    return new ScoreStore(null, null, null);
  }

  /**
   * Opens the store of a folder, which is made where there is none.
   *
   * @throws InputException of kind OUTPUT where it cannot be written or another process has it,
   *     MALFORMED where the file is no such store or contradicts itself, UNSUPPORTED where a later
   *     version wrote it
   */
  public static ScoreStore open(Path folder) {
    FileChannel lock = null;
    RandomAccessFile file = null;
    try {
      Files.createDirectories(folder);
      lock =
          FileChannel.open(
              folder.resolve("lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
      if (!locked(lock)) {
        throw new InputException(
            InputException.Kind.OUTPUT,
            "another superweight works on the store "
                + folder
                + ": wait until it has ended, or name another folder");
      }
      // Not a channel: an interrupted thread would close it in the middle of a line.
      file = new RandomAccessFile(folder.resolve(FILE).toFile(), "rw");
      ScoreStore store = new ScoreStore(folder, lock, file);
      store.load();
      return store;
    } catch (IOException e) {
      close(file, lock);
      throw refused(folder, e);
    } catch (RuntimeException e) {
      close(file, lock);
      throw e;
    }
  }

  /**
   * What the scores of a checkpoint's model are filed under: {@link Checkpoint#contents}, which
   * reads the whole model, where they outlive this process; else {@link Checkpoint#digest}.
   */
  String modelOf(Checkpoint checkpoint) {
    return file == null ? checkpoint.digest() : checkpoint.contents();
  }

  private static boolean locked(FileChannel lock) throws IOException {
    try {
      return lock.tryLock() != null;
    } catch (OverlappingFileLockException e) { // by this process
      return false;
    }
  }

  /** How many scores it holds. */
  public long size() {
    return scores.values().stream().mapToLong(Map::size).sum();
  }

  /** Bytes after the last whole line that were cut off when it was opened. */
  public long cutOff() {
    return cutOff;
  }

  /** Lines before the last whole one that do not count because their checksum is wrong. */
  public int damaged() {
    return damaged;
  }

  /** What it holds all scores of. */
  public Collection<Series> series() {
    return List.copyOf(numbers.keySet());
  }

  /** The score of a place; empty where it has not been stored. */
  public Optional<Score> find(Series series, Place place) {
    Map<Place, Score> of = scores.get(series);
    return of == null ? Optional.empty() : Optional.ofNullable(of.get(place));
  }

  /**
   * Adds scores, all with one write.
   *
   * @throws IllegalArgumentException where one of the places has a score already
   * @throws InputException of kind OUTPUT where the file cannot be written; what had been added
   *     before stays
   */
  public void append(List<Entry> entries) {
    checkNew(entries);
    StringBuilder lines = new StringBuilder();
    List<Series> added = new ArrayList<>();
    for (Entry entry : entries) {
      if (numbers.putIfAbsent(entry.series, nextNumber) == null) {
        added.add(entry.series);
        line(lines, "S " + nextNumber++ + " " + entry.series.json());
      }
      scores.computeIfAbsent(entry.series, s -> new HashMap<>()).put(entry.place, entry.score);
      line(lines, scored(numbers.get(entry.series), entry.place, entry.score));
    }
    if (file == null || entries.isEmpty()) {
      return;
    }
    try {
      byte[] bytes = lines.toString().getBytes(StandardCharsets.UTF_8);
      file.write(bytes);
      end += bytes.length;
      unforced = true;
      if (System.nanoTime() - lastForced >= FORCE_EVERY_NANOS) {
        force();
      }
    } catch (IOException e) {
      entries.forEach(entry -> scores.get(entry.series).remove(entry.place));
      added.forEach(numbers::remove);
      cutBack();
      throw refused(folder, e);
    }
  }

  private void checkNew(List<Entry> entries) {
    Map<Series, Set<Place>> seen = new HashMap<>();
    for (Entry entry : entries) {
      if (find(entry.series, entry.place).isPresent()
          || !seen.computeIfAbsent(entry.series, s -> new HashSet<>()).add(entry.place)) {
        throw new IllegalArgumentException("a second score of " + entry.place);
      }
    }
  }

  private static String scored(int series, Place place, Score score) {
    return "R "
        + series
        + " "
        + place.document
        + " "
        + place.part
        + " "
        + Long.toHexString(place.batch)
        + " "
        + score.logProbability()
        + " "
        + score.squares()
        + (score.greedy() ? " 1" : " 0");
  }

  private static void line(StringBuilder lines, String content) {
    lines
        .append(checksum(content.getBytes(StandardCharsets.UTF_8)))
        .append(' ')
        .append(content)
        .append('\n');
  }

  private static String checksum(byte[] content) {
    CRC32C crc = new CRC32C();
    crc.update(content);
    String hex = Long.toHexString(crc.getValue());
    return "0".repeat(8 - hex.length()) + hex;
  }

  /** After a write that failed half-way; where this fails too, the next opening does it. */
  private void cutBack() {
    try {
      file.setLength(end);
      file.seek(end);
    } catch (IOException e) {
      // as said
    }
  }

  private void force() throws IOException {
    if (unforced) {
      file.getFD().sync();
      unforced = false;
    }
    lastForced = System.nanoTime();
  }

  private void load() throws IOException {
    long size = file.length();
    Map<Integer, Series> byNumber = new HashMap<>();
    if (size < HEADER.length) {
      byte[] start = new byte[(int) size];
      file.readFully(start);
      for (int i = 0; i < size; i++) {
        if (start[i] != HEADER[i]) {
          throw noStore();
        }
      }
      file.setLength(0);
      file.write(HEADER);
      end = HEADER.length;
      unforced = true;
      return;
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment bytes = file.getChannel().map(FileChannel.MapMode.READ_ONLY, 0, size, arena);
      long from = newline(bytes, 0) + 1;
      checkHeader(new String(copy(bytes, 0, Math.min(from, 80)), StandardCharsets.UTF_8));
      end = from;
      int unread = 0;
      while (from < size) {
        long stop = newline(bytes, from);
        if (stop < 0) {
          break;
        }
        if (read(copy(bytes, from, stop), byNumber)) {
          end = stop + 1;
          damaged += unread;
          unread = 0;
        } else {
          unread++;
        }
        from = stop + 1;
      }
    }
    cutOff = size - end;
    if (cutOff > 0) {
      file.setLength(end);
    }
    file.seek(end);
  }

  private void checkHeader(String line) {
    if (!line.startsWith(FORM)) {
      throw noStore();
    }
    if (!line.equals(new String(HEADER, StandardCharsets.UTF_8))) {
      throw new InputException(
          InputException.Kind.UNSUPPORTED,
          folder.resolve(FILE)
              + " is of another version (\""
              + line.strip()
              + "\"): use the superweight that wrote it, or name another folder");
    }
  }

  private InputException noStore() {
    return new InputException(
        InputException.Kind.MALFORMED,
        folder.resolve(FILE) + " is no store of scores: name another folder");
  }

  private static long newline(MemorySegment bytes, long from) {
    for (long i = from; i < bytes.byteSize(); i++) {
      if (bytes.get(ValueLayout.JAVA_BYTE, i) == '\n') {
        return i;
      }
    }
    return -1;
  }

  private static byte[] copy(MemorySegment bytes, long from, long to) {
    return bytes.asSlice(from, Math.max(0, to - from)).toArray(ValueLayout.JAVA_BYTE);
  }

  /** Takes a line over; false where it is none. */
  private boolean read(byte[] line, Map<Integer, Series> byNumber) {
    if (line.length < 11 || line[8] != ' ') {
      return false;
    }
    byte[] content = Arrays.copyOfRange(line, 9, line.length);
    if (!checksum(content).equals(new String(line, 0, 8, StandardCharsets.ISO_8859_1))) {
      return false;
    }
    String text = new String(content, StandardCharsets.UTF_8);
    if (text.startsWith("S ")) {
      int space = text.indexOf(' ', 2);
      int number = Integer.parseInt(text.substring(2, space));
      Series series = Series.parse(text.substring(space + 1));
      byNumber.put(number, series);
      numbers.put(series, number);
      nextNumber = Math.max(nextNumber, number + 1);
      return true;
    }
    String[] words = text.split(" ");
    if (words.length != 8 || !words[0].equals("R")) {
      return false;
    }
    int number = Integer.parseInt(words[1]);
    nextNumber = Math.max(nextNumber, number + 1);
    Series series = byNumber.get(number);
    if (series == null) {
      return false; // the line of its series is damaged
    }
    Place place =
        new Place(
            Integer.parseInt(words[2]),
            Integer.parseInt(words[3]),
            Long.parseUnsignedLong(words[4], 16));
    Score score =
        new Score(Double.parseDouble(words[5]), Double.parseDouble(words[6]), words[7].equals("1"));
    Score known = scores.computeIfAbsent(series, s -> new HashMap<>()).putIfAbsent(place, score);
    if (known != null) {
      throw new InputException(
          InputException.Kind.MALFORMED,
          folder.resolve(FILE)
              + " holds two scores of document "
              + place.document
              + ", part "
              + place.part
              + " of "
              + series.evaluation()
              + ": name another folder");
    }
    return true;
  }

  private static InputException refused(Path folder, IOException e) {
    String why =
        e instanceof java.nio.file.FileSystemException f && f.getReason() == null
            ? e.getClass().getSimpleName()
            : e.getMessage();
    return new InputException(
        InputException.Kind.OUTPUT,
        "the store " + folder + " cannot be written (" + why + "): name another folder",
        e);
  }

  private static void close(RandomAccessFile file, FileChannel lock) {
    try {
      if (file != null) {
        file.close();
      }
      if (lock != null) {
        lock.close();
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Forces what was added to the disk and gives the folder free. */
  @Override
  public void close() {
    if (file == null) {
      return;
    }
    try {
      force();
    } catch (IOException e) {
      throw refused(folder, e);
    } finally {
      close(file, lock);
    }
  }
}
