package io.superweight.cli;

import java.util.Objects;
import picocli.CommandLine.IVersionProvider;

/** What {@code --version} prints. */
final class Version implements IVersionProvider {

  /** The version of this build; {@code development} where it does not run from its jar. */
  static String number() {
    return Objects.requireNonNullElse(
        Version.class.getPackage().getImplementationVersion(), "development");
  }

  @Override
  public String[] getVersion() {
    return new String[] {
      "superweight " + number(),
      "JDK " + Runtime.version() + " (" + System.getProperty("java.vendor") + ")",
    };
  }
}
