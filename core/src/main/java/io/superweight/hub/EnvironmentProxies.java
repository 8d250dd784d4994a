package io.superweight.hub;

import io.superweight.InputException;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Proxy;
import java.net.ProxySelector;
import java.net.SocketAddress;
import java.net.URI;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * Proxies as the environment names them, which the JDK does not look at. Lower-case names come
 * first, as for curl; {@code NO_PROXY} lists hosts, domains ({@code .example.org} or {@code
 * example.org}), each with a port if need be, or {@code *}.
 */
final class EnvironmentProxies extends ProxySelector {
  private final Map<String, String> environment;

  EnvironmentProxies(Map<String, String> environment) {
    this.environment = environment;
  }

  @Override
  public List<Proxy> select(URI uri) {
    String scheme = String.valueOf(uri.getScheme()).toLowerCase(Locale.ROOT);
    Optional<String> proxy = variable(scheme + "_proxy").or(() -> variable("all_proxy"));
    if (proxy.isEmpty() || excepted(uri)) {
      return List.of(Proxy.NO_PROXY);
    }
    URI address = address(proxy.get(), scheme);
    return List.of(
        new Proxy(
            Proxy.Type.HTTP,
            InetSocketAddress.createUnresolved(
                address.getHost(), address.getPort() < 0 ? 80 : address.getPort())));
  }

  /** Name and password of the proxy's address, {@code name:password}; empty for none. */
  Optional<String> credentials(URI uri) {
    String scheme = String.valueOf(uri.getScheme()).toLowerCase(Locale.ROOT);
    Optional<String> proxy = variable(scheme + "_proxy").or(() -> variable("all_proxy"));
    return excepted(uri)
        ? Optional.empty()
        : proxy.flatMap(text -> Optional.ofNullable(address(text, scheme).getUserInfo()));
  }

  private static URI address(String text, String scheme) {
    try {
      URI address = URI.create(text.contains("://") ? text : "http://" + text);
      if (address.getHost() != null && "http".equalsIgnoreCase(address.getScheme())) {
        return address;
      }
    } catch (IllegalArgumentException e) {
      // told below
    }
    throw new InputException(
        InputException.Kind.USAGE,
        "the proxy for "
            + scheme
            + " is not an address like http://host:port (other kinds of proxy are not known); set "
            + scheme.toUpperCase(Locale.ROOT)
            + "_PROXY to one, or unset it");
  }

  private boolean excepted(URI uri) {
    String host = String.valueOf(uri.getHost()).toLowerCase(Locale.ROOT);
    int port = uri.getPort() >= 0 ? uri.getPort() : "https".equals(uri.getScheme()) ? 443 : 80;
    return Arrays.stream(variable("no_proxy").orElse("").toLowerCase(Locale.ROOT).split("[,\\s]+"))
        .filter(entry -> !entry.isEmpty())
        .anyMatch(entry -> {
          String name = entry;
          if (entry.matches(".*[^:]:\\d+")) {
            int colon = entry.lastIndexOf(':');
            if (Integer.parseInt(entry.substring(colon + 1)) != port) {
              return false;
            }
            name = entry.substring(0, colon);
          }
          name = name.startsWith(".") ? name.substring(1) : name;
          return name.equals("*") || host.equals(name) || host.endsWith("." + name);
        });
  }

  private Optional<String> variable(String lowerCase) {
    String value =
        environment.getOrDefault(
            lowerCase, environment.getOrDefault(lowerCase.toUpperCase(Locale.ROOT), ""));
    return value.isBlank() ? Optional.empty() : Optional.of(value.strip());
  }

  @Override
  public void connectFailed(URI uri, SocketAddress address, IOException failure) {
    // the client tells it
  }
}
