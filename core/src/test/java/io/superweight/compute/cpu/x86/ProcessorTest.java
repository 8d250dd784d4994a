package io.superweight.compute.cpu.x86;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

final class ProcessorTest {
  @Test
  void whatItCanDoIsReadFromTheFirstProcessorsFlags() {
    String all = "avx2 avx512f avx512dq avx512bw avx512vl avx512_vnni";
    assertThat(Processor.of("processor\t: 0\nflags\t\t: fpu " + all + " avx512_bf16\n"))
        .matches(Processor::wide)
        .matches(Processor::multipliesBfloat16);
    assertThat(Processor.of("processor\t: 0\nflags\t\t: fpu " + all + "\n"))
        .matches(Processor::wide)
        .matches(p -> !p.multipliesBfloat16());
    assertThat(Processor.of("flags : avx512f avx512_bf16"))
        .matches(p -> !p.wide() && !p.multipliesBfloat16());
    assertThat(Processor.of("Features\t: fp asimd bf16\n").flags()).isEmpty();
    assertThat(Processor.of("").wide()).isFalse();
  }
}
