package io.superweight.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.superweight.InputException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.NoSuchFileException;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** What is said when something went wrong: one line, and the documented exit code. */
class FailureTest {
  static Stream<Arguments> thrown() {
    return Stream.of(
        Arguments.of(new OutOfMemoryError("Java heap space"), 8, "SUPERWEIGHT_JAVA_OPTS=-Xmx"),
        Arguments.of(new StackOverflowError(), 4, "nested too deeply"),
        Arguments.of(
            new InternalError("a fault occurred in an unsafe memory access operation"),
            4,
            "cut or replaced while it was read"),
        Arguments.of(new NoSuchFileException("m.gguf"), 3, "m.gguf does not exist"),
        Arguments.of(new AccessDeniedException("m.gguf"), 3, "no permission to read m.gguf"),
        Arguments.of(
            new UncheckedIOException(new NoSuchFileException("m.gguf")),
            3,
            "m.gguf does not exist"),
        Arguments.of(new IOException("Input/output error"), 3, "reading failed"),
        Arguments.of(new IllegalStateException("two\nlines\u001B[2J"), 1, "please report it"),
        Arguments.of(new InternalError("something else"), 1, "please report it"),
        Arguments.of(new NullPointerException(), 1, "FailureTest.java"));
  }

  @ParameterizedTest
  @MethodSource("thrown")
  void everyThrowableIsOneLineWithItsExitCode(Throwable thrown, int exitCode, String says) {
    Failure failure = Failure.of(thrown);
    assertThat(failure.line()).contains(says).doesNotContain("\n", "\u001B");
    assertThat(failure.exitCode()).isEqualTo(exitCode);
  }

  @ParameterizedTest
  @EnumSource(InputException.Kind.class)
  void badInputEndsWithTheCodeOfItsKind(InputException.Kind kind) {
    Failure failure = Failure.of(new InputException(kind, "the model is odd: take another"));
    assertThat(failure).isEqualTo(new Failure("the model is odd: take another", kind.exitCode()));
  }

  @Test
  void noTwoKindsShareAnExitCode() {
    assertThat(
            Stream.concat(
                    Stream.of(InputException.Kind.values()).map(InputException.Kind::exitCode),
                    Stream.of(
                        ExitCode.OK, ExitCode.INTERNAL, ExitCode.MEMORY, ExitCode.BROKEN_PIPE))
                .toList())
        .doesNotHaveDuplicates();
  }
}
