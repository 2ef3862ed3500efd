import numpy as np
import pytest
from matplotlib.figure import Figure

from sentinel_fusion.metrics.place_measures import (
    BANDS,
    TILE_PX,
    PlaceMeasures,
    measure_place,
)
from sentinel_fusion.metrics.realism import compare_places
from sentinel_fusion.report.realism import (
    draw_correlations,
    draw_histograms,
    draw_measures,
    draw_spectra,
)


def _places(seed: int, number: int) -> list[PlaceMeasures]:
    rng = np.random.default_rng(seed)
    shape = (2, TILE_PX, TILE_PX)
    return [
        measure_place(
            f"place {seed} {i}",
            rng.normal(-15 + i, 3, (*shape, 2)),
            rng.integers(500, 1500, (*shape, 13)).astype(np.uint16),
        )
        for i in range(number)
    ]


@pytest.fixture(scope="module")
def synthetic() -> list[PlaceMeasures]:
    return _places(0, 4)


@pytest.fixture(scope="module")
def real() -> list[PlaceMeasures]:
    return _places(1, 3)


def _words(figure: Figure) -> str:
    labels = [text.get_text() for legend in figure.legends for text in legend.texts]
    titles = [panel.get_title() for panel in figure.axes]
    return "\n".join([figure.get_supxlabel(), *titles, *labels])


def test_spectra_show_every_real_place_by_name(
    synthetic: list[PlaceMeasures], real: list[PlaceMeasures]
) -> None:
    figure = draw_spectra(synthetic, real, caption="the data")
    words = _words(figure)
    assert all(place.name in words for place in real)
    assert "the data" in words
    first = figure.axes[0]
    assert len(first.lines) == 1 + len(real)
    wavelength_m, power = np.asarray(first.lines[1].get_xydata()).T
    np.testing.assert_allclose(power, np.array(real[0].spectra["S2 10 m"]))
    assert wavelength_m[:2].tolist() == [320, 160]


def test_histograms_have_a_panel_a_polarisation(
    synthetic: list[PlaceMeasures], real: list[PlaceMeasures]
) -> None:
    figure = draw_histograms(synthetic, real, caption="the data")
    assert [panel.get_title() for panel in figure.axes] == ["VV", "VH"]
    drawn = np.asarray(figure.axes[1].lines[0].get_xydata())[:, 1]
    medians = np.median([place.histograms["VH"] for place in synthetic], axis=0)
    np.testing.assert_allclose(drawn, medians)


def test_correlations_are_drawn_side_by_side_and_subtracted(
    synthetic: list[PlaceMeasures], real: list[PlaceMeasures]
) -> None:
    figure = draw_correlations(synthetic, real, caption="the data")
    images = [np.asarray(panel.images[0].get_array()) for panel in figure.axes[:3]]
    assert images[0].shape == (len(BANDS), len(BANDS))
    np.testing.assert_allclose(images[2], images[0] - images[1])
    assert "4 synthetic places" in _words(figure)


def test_measures_outside_are_marked_by_shape_as_well(
    synthetic: list[PlaceMeasures], real: list[PlaceMeasures]
) -> None:
    published = [{band: (1000.0, 300.0) for band in BANDS}]
    table = compare_places(synthetic, real, published)
    figure = draw_measures(table, caption="the data")
    shown = table[~table["group"].str.contains("correlations")]
    marks = [panel.collections[-2:] for panel in figure.axes]
    outside = sum(len(np.asarray(crosses.get_offsets())) for _, crosses in marks)
    assert outside == (~shown["inside"]).sum()
    rows = sum(len(panel.get_yticks()) for panel in figure.axes)
    assert rows == len(shown)


def test_a_measure_far_off_stands_at_the_frame(
    synthetic: list[PlaceMeasures], real: list[PlaceMeasures]
) -> None:
    published = [{band: (1000.0, 300.0) for band in BANDS}]
    table = compare_places(synthetic, real, published)
    table.loc[0, ["synthetic_median", "inside"]] = [1e6, False]
    figure = draw_measures(table, caption="the data")
    crosses = figure.axes[0].collections[-1].get_offsets()
    assert np.asarray(crosses)[0, 0] == 2
