package io.superweight.evaluate;

import io.superweight.InputException;
import io.superweight.dataset.Dataset;
import io.superweight.dataset.DatasetName;
import io.superweight.dataset.Datasets;
import io.superweight.python.PythonRandom;
import io.superweight.tokenizer.BosPolicy;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;

/**
 * The perplexity protocols: those of the quantization papers and of llama.cpp, in nats per token of
 * a model's own tokenizer, and the harness's, per word and byte.
 */
final class Perplexities {
  private static final DatasetName WIKITEXT =
      new DatasetName("Salesforce/wikitext", "wikitext-2-raw-v1", "test");
  private static final DatasetName WIKITEXT_PAGES =
      new DatasetName("EleutherAI/wikitext_document_level", "wikitext-2-raw-v1", "test");

  /** The first of the split's eight files is what every protocol means. */
  private static final DatasetName C4 = new DatasetName("allenai/c4", "en", "validation");

  /** Rows of {@code en/c4-validation.00000-of-00008.json.gz}. */
  private static final int C4_ROWS = 45_576;

  private static final DatasetName C4_10K = new DatasetName("NeelNanda/c4-10k", "", "train");

  /** Windows of C4 in GPTQ's protocols. */
  private static final int C4_WINDOWS = 256;

  private static final int GPTQ_WINDOW = 2048;
  private static final int MASSIVE_ACTIVATIONS_WINDOW = 4096;
  private static final int MASSIVE_ACTIVATIONS_WINDOWS = 100;
  private static final int LLAMA_CPP_WINDOW = 512;

  private Perplexities() {}

  static List<Evaluations.Entry> entries() {
    return List.of(
        entry(
            "gptq-wikitext2",
            "WikiText-2 test as in GPTQ, AWQ, SmoothQuant and Wanda: windows of 2048 tokens",
            Perplexities::gptqWikitext2),
        entry(
            "gptq-c4",
            "C4 validation as in GPTQ: 256 windows of 2048 tokens, drawn with Python's random",
            Perplexities::gptqC4),
        entry(
            "gptq-c4-new",
            "C4 validation as in GPTQ's later protocol: the first 1100 documents in one text",
            Perplexities::gptqC4New),
        entry(
            "massive-activations-wikitext2",
            "WikiText-2 test as in Massive Activations: windows of 4096 tokens, never a BOS",
            Perplexities::massiveActivationsWikitext2),
        entry(
            "massive-activations-c4",
            "5000 documents of C4 as in Massive Activations: 100 windows of 4096 tokens",
            Perplexities::massiveActivationsC4),
        entry(
            "llama.cpp",
            "WikiText-2 test as llama.cpp's perplexity tool: the second halves of windows of 512",
            Perplexities::llamaCpp),
        entry(
            "wikitext",
            "WikiText-2 test as the harness: whole pages, perplexity per word and byte",
            Perplexities::wikitext),
        entry(
            "c4",
            "C4 validation as the harness: whole documents, perplexity per word and byte",
            Perplexities::c4),
        entry(
            "prose",
            "The prose that comes with Superweight, no data needed: windows of 512 tokens",
            (settings, datasets) -> TextPerplexity.builtIn(settings)));
  }

  private static Evaluations.Entry entry(String name, String summary, Evaluations.Opener opener) {
    return new Evaluations.Entry(name, Evaluations.Kind.PERPLEXITY, summary, opener);
  }

  /** Rows joined by empty lines, one text, cut into windows. */
  private static Evaluation gptqWikitext2(EvaluationSettings settings, Datasets datasets) {
    return joined(
        settings,
        new Joined("gptq-wikitext2", WIKITEXT, "\n\n", Integer.MAX_VALUE),
        new Cut(GPTQ_WINDOW, Integer.MAX_VALUE),
        settings.bos(),
        datasets);
  }

  private static Evaluation gptqC4New(EvaluationSettings settings, Datasets datasets) {
    return joined(
        settings,
        new Joined("gptq-c4-new", C4, " ", 1100),
        new Cut(GPTQ_WINDOW, C4_WINDOWS),
        settings.bos(),
        datasets);
  }

  private static Evaluation massiveActivationsWikitext2(
      EvaluationSettings settings, Datasets datasets) {
    return joined(
        settings,
        new Joined("massive-activations-wikitext2", WIKITEXT, "\n\n", Integer.MAX_VALUE),
        new Cut(MASSIVE_ACTIVATIONS_WINDOW, Integer.MAX_VALUE),
        settings.bos() == BosPolicy.AUTO ? BosPolicy.NEVER : settings.bos(),
        datasets);
  }

  private static Evaluation massiveActivationsC4(EvaluationSettings settings, Datasets datasets) {
    return joined(
        settings,
        new Joined("massive-activations-c4", C4_10K, " ", 5000),
        new Cut(MASSIVE_ACTIVATIONS_WINDOW, MASSIVE_ACTIVATIONS_WINDOWS),
        settings.bos(),
        datasets);
  }

  /** One text from the first rows of a data set. */
  private record Joined(String protocol, DatasetName data, String separator, int rows) {}

  /** Windows side by side, at most so many; what does not fill one at the end is dropped. */
  private record Cut(int window, int windows) {}

  private static Evaluation joined(
      EvaluationSettings settings, Joined text, Cut cut, BosPolicy bos, Datasets datasets) {
    Dataset data = datasets.open(text.data());
    int[] tokens =
        settings
            .tokenizer()
            .encode(
                data.rows().stream()
                    .limit(text.rows())
                    .map(row -> row.get("text").asString())
                    .collect(Collectors.joining(text.separator())),
                bos);
    Window window = Window.of(settings, cut.window());
    int all = Math.min(tokens.length / window.tokens(), cut.windows());
    if (all == 0) {
      throw tooShort(text.protocol(), tokens.length, window.tokens());
    }
    List<int[]> windows = new ArrayList<>();
    for (int w = 0; w < settings.taken(all); w++) {
      windows.add(Arrays.copyOfRange(tokens, w * window.tokens(), (w + 1) * window.tokens()));
    }
    return new WindowPerplexity(
        window.protocol(
            text.protocol(),
            data,
            adds(settings, bos) ? "the first token of the text" : "none",
            windows.size(),
            all,
            c4Notes(text.data(), data)),
        windows,
        1,
        WindowPerplexity.Error.NONE);
  }

  /**
   * Documents are drawn until one is long enough, then a place in it: {@code random.seed(0)},
   * {@code randint(0, documents − 1)} each time, {@code randint(0, tokens − window − 1)}. Of a
   * document of exactly a window's length, on which the reference fails, the whole is taken without
   * a draw.
   */
  private static Evaluation gptqC4(EvaluationSettings settings, Datasets datasets) {
    Dataset data = datasets.open(C4);
    Window window = Window.of(settings, GPTQ_WINDOW);
    int size = window.tokens();
    PythonRandom random = new PythonRandom(0);
    boolean[] tooShort = new boolean[data.rows().size()];
    List<int[]> windows = new ArrayList<>();
    long rejectedInARow = 0;
    while (windows.size() < settings.taken(C4_WINDOWS)) {
      int row = random.randint(0, tooShort.length - 1);
      int[] tokens =
          tooShort[row]
              ? new int[0]
              : settings
                  .tokenizer()
                  .encode(data.rows().get(row).get("text").asString(), settings.bos());
      if (tokens.length < size) {
        tooShort[row] = true;
        if (++rejectedInARow > 100L * tooShort.length) {
          throw tooShort("gptq-c4", tokens.length, size);
        }
        continue;
      }
      rejectedInARow = 0;
      int first = tokens.length == size ? 0 : random.randint(0, tokens.length - size - 1);
      windows.add(Arrays.copyOfRange(tokens, first, first + size));
    }
    return new WindowPerplexity(
        window.protocol(
            "gptq-c4",
            data,
            adds(settings, settings.bos()) ? "the first token of each document" : "none",
            windows.size(),
            C4_WINDOWS,
            c4Notes(C4, data)),
        windows,
        1,
        WindowPerplexity.Error.NONE);
  }

  /**
   * The raw file, which is the hub's rows with their empty lines written out, without its last line
   * break, as the tool reads it. It needs two windows of text, and scores the second half of each.
   */
  private static Evaluation llamaCpp(EvaluationSettings settings, Datasets datasets) {
    Dataset data = datasets.open(WIKITEXT);
    int[] tokens = settings.tokenizer().encode(rawWikitext(data), settings.bos());
    Window window = Window.of(settings, LLAMA_CPP_WINDOW);
    int size = window.tokens();
    if (tokens.length < 2 * size) {
      throw tooShort("llama.cpp", tokens.length, 2 * size);
    }
    boolean bos = adds(settings, settings.bos());
    int all = tokens.length / size;
    List<int[]> windows = new ArrayList<>();
    for (int w = 0; w < settings.taken(all); w++) {
      int[] chunk = Arrays.copyOfRange(tokens, w * size, (w + 1) * size);
      if (bos) {
        chunk[0] = settings.tokenizer().bos().orElseThrow();
      }
      windows.add(chunk);
    }
    return new WindowPerplexity(
        window.protocol(
            "llama.cpp",
            data,
            bos ? "in place of the first token of each window" : "none",
            windows.size(),
            all,
            List.of()),
        windows,
        size / 2 + 1,
        WindowPerplexity.Error.OVER_TOKENS);
  }

  /** {@code wiki.test.raw} without its last line break. */
  static String rawWikitext(Dataset data) {
    StringBuilder text = new StringBuilder();
    data.rows()
        .forEach(row -> {
          String line = row.get("text").asString();
          text.append(line.isEmpty() ? " \n" : line);
        });
    text.setLength(text.length() - 1);
    return text.toString();
  }

  private static Evaluation wikitext(EvaluationSettings settings, Datasets datasets) {
    return rolling(settings, "wikitext", datasets.open(WIKITEXT_PAGES), "page", List.of());
  }

  private static Evaluation c4(EvaluationSettings settings, Datasets datasets) {
    Dataset data = datasets.open(C4);
    return rolling(settings, "c4", data, "text", c4Notes(C4, data));
  }

  private static Evaluation rolling(
      EvaluationSettings settings, String name, Dataset data, String field, List<String> notes) {
    int maxLength = settings.window().orElse(settings.maxLength());
    int prefix = settings.prefix();
    BosPolicy bos = settings.taskBos();
    int taken = settings.taken(data.rows().size());
    List<RollingPerplexity.Document> documents = new ArrayList<>(taken);
    for (int d = 0; d < taken; d++) {
      WikitextPage page = new WikitextPage(data.rows().get(d).get(field).asString());
      documents.add(
          new RollingPerplexity.Document(
              settings.tokenizer().encode(page.detokenized(), bos), page.words(), page.bytes()));
    }
    List<String> all = new ArrayList<>(notes);
    boolean twice = adds(settings, bos);
    if (twice) {
      all.add(
          "BOS stands twice before each document, and the second one is scored: the harness puts"
              + " it there, and the tokenizer once more.");
    }
    return new RollingPerplexity(
        new Protocol(
            name,
            settings.preset().text(),
            data.name().toString(),
            sources(data),
            all,
            twice
                ? "twice before each document"
                : settings.tokenizer().bos().isPresent()
                    ? "before each document"
                    : "none; EOS before each document",
            maxLength,
            taken,
            data.rows().size()),
        documents,
        prefix,
        maxLength);
  }

  /** The length of a protocol's windows for this model. */
  private record Window(int tokens, List<String> notes) {
    static Window of(EvaluationSettings settings, int own) {
      if (settings.window().isPresent()) {
        int tokens = settings.window().getAsInt();
        return new Window(
            tokens,
            tokens == own
                ? List.of()
                : List.of(
                    "Windows are of " + tokens + " tokens; the protocol's own are " + own + "."));
      }
      if (own <= settings.maxLength()) {
        return new Window(own, List.of());
      }
      return new Window(
          settings.maxLength(),
          List.of(
              "Windows are of "
                  + settings.maxLength()
                  + " tokens, the model's context; the protocol's own are "
                  + own
                  + "."));
    }

    Protocol protocol(
        String name, Dataset data, String bos, int taken, int all, List<String> more) {
      List<String> notes = new ArrayList<>(notes());
      notes.addAll(more);
      return new Protocol(
          name, "", data.name().toString(), sources(data), notes, bos, tokens, taken, all);
    }
  }

  private static List<String> c4Notes(DatasetName name, Dataset data) {
    return !name.equals(C4) || data.rows().size() == C4_ROWS
        ? List.of()
        : List.of(
            "The data has "
                + data.rows().size()
                + " documents where the reference's file has "
                + C4_ROWS
                + ": its documents are others.");
  }

  private static boolean adds(EvaluationSettings settings, BosPolicy bos) {
    return switch (bos) {
      case AUTO -> settings.tokenizer().addsBos();
      case ALWAYS -> true;
      case NEVER -> false;
    };
  }

  private static List<Protocol.Source> sources(Dataset data) {
    return data.files().stream()
        .map(file -> new Protocol.Source(file.name(), file.sha256()))
        .toList();
  }

  private static InputException tooShort(String protocol, int tokens, int needed) {
    return new InputException(
        InputException.Kind.TEXT,
        protocol
            + " needs a text of at least "
            + needed
            + " tokens and found "
            + tokens
            + ": choose shorter windows with --window");
  }
}
