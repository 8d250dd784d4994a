package io.superweight.model;

import io.superweight.InputException;
import io.superweight.checkpoint.SafetensorsWriter;
import io.superweight.checkpoint.SafetensorsWriter.Entry;
import io.superweight.tensor.DType;
import io.superweight.tensor.Shape;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * The activations of chosen sites for some sequences, kept whole: for looking at them elsewhere
 * (safetensors) or for reading their largest values (JSON Lines).
 */
public final class Trace {
  /** Floats that a trace may hold: 4 GiB. Beyond, choose fewer sites or a shorter prompt. */
  private static final long MOST_VALUES = 1L << 30;

  private final List<int[]> sequences;
  private final List<Recording> recordings;

  /**
   * What flowed through a site for one sequence.
   *
   * @param values {@code [rows, cols]}, row by row
   * @param tokens position in the sequence of each row: all of them but at experts' sites
   */
  public record Recording(
      Site site, int sequence, int rows, int cols, int[] tokens, float[] values) {}

  /**
   * A value that stands out.
   *
   * @param token its position in the sequence
   * @param id the token's id
   */
  public record Value(Site site, int sequence, int token, int id, int channel, float value) {
    /** One JSON object on one line; values that are no numbers are strings. */
    public String toJson() {
      String text =
          Float.isFinite(value) ? Float.toString(value) : '"' + Float.toString(value) + '"';
      return "{\"site\":\""
          + site
          + "\",\"sequence\":"
          + sequence
          + ",\"token\":"
          + token
          + ",\"id\":"
          + id
          + ",\"channel\":"
          + channel
          + ",\"value\":"
          + text
          + "}";
    }
  }

  private Trace(List<int[]> sequences, List<Recording> recordings) {
    this.sequences = List.copyOf(sequences);
    this.recordings = List.copyOf(recordings);
  }

  /**
   * Runs the model and keeps the sites that any of the globs matches.
   *
   * @param globs over the names of sites: {@code *} is any run of characters, {@code ?} any one;
   *     {@code layers.*.mlp.down.in}, {@code logits}
   * @throws InputException of kind USAGE for a glob that matches no site, and as {@link
   *     Transformer#forward}
   */
  public static Trace record(Transformer model, List<int[]> sequences, List<String> globs) {
    return record(model, Variant.INTACT, sequences, globs);
  }

  /** The same of an edited version of the model. */
  public static Trace record(
      Transformer model, Variant variant, List<int[]> sequences, List<String> globs) {
    List<Site> all = sites(model);
    Set<Site> chosen = new HashSet<>();
    for (String glob : globs) {
      Pattern pattern = pattern(glob);
      List<Site> matched = all.stream().filter(s -> pattern.matcher(s.name()).matches()).toList();
      if (matched.isEmpty()) {
        throw new InputException(
            InputException.Kind.USAGE,
            "no site of this model is named like \"" + glob + "\"; it has " + describe(all));
      }
      chosen.addAll(matched);
    }
    long values = 0;
    List<Recording> recordings = new ArrayList<>();
    long tokens = sequences.stream().mapToLong(s -> s.length).sum();
    for (Site site : chosen) {
      values += tokens * width(model, site);
    }
    if (values > MOST_VALUES) {
      throw new InputException(
          InputException.Kind.USAGE,
          "these sites hold up to "
              + values
              + " values for this text, more than "
              + MOST_VALUES
              + ": choose fewer sites or a shorter prompt");
    }
    Probe probe =
        new Probe() {
          @Override
          public boolean wants(Site site) {
            return chosen.contains(site);
          }

          @Override
          public void observe(Site site, SiteValues v) {
            recordings.add(
                new Recording(
                    site, v.sequence(), v.rows(), v.cols(), v.tokens().clone(), v.toArray()));
          }
        };
    boolean head =
        chosen.contains(Site.of(Site.Kind.LOGITS))
            || chosen.contains(Site.of(Site.Kind.FINAL_NORM));
    model.forward(sequences, List.of(variant), List.of(probe), head ? Head.ALL_LOGITS : Head.SKIP);
    return new Trace(sequences, recordings);
  }

  /** All sites of a model, in the order of the pass. */
  public static List<Site> sites(Transformer model) {
    List<Site> sites = new ArrayList<>(List.of(Site.of(Site.Kind.EMBED)));
    for (int layer = 0; layer < model.layers(); layer++) {
      for (Site.Kind kind : Site.Kind.values()) {
        boolean down = kind == Site.Kind.DOWN_IN || kind == Site.Kind.DOWN_OUT;
        if (kind.inExpert() || kind == Site.Kind.ATTN_WEIGHTS) {
          continue;
        }
        if (kind.inLayer() && !(down && model.experts(layer) > 0)) {
          sites.add(Site.of(kind, layer));
        } else if (kind == Site.Kind.DOWN_IN) {
          for (int expert = 0; expert < model.experts(layer); expert++) {
            sites.add(new Site(Site.Kind.EXPERT_DOWN_IN, layer, expert));
            sites.add(new Site(Site.Kind.EXPERT_DOWN_OUT, layer, expert));
          }
        }
      }
    }
    sites.add(Site.of(Site.Kind.FINAL_NORM));
    sites.add(Site.of(Site.Kind.LOGITS));
    return sites;
  }

  /** What was kept, in the order of the pass. */
  public List<Recording> recordings() {
    return recordings;
  }

  /**
   * Writes one float32 tensor {@code [tokens, width]} a site, named as the site; of several
   * sequences, {@code sequence.N.} goes before the name. {@code ids} are the token ids (I64); an
   * expert's site has the positions of its rows beside it, as {@code NAME.tokens} (I64).
   *
   * @throws InputException of kind OUTPUT where the file cannot be written
   */
  public void writeSafetensors(Path file, Map<String, String> metadata) {
    Map<Entry, Object> tensors = new LinkedHashMap<>();
    for (int s = 0; s < sequences.size(); s++) {
      tensors.put(
          new Entry(prefix(s) + "ids", "I64", Shape.of(sequences.get(s).length)), sequences.get(s));
    }
    for (Recording r : recordings) {
      String name = prefix(r.sequence()) + r.site().name();
      tensors.put(Entry.of(name, DType.F32, Shape.of(r.rows(), r.cols())), r.values());
      if (r.site().expert() >= 0) {
        tensors.put(new Entry(name + ".tokens", "I64", Shape.of(r.rows())), r.tokens());
      }
    }
    try (SafetensorsWriter writer =
        SafetensorsWriter.create(file, List.copyOf(tensors.keySet()), metadata)) {
      for (Object values : tensors.values()) {
        switch (values) {
          case float[] floats -> writer.write(floats, 0, floats.length);
          case int[] ints -> {
            ByteBuffer longs = ByteBuffer.allocate(8 * ints.length).order(ByteOrder.LITTLE_ENDIAN);
            for (int value : ints) {
              longs.putLong(value);
            }
            writer.write(MemorySegment.ofBuffer(longs.flip()));
          }
          default -> throw new IllegalStateException();
        }
      }
      writer.commit();
    }
  }

  private String prefix(int sequence) {
    return sequences.size() == 1 ? "" : "sequence." + sequence + ".";
  }

  /** The largest values of each site by magnitude, the largest first; NaN counts as largest. */
  public List<Value> largest(int count) {
    record Place(int row, int col, float value) {
      double magnitude() {
        return Float.isNaN(value) ? Double.POSITIVE_INFINITY : Math.abs(value);
      }
    }
    List<Value> all = new ArrayList<>();
    for (Recording r : recordings) {
      // The smallest of the kept is on top; of equal ones, the last in the order of the tensor.
      PriorityQueue<Place> kept =
          new PriorityQueue<>(
              java.util.Comparator.comparingDouble(Place::magnitude)
                  .thenComparing(p -> -p.row())
                  .thenComparing(p -> -p.col()));
      for (int i = 0; i < r.values().length; i++) {
        Place place = new Place(i / r.cols(), i % r.cols(), r.values()[i]);
        if (kept.size() < count) {
          kept.add(place);
        } else if (count > 0 && place.magnitude() > kept.peek().magnitude()) {
          kept.poll();
          kept.add(place);
        }
      }
      List<Value> ofSite = new ArrayList<>();
      while (!kept.isEmpty()) {
        Place p = kept.poll();
        int token = r.tokens()[p.row()];
        int id = sequences.get(r.sequence())[token];
        ofSite.addFirst(new Value(r.site(), r.sequence(), token, id, p.col(), p.value()));
      }
      all.addAll(ofSite);
    }
    return all;
  }

  /** Writes {@link #largest} as JSON Lines. */
  public void writeJsonLines(Appendable out, int count) {
    try {
      for (Value value : largest(count)) {
        out.append(value.toJson()).append('\n');
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static int width(Transformer model, Site site) {
    return switch (site.kind()) {
      case LOGITS -> model.vocabularySize();
      case ATTN_QUERY, ATTN_MIXED -> {
        Architecture.Attention a = model.architecture().attention();
        yield a.heads() * a.headDim();
      }
      case ATTN_KEY, ATTN_VALUE -> {
        Architecture.Attention a = model.architecture().attention();
        yield a.keyValueHeads() * a.headDim();
      }
      case DOWN_IN -> model.down(site.layer(), -1).cols();
      case EXPERT_DOWN_IN -> model.down(site.layer(), site.expert()).cols();
      default -> model.hiddenSize();
    };
  }

  private static Pattern pattern(String glob) {
    StringBuilder regex = new StringBuilder();
    for (char c : glob.toCharArray()) {
      regex.append(
          switch (c) {
            case '*' -> ".*";
            case '?' -> ".";
            default -> Pattern.quote(String.valueOf(c));
          });
    }
    return Pattern.compile(regex.toString());
  }

  /** The kinds of sites with a wildcard for layers and experts. */
  private static String describe(List<Site> all) {
    return all.stream()
        .map(s -> s.name().replaceAll("\\.\\d+\\.", ".*."))
        .distinct()
        .collect(Collectors.joining(", "));
  }
}
