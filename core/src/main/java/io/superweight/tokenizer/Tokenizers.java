package io.superweight.tokenizer;

import io.superweight.InputException;
import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.GgufCheckpoint;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * Opens the tokenizer of a model. Nothing is ever downloaded.
 *
 * <p><b>BOS.</b> {@link Tokenizer#addsBos()} says what the model's own tokenizer does when it is
 * called plainly, as transformers' {@code tokenizer(text)} would. For {@code tokenizer.json} the
 * file's post-processor decides: where it puts the BOS token before a text, BOS is added. The key
 * {@code add_bos_token} of {@code tokenizer_config.json} is heeded for those {@code
 * tokenizer_class}es alone that build the post-processor anew from it (Llama, Code Llama, Gemma,
 * Cohere); with any other class, {@code PreTrainedTokenizerFast} among them, it is an attribute
 * without effect. For GGUF, {@code tokenizer.ggml.add_bos_token} decides, else what llama.cpp does
 * for that kind of vocabulary.
 *
 * <p>The BOS token is the {@code bos_token} of {@code tokenizer_config.json}, else of {@code
 * special_tokens_map.json}, else the {@code bos_token_id} of {@code config.json}, else what the
 * post-processor puts first.
 *
 * <p><b>The Java tokenizers and Hugging Face's library</b> give the same ids for the same
 * vocabulary (tests compare them over random texts; the files of Phi-3 and Llama 3 too), but for
 * these cases:
 *
 * <ul>
 *   <li>Characters of the newest versions of Unicode, whose class or composed form only Java's
 *       tables know.
 *   <li>Llama 1 and 2: their tokenizer.json declares {@code <s>} as a normalized token, which the
 *       library then finds at the start of a text only; here, as in llama.cpp, it is found
 *       anywhere.
 * </ul>
 */
public final class Tokenizers {
  private Tokenizers() {}

  /**
   * The tokenizer that belongs to a checkpoint: of a GGUF file the vocabulary inside, of a folder
   * in Hugging Face's layout the files beside the weights. It stays usable when the checkpoint is
   * closed.
   *
   * @throws InputException of kind NOT_FOUND if there is none, MALFORMED if it is broken,
   *     UNSUPPORTED if it is of an unknown kind
   */
  public static Tokenizer of(Checkpoint checkpoint) {
    if (checkpoint instanceof GgufCheckpoint gguf) {
      return of(GgufVocabulary.of(gguf.source(), gguf.metadata()));
    }
    Path path =
        checkpoint
            .path()
            .orElseThrow(() ->
                new InputException(
                    InputException.Kind.NOT_FOUND,
                    checkpoint.source()
                        + " lies in memory, with no tokenizer beside it: open its tokenizer"
                        + " with Tokenizers.open(TokenizerFiles)"));
    return forDirectory(Files.isDirectory(path) ? path : path.toAbsolutePath().getParent());
  }

  /**
   * The tokenizer of a folder in Hugging Face's layout.
   *
   * @throws InputException of kind NOT_FOUND if it has none, MALFORMED if its files are broken
   */
  public static Tokenizer forDirectory(Path folder) {
    if (!Files.isDirectory(folder)) {
      throw new InputException(
          InputException.Kind.NOT_FOUND, "there is no folder " + folder + ": check the path");
    }
    return open(TokenizerFiles.in(folder));
  }

  /**
   * The tokenizer whose files are found by name, such as that of a model inside a jar.
   *
   * @throws InputException as {@link #forDirectory}
   */
  public static Tokenizer open(TokenizerFiles files) {
    return files
        .read("tokenizer.json")
        .<Tokenizer>map(json -> TokenizerJson.open(files, json))
        .or(() -> VocabularyJson.open(files))
        .orElseThrow(() -> missing(files));
  }

  /**
   * The tokenizer of a vocabulary inside a GGUF file.
   *
   * @throws InputException of kind UNSUPPORTED if it is of an unknown kind, MALFORMED if it is
   *     broken
   */
  public static Tokenizer of(GgufVocabulary vocabulary) {
    return switch (vocabulary.model()) {
      case "gpt2" ->
          new ByteLevelBpe(
              vocabulary, "GGUF gpt2/" + vocabulary.pre().orElse(vocabulary.architecture()));
      case "llama" -> new SentencePieceBpe(vocabulary);
      default ->
          throw new InputException(
              InputException.Kind.UNSUPPORTED,
              vocabulary.source()
                  + " has a vocabulary of the kind "
                  + GgufVocabulary.quoted(vocabulary.model())
                  + " (tokenizer.ggml.model): use the model's tokenizer.json; known are gpt2"
                  + " (byte-level BPE) and llama (SentencePiece-BPE)");
    };
  }

  private static InputException missing(TokenizerFiles files) {
    List<String> others =
        List.of("tokenizer.model", "vocab.json", "merges.txt").stream()
            .filter(name -> files.read(name).isPresent())
            .toList();
    return new InputException(
        InputException.Kind.NOT_FOUND,
        files.source()
            + " has no tokenizer.json"
            + (others.isEmpty() ? "" : ", only " + String.join(", ", others))
            + ": download it with the model, or write it with transformers'"
            + " AutoTokenizer.from_pretrained(folder).save_pretrained(folder)");
  }
}
