package io.superweight.model;

import static org.assertj.core.api.Assertions.assertThat;

import io.superweight.Fixtures;
import io.superweight.checkpoint.Checkpoint;
import io.superweight.checkpoint.Checkpoints;
import io.superweight.compute.Device;
import io.superweight.compute.cpu.CpuDevice;
import io.superweight.tokenizer.BosPolicy;
import io.superweight.tokenizer.Tokenizer;
import io.superweight.tokenizer.Tokenizers;
import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** A real model from its GGUF file against transformers on the dequantized weights, float32. */
class SmolLm2GoldenTest {
  private record Extreme(int token, int channel, double value) {}

  @Test
  void idsLogProbabilitiesLogitsAndExtremesAgreeWithTransformers() throws IOException {
    JsonNode golden =
        JsonMapper.shared()
            .readTree(Files.readString(Fixtures.path("smollm2-135m-q4_1/golden.json")));
    try (Checkpoint checkpoint = Checkpoints.open(Fixtures.smolLm2());
        Tokenizer tokenizer = Tokenizers.of(checkpoint);
        Device device = CpuDevice.create();
        Transformer model = Transformer.load(checkpoint, device)) {
      List<int[]> sequences = new ArrayList<>();
      for (JsonNode prompt : golden.get("prompts")) {
        int[] ids = prompt.get("ids").valueStream().mapToInt(JsonNode::asInt).toArray();
        BosPolicy policy = prompt.get("bos").asBoolean() ? BosPolicy.ALWAYS : BosPolicy.NEVER;
        assertThat(tokenizer.encode(prompt.get("text").asString(), policy))
            .as("token ids of " + prompt.get("text"))
            .isEqualTo(ids);
        sequences.add(ids);
      }
      Map<String, Extreme> extremes = new HashMap<>();
      PassResult scored =
          model.forward(
              sequences, List.of(Variant.INTACT), List.of(extremesOf(extremes)), Head.SCORE);
      PassResult last =
          model.forward(sequences, List.of(Variant.INTACT), List.of(), Head.LAST_LOGITS);

      double worstLogProbability = 0;
      double worstLogit = 0;
      double worstExtreme = 0;
      for (int p = 0; p < sequences.size(); p++) {
        JsonNode prompt = golden.get("prompts").get(p);
        double[] own = scored.logProbabilities()[0][p];
        for (int t = 0; t < own.length; t++) {
          worstLogProbability =
              Math.max(
                  worstLogProbability,
                  Math.abs(own[t] - prompt.get("token_logprobs").get(t).asDouble()));
        }
        JsonNode top = prompt.get("last_top20");
        double scale = prompt.get("max_abs_logit").asDouble();
        for (int i = 0; i < top.get("ids").size(); i++) {
          float logit = last.logits()[0][p][top.get("ids").get(i).asInt()];
          worstLogit =
              Math.max(worstLogit, Math.abs(logit - top.get("logits").get(i).asDouble()) / scale);
        }
        for (int i = 0; i < model.layers(); i++) {
          JsonNode down = prompt.get("down").get(i);
          worstExtreme =
              Math.max(
                  worstExtreme,
                  difference(down.get("in"), extremes.get(p + ".layers." + i + ".mlp.down.in")));
          worstExtreme =
              Math.max(
                  worstExtreme,
                  difference(down.get("out"), extremes.get(p + ".layers." + i + ".mlp.down.out")));
          worstExtreme =
              Math.max(
                  worstExtreme,
                  difference(
                      prompt.get("resid").get(i), extremes.get(p + ".layers." + i + ".resid.pre")));
        }
      }
      System.out.printf(
          Locale.ROOT,
          "SmolLM2-135M Q4_1: max|Δ log p| %.1e nats, |Δ logit|/max %.1e, extremes %.1e%n",
          worstLogProbability,
          worstLogit,
          worstExtreme);
      assertThat(worstLogProbability).as("log-probability, nats").isLessThanOrEqualTo(1e-3);
      assertThat(worstLogit).as("logits").isLessThanOrEqualTo(1e-4);
      assertThat(worstExtreme).as("extremes").isLessThanOrEqualTo(1e-3);
    }
  }

  private static double difference(JsonNode golden, Extreme own) {
    assertThat(own.token()).as("token").isEqualTo(golden.get("token").asInt());
    assertThat(own.channel()).as("channel").isEqualTo(golden.get("channel").asInt());
    double value = golden.get("value").asDouble();
    return Math.abs(own.value() - value) / Math.abs(value);
  }

  private static Probe extremesOf(Map<String, Extreme> extremes) {
    return new Probe() {
      @Override
      public boolean wants(Site site) {
        return switch (site.kind()) {
          case DOWN_IN, DOWN_OUT, RESID_PRE -> true;
          default -> false;
        };
      }

      @Override
      public void observe(Site site, SiteValues values) {
        Extreme best = new Extreme(0, 0, 0);
        for (int t = 0; t < values.rows(); t++) {
          for (int c = 0; c < values.cols(); c++) {
            if (Math.abs(values.get(t, c)) > Math.abs(best.value())) {
              best = new Extreme(t, c, values.get(t, c));
            }
          }
        }
        extremes.put(values.sequence() + "." + site.name(), best);
      }
    };
  }
}
