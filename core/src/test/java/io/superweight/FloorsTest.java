package io.superweight;

import static com.tngtech.archunit.library.Architectures.layeredArchitecture;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.util.List;
import org.junit.jupiter.api.Test;

class FloorsTest {
  /** Bottom to top. A floor sees only those below it. */
  private static final List<String> FLOORS =
      List.of(
          "python",
          "nativelib",
          "tensor",
          "hub",
          "checkpoint",
          "tokenizer",
          "compute",
          "statistics",
          "model",
          "convert",
          "edit",
          "quantize",
          "find",
          "catalog",
          "dataset",
          "evaluate",
          "audit",
          "recipe",
          "experiment");

  private final JavaClasses classes =
      new ClassFileImporter()
          .withImportOption(new ImportOption.DoNotIncludeTests())
          .importPackages("io.superweight");

  @Test
  void noArrowPointsUp() {
    var architecture = layeredArchitecture().consideringOnlyDependenciesInLayers();
    for (String floor : FLOORS) {
      architecture = architecture.optionalLayer(floor).definedBy("io.superweight." + floor + "..");
    }
    for (int i = 0; i < FLOORS.size(); i++) {
      String[] above = FLOORS.subList(i + 1, FLOORS.size()).toArray(String[]::new);
      architecture =
          above.length == 0
              ? architecture.whereLayer(FLOORS.get(i)).mayNotBeAccessedByAnyLayer()
              : architecture.whereLayer(FLOORS.get(i)).mayOnlyBeAccessedByLayers(above);
    }
    architecture.check(classes);
  }

  @Test
  void packagesHaveNoCycles() {
    slices().matching("io.superweight.(*)..").should().beFreeOfCycles().check(classes);
  }
}
