package io.superweight.hub;

import io.superweight.InputException;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What the environment says of the hub, by the rules of huggingface_hub (its constants.py and
 * utils/_auth.py, version 2.4).
 */
final class HubSettings {
  private static final Set<String> TRUE = Set.of("1", "ON", "YES", "TRUE");
  private static final Pattern REFERENCE = Pattern.compile("\\$(?:\\{(\\w+)}|(\\w+))");

  private final Map<String, String> environment;

  HubSettings(Map<String, String> environment) {
    this.environment = Map.copyOf(environment);
  }

  /**
   * {@code HF_ENDPOINT}, else the hub itself; without a slash at its end.
   *
   * @throws InputException of kind USAGE for what is no address
   */
  String endpoint() {
    String endpoint = text("HF_ENDPOINT").orElse("https://huggingface.co").replaceAll("/+$", "");
    try {
      URI uri = URI.create(endpoint);
      String scheme = String.valueOf(uri.getScheme()).toLowerCase(Locale.ROOT);
      if (uri.getHost() != null && (scheme.equals("https") || scheme.equals("http"))) {
        return endpoint;
      }
    } catch (IllegalArgumentException e) {
      // told below
    }
    throw new InputException(
        InputException.Kind.USAGE,
        "HF_ENDPOINT is \""
            + Names.oneLine(endpoint)
            + "\", which is no address; set it to one like https://huggingface.co, or unset it");
  }

  /** {@code HF_HUB_OFFLINE}: nothing may be asked of the network. */
  boolean offline() {
    return isTrue("HF_HUB_OFFLINE") || isTrue("TRANSFORMERS_OFFLINE");
  }

  /** {@code HF_HUB_DISABLE_SYMLINKS}: copies in place of links. */
  boolean symlinksDisabled() {
    return isTrue("HF_HUB_DISABLE_SYMLINKS");
  }

  /** {@code HF_HUB_CACHE}, else {@code HF_HOME/hub}, else under {@code XDG_CACHE_HOME} or home. */
  Path cache() {
    return path("HF_HUB_CACHE")
        .or(() -> path("HUGGINGFACE_HUB_CACHE"))
        .orElseGet(() -> hubHome().resolve("hub"));
  }

  /** {@code HF_TOKEN}, else what {@code hf auth login} left behind. Never in a message or a log. */
  Optional<Token> token() {
    for (String variable : List.of("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")) {
      Optional<String> own = text(variable).flatMap(HubSettings::clean);
      if (own.isPresent()) {
        return Optional.of(new Token(own.get(), variable));
      }
    }
    if (isTrue("HF_HUB_DISABLE_IMPLICIT_TOKEN")) {
      return Optional.empty();
    }
    Path file = path("HF_TOKEN_PATH").orElseGet(() -> hubHome().resolve("token"));
    try {
      return Files.isRegularFile(file)
          ? clean(Files.readString(file)).map(token -> new Token(token, file.toString()))
          : Optional.empty();
    } catch (IOException e) {
      throw new InputException(
          InputException.Kind.NOT_FOUND,
          "the hub's token file "
              + file
              + " cannot be read; check its permissions, or set HF_TOKEN",
          e);
    }
  }

  /** How long the hub may take to answer. */
  Duration answerTimeout() {
    return seconds("HF_HUB_ETAG_TIMEOUT", 30);
  }

  /** How long a body may stand still. */
  Duration stallTimeout() {
    return seconds("HF_HUB_DOWNLOAD_TIMEOUT", 30);
  }

  /**
   * The proxy that {@code HTTPS_PROXY}, {@code HTTP_PROXY}, {@code ALL_PROXY} and NO_PROXY name.
   */
  EnvironmentProxies proxies() {
    return new EnvironmentProxies(environment);
  }

  private Path hubHome() {
    return path("HF_HOME")
        .or(() -> path("XDG_CACHE_HOME").map(cache -> cache.resolve("huggingface")))
        .orElseGet(() -> home().resolve(".cache").resolve("huggingface"));
  }

  private Path home() {
    return Path.of(text("HOME").orElseGet(() -> System.getProperty("user.home")));
  }

  private Duration seconds(String variable, int otherwise) {
    String value = text(variable).orElse("");
    return Duration.ofSeconds(value.matches("[1-9]\\d{0,5}") ? Integer.parseInt(value) : otherwise);
  }

  private boolean isTrue(String variable) {
    return TRUE.contains(text(variable).orElse("").toUpperCase(Locale.ROOT));
  }

  private Optional<String> text(String variable) {
    String value = environment.getOrDefault(variable, "").strip();
    return value.isEmpty() ? Optional.empty() : Optional.of(value);
  }

  private Optional<Path> path(String variable) {
    Optional<String> value = text(variable);
    if (value.isEmpty()) {
      return Optional.empty();
    }
    String text = expanded(value.get());
    try {
      return Optional.of(
          text.equals("~") || text.startsWith("~/")
              ? home().resolve(text.substring(Math.min(2, text.length())))
              : Path.of(text));
    } catch (InvalidPathException e) {
      throw new InputException(
          InputException.Kind.USAGE,
          variable + " is \"" + Names.oneLine(text) + "\", which is no path; set it to a folder",
          e);
    }
  }

  /** {@code $NAME} and <code>${NAME}</code> as Python's expandvars: what is not set stays. */
  private String expanded(String text) {
    return REFERENCE
        .matcher(text)
        .replaceAll(reference -> {
          String name = reference.group(1) == null ? reference.group(2) : reference.group(1);
          return Matcher.quoteReplacement(environment.getOrDefault(name, reference.group()));
        });
  }

  /** Python strips line ends and blanks that a copied token brings along. */
  private static Optional<String> clean(String token) {
    String cleaned = token.replace("\r", "").replace("\n", "").strip();
    if (!cleaned.chars().allMatch(c -> c > ' ' && c < 127)) {
      throw new InputException(
          InputException.Kind.USAGE,
          "the hub's token has characters that no token has; copy it again into HF_TOKEN");
    }
    return cleaned.isEmpty() ? Optional.empty() : Optional.of(cleaned);
  }

  /**
   * A secret, and where it was found.
   *
   * @param source a variable or a file, for messages
   */
  record Token(String secret, String source) {
    @Override
    public String toString() {
      return "token of " + source;
    }
  }
}
