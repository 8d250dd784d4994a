package io.superweight.hub;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.superweight.InputException;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Proxy;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class HubSettingsTest {
  @TempDir Path temporary;

  private static String secret(Map<String, String> environment) {
    return new HubSettings(environment).token().map(HubSettings.Token::secret).orElse("none");
  }

  @Test
  void theTokenIsThatOfTheEnvironmentElseOfTheLogin() throws IOException {
    Path home = Files.createDirectories(temporary.resolve("hf"));
    Files.writeString(home.resolve("token"), "of-login\n");
    Path other = Files.writeString(temporary.resolve("other"), "of-path");
    String hf = home.toString();
    assertThat(secret(Map.of("HF_HOME", hf, "HF_TOKEN", " own "))).isEqualTo("own");
    assertThat(secret(Map.of("HF_HOME", hf, "HF_TOKEN", ""))).isEqualTo("of-login");
    assertThat(secret(Map.of("HF_HOME", hf, "HF_TOKEN_PATH", other.toString())))
        .isEqualTo("of-path");
    assertThat(secret(Map.of("HF_HOME", hf, "HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")))
        .isEqualTo("none");
    assertThat(secret(Map.of("HF_HOME", temporary.toString()))).isEqualTo("none");
  }

  @Test
  void aTokenIsNeverPartOfAMessage() {
    assertThat(new HubSettings(Map.of("HF_TOKEN", "hf_x")).token().orElseThrow().toString())
        .doesNotContain("hf_x");
    assertThatThrownBy(() -> secret(Map.of("HF_TOKEN", "hf_x\u00e9y")))
        .isInstanceOf(InputException.class)
        .message()
        .doesNotContain("hf_x");
  }

  @Test
  void theDescriptionNamesTheHubAndWhereTheTokenIsFrom() {
    assertThat(new Hub(Map.of("HF_TOKEN", "hf_x"), DownloadListener.SILENT).description())
        .isEqualTo("https://huggingface.co, with the token of HF_TOKEN");
    assertThat(new Hub(Map.of("HF_HUB_OFFLINE", "1"), DownloadListener.SILENT).description())
        .startsWith("offline");
  }

  @Test
  void foldersMayNameOtherVariablesAndHome() {
    Map<String, String> environment =
        Map.of(
            "HF_HOME", "$SCRATCH/${USER}/hf$", "SCRATCH", "/big", "USER", "u", "HOME", "/home/u");
    assertThat(new HubSettings(environment).cache()).hasToString("/big/u/hf$/hub");
    assertThat(new HubSettings(Map.of("HF_HUB_CACHE", "~/c", "HOME", "/home/u")).cache())
        .hasToString("/home/u/c");
  }

  @ParameterizedTest
  @CsvSource({
    "1, true",
    "true, true",
    "Yes, true",
    "ON, true",
    "0, false",
    "'', false",
    "2, false"
  })
  void offlineIsWhatHuggingFacesLibraryTakesForIt(String value, boolean offline) {
    assertThat(new HubSettings(Map.of("HF_HUB_OFFLINE", value)).offline()).isEqualTo(offline);
  }

  @ParameterizedTest
  @ValueSource(strings = {"huggingface.co", "ftp://x", "http:///", "http://a b"})
  void anEndpointThatIsNoAddressIsTold(String endpoint) {
    assertThatThrownBy(() -> new HubSettings(Map.of("HF_ENDPOINT", endpoint)).endpoint())
        .isInstanceOf(InputException.class)
        .hasMessageContaining("HF_ENDPOINT");
  }

  @ParameterizedTest
  @CsvSource({
    "https://huggingface.co/x, secure:3128",
    "http://huggingface.co/x, plain:80",
    "https://a.example.org/, none",
    "https://example.org/, none",
    "https://notexample.org/, secure:3128",
    "http://mirror:8080/, none",
    "http://mirror:8081/, plain:80",
  })
  void eachSchemeHasItsProxyAndSomeHostsHaveNone(String address, String proxy) {
    EnvironmentProxies proxies =
        new HubSettings(
                Map.of(
                    "HTTPS_PROXY", "http://secure:3128/",
                    "http_proxy", "plain",
                    "HTTP_PROXY", "http://not-this",
                    "no_proxy", ".example.org,mirror:8080"))
            .proxies();
    Proxy chosen = proxies.select(URI.create(address)).getFirst();
    String text =
        chosen.address() instanceof InetSocketAddress at
            ? at.getHostString() + ":" + at.getPort()
            : "none";
    assertThat(text).isEqualTo(proxy);
  }

  @Test
  void aProxyOfAnotherKindIsTold() {
    EnvironmentProxies proxies = new HubSettings(Map.of("all_proxy", "socks5://x:1")).proxies();
    assertThatThrownBy(() -> proxies.select(URI.create("https://huggingface.co")))
        .isInstanceOf(InputException.class)
        .hasMessageContaining("HTTPS_PROXY");
  }
}
