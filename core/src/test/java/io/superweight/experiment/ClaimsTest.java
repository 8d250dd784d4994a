package io.superweight.experiment;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.superweight.Fixtures;
import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.Checkpoints;
import io.superweight.compute.Device;
import io.superweight.compute.cpu.CpuDevice;
import io.superweight.evaluate.EvaluationSettings;
import io.superweight.evaluate.TextPerplexity;
import io.superweight.experiment.Claims.Claim;
import io.superweight.experiment.Claims.Verdict;
import io.superweight.find.FindOptions;
import io.superweight.find.FindResult;
import io.superweight.find.Finder;
import io.superweight.model.Coordinate;
import io.superweight.model.Transformer;
import io.superweight.tokenizer.BosPolicy;
import io.superweight.tokenizer.Tokenizer;
import io.superweight.tokenizer.Tokenizers;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

class ClaimsTest {
  private static Claims measure(
      Function<FindResult, List<Coordinate>> weights, Optional<Claims.Relative> relative) {
    try (Checkpoint checkpoint = Checkpoints.open(Fixtures.books12m());
        Device device = CpuDevice.create();
        Transformer model = Transformer.load(checkpoint, device);
        Tokenizer tokenizer = Tokenizers.forDirectory(Fixtures.books12m())) {
      FindResult found = Finder.find(model, tokenizer, FindOptions.DEFAULT.withStability(false));
      Subject subject =
          new Subject(
              model,
              tokenizer,
              "books-12m",
              BosPolicy.AUTO,
              found,
              weights.apply(found),
              "the search");
      EvaluationSettings settings =
          EvaluationSettings.of(tokenizer, "llama", model.maxPositions()).withLimit(4);
      return Claims.measure(
          subject, List.of(TextPerplexity.builtIn(settings)), List.of(), List.of(), relative, "");
    }
  }

  private static Map<String, Claim> byId(Claims claims) {
    return claims.claims().stream().collect(Collectors.toMap(Claim::id, c -> c));
  }

  private static Exhibit.Number number(Claim claim) {
    return (Exhibit.Number) claim.value();
  }

  @Test
  void theEmbeddedModelsClaimsAreJudgedByWhatWasMeasured() {
    Claims measured =
        measure(
            FindResult::sources,
            Optional.of(
                new Claims.Relative(
                    "other", List.of(Coordinate.down(1, 161, 288), Coordinate.down(1, 161, 495)))));
    Map<String, Claim> claims = byId(measured);
    assertThat(claims).hasSize(16);
    assertThat(claims.get("perplexity").verdict()).isEqualTo(Verdict.DOES_NOT_HOLD);
    assertThat(number(claims.get("perplexity")).value()).isBetween(2.5, 4.5);
    assertThat(claims.get("rare").verdict()).isEqualTo(Verdict.HOLDS);
    assertThat(claims.get("others").verdict()).isEqualTo(Verdict.HOLDS);
    assertThat(claims.get("others").here()).contains("selects none");
    assertThat(number(claims.get("restored")).value()).isGreaterThan(95);
    assertThat(claims.get("data-free").verdict()).isEqualTo(Verdict.HOLDS);
    assertThat(claims.get("top 0.05 %").verdict()).isEqualTo(Verdict.HOLDS);
    assertThat(claims.get("instruct").verdict()).isEqualTo(Verdict.DOES_NOT_HOLD);
    assertThat(claims.get("instruct").here()).startsWith("2 of 3");
    assertThat(claims.get("guessing").verdict()).isEqualTo(Verdict.NOT_TESTABLE);
    assertThat(claims.get("AWQ").here()).contains("number 1 of its columns");
    // transformers, eager attention, float32, the same 16 texts: 0.36225 and 0.76229.
    assertThat(number(claims.get("sinks")).value()).isCloseTo(76.229, within(0.3));
    assertThat(claims.get("sinks").here()).contains("gets 36 %");
    Exhibit exhibit = measured.exhibit();
    assertThat(exhibit.answer()).startsWith("Of 16 sentences");
    assertThat(exhibit.tables().getFirst().rows()).hasSize(16);
    assertThat(measured.claims()).allMatch(c -> c.command().startsWith("superweight "));
  }

  @Test
  void withoutASuperWeightNothingIsClaimedThatNeedsOne() {
    Map<String, Claim> claims = byId(measure(found -> List.of(), Optional.empty()));
    for (String id :
        List.of(
            "perplexity", "single", "others", "restored", "75 %", "sinks", "AWQ", "data-free")) {
      assertThat(claims.get(id).verdict()).as(id).isEqualTo(Verdict.NOT_TESTABLE);
    }
    assertThat(claims.get("position").verdict()).isEqualTo(Verdict.HOLDS);
  }
}
