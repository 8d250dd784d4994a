package io.superweight.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.superweight.InputException;
import io.superweight.catalog.Catalog;
import io.superweight.catalog.CatalogCheck;
import io.superweight.catalog.CatalogEntry;
import io.superweight.catalog.CatalogJson;
import io.superweight.catalog.FindDocument;
import io.superweight.checkpoint.Checkpoint;
import io.superweight.compute.Device;
import io.superweight.compute.cpu.CpuDevice;
import io.superweight.model.Coordinate;
import io.superweight.model.Transformer;
import io.superweight.models.Books12m;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class CatalogDocumentsTest {
  @TempDir private Path folder;

  private static JsonNode schema(String name) throws IOException {
    Path at = Path.of("").toAbsolutePath();
    while (!Files.isDirectory(at.resolve("docs/schema"))) {
      at = at.getParent();
    }
    return JsonMapper.shared().readTree(Files.readAllBytes(at.resolve("docs/schema/" + name)));
  }

  static Stream<CatalogEntry> entries() {
    return Catalog.builtIn().entries().stream();
  }

  @ParameterizedTest
  @MethodSource("entries")
  void everyEntryFitsTheSchema(CatalogEntry entry) throws IOException {
    JsonNode document = JsonMapper.shared().readTree(CatalogJson.write(entry));
    JsonNode schema = schema("catalog-1.json");
    document.get("sources").valueStream().forEach(s -> assertThat(s.isString()).isTrue());
    // The keys of sources are free; the check of schemas knows no free keys.
    assertThat(SchemaCheck.errors(schema, document)).isEmpty();
  }

  private Path find(FindReport report) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    FindJson.write(report, out);
    return Files.write(folder.resolve("found.json"), out.toByteArray());
  }

  @Test
  void whatFindProvedBecomesAnEntryThatListAndCheckSee() throws IOException {
    CatalogEntry entry = FindDocument.entry(find(Samples.smol()), Optional.of("Some/Model-1B"));
    assertThat(entry.id()).isEqualTo("model-1b");
    assertThat(entry.models()).containsExactly("Some/Model-1B");
    assertThat(entry.coordinates())
        .containsExactly(Coordinate.down(11, 507, 1229), Coordinate.down(11, 507, 1487));
    assertThat(entry.evidence().getFirst().low()).hasValue(27310);
    assertThat(entry.digests()).hasSize(1);
    Path mine = Files.createDirectory(folder.resolve("mine"));
    Files.writeString(mine.resolve("model-1b.json"), CatalogJson.write(entry));
    CatalogEntry read = Catalog.builtIn().with(mine).find("some/model-1b").orElseThrow();
    assertThat(read.weights()).isEqualTo(entry.weights());
    assertThat(
            SchemaCheck.errors(
                schema("catalog-1.json"), JsonMapper.shared().readTree(CatalogJson.write(entry))))
        .isEmpty();
  }

  @Test
  void whatIsNotProvenIsNotAdded() throws IOException {
    Path unverified = find(Samples.unverified());
    assertThatThrownBy(() -> FindDocument.entry(unverified, Optional.empty()))
        .isInstanceOf(InputException.class)
        .hasMessageContaining("--verify");
    Path refused = find(Samples.refused());
    assertThatThrownBy(() -> FindDocument.entry(refused, Optional.empty()))
        .isInstanceOf(InputException.class)
        .hasMessageContaining("could not judge");
    assertThat(FindDocument.entry(find(Samples.none()), Optional.of("a/b")).finding())
        .isEqualTo(CatalogEntry.Finding.NONE);
    Path other = Files.writeString(folder.resolve("other.json"), "{\"schema\":\"x\"}");
    assertThatThrownBy(() -> FindDocument.entry(other, Optional.empty()))
        .isInstanceOf(InputException.class)
        .hasMessageContaining("find MODEL --json=");
  }

  @Test
  void aCheckFitsItsSchemaAlsoWithoutAnEntry() throws IOException {
    try (Checkpoint checkpoint = Books12m.checkpoint();
        Device device = CpuDevice.create();
        Transformer model = Transformer.load(checkpoint, device)) {
      Optional<CatalogCheck> check = Catalog.builtIn().check(model);
      JsonNode schema = schema("catalog-check-1.json");
      for (Optional<CatalogCheck> one : java.util.List.of(check, Optional.<CatalogCheck>empty())) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        CatalogCheckJson.write("1", Samples.smol().model(), one, out);
        JsonNode document = JsonMapper.shared().readTree(out.toByteArray());
        assertThat(SchemaCheck.errors(schema, document)).isEmpty();
        assertThat(document.get("verdict").asString())
            .isEqualTo(one.isPresent() ? "same" : "nothing_to_check");
      }
    }
  }
}
