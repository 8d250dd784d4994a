package io.superweight.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.superweight.experiment.Exhibit.Axis;
import io.superweight.experiment.Exhibit.Chart;
import io.superweight.experiment.Exhibit.Curve;
import io.superweight.experiment.Exhibit.Point;
import io.superweight.experiment.Exhibit.Scaling;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ChartFigureTest {
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void onALogarithmicAxisEqualRatiosAreEqualDistances_andItsTicksAreTheSizesThatWereMeasured(
      boolean narrow) {
    String svg = ChartFigure.svg(sizes(Scaling.LOGARITHMIC), narrow);
    List<Double> x = across(svg);
    for (int i = 1; i < x.size(); i++) {
      assertThat(x.get(i) - x.get(i - 1)).isCloseTo(x.get(1) - x.get(0), within(0.2));
    }
    assertThat(svg).contains(">64<", ">256<", ">1024<", ">4096<");
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void onALinearAxisEqualDifferencesAreEqualDistances(boolean narrow) {
    List<Double> x = across(ChartFigure.svg(sizes(Scaling.LINEAR), narrow));
    assertThat((x.get(2) - x.get(1)) / (x.get(1) - x.get(0))).isCloseTo(4, within(0.1));
  }

  private static Chart sizes(Scaling scaling) {
    List<Point> points =
        Stream.of(64, 256, 1024, 4096).map(size -> Point.of(size, 40.0 + size)).toList();
    return new Chart(
        "sizes",
        "Sizes",
        Chart.Kind.LINES,
        new Axis("size", scaling),
        new Axis("value", Scaling.LINEAR),
        List.of(),
        List.of(new Curve("curve", points)),
        List.of(),
        "");
  }

  /** The horizontal places of the curve's points. */
  private static List<Double> across(String svg) {
    String way =
        Pattern.compile("class=\"way\" d=\"([^\"]*)\"")
            .matcher(svg)
            .results()
            .findFirst()
            .orElseThrow()
            .group(1);
    return Pattern.compile("[ML]([0-9.]+),")
        .matcher(way)
        .results()
        .map(place -> Double.valueOf(place.group(1)))
        .toList();
  }
}
