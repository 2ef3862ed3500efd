import numpy as np
import pytest

from sentinel_fusion.bands import S1_BANDS, S2_BANDS
from sentinel_fusion.metrics.place_measures import (
    BANDS,
    TILE_PX,
    correlation_matrix,
    measure_place,
    rounded,
)

SHAPE = (4, TILE_PX, TILE_PX)


@pytest.fixture
def tiles() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    s1 = rng.normal(-15, 3, (*SHAPE, 2))
    s2 = rng.integers(500, 1500, (*SHAPE, 13)).astype(np.uint16)
    return s1, s2


def test_means_and_spreads_are_over_all_pixels_of_the_place(
    tiles: tuple[np.ndarray, np.ndarray],
) -> None:
    s1, s2 = tiles
    values = measure_place("a", s1, s2).values
    assert list(values["means"]) == [*S1_BANDS, *S2_BANDS]
    assert values["means"]["VH"] == pytest.approx(s1[..., 1].mean())
    assert values["spreads"]["B04"] == pytest.approx(s2[..., 3].std())


def test_bands_that_follow_each_other_correlate_fully(
    tiles: tuple[np.ndarray, np.ndarray],
) -> None:
    s1, s2 = tiles
    s2[..., 4] = 3 * s2[..., 3] + 20
    s1[..., 1] = -s1[..., 0]
    values = measure_place("a", s1, s2).values
    assert values["S2 correlations"]["B04 B05"] == pytest.approx(1)
    assert values["S1 histogram"]["VV VH"] == pytest.approx(-1)
    assert abs(values["S2 correlations"]["B02 B03"]) < 0.1


def test_a_band_that_does_not_vary_correlates_with_nothing(
    tiles: tuple[np.ndarray, np.ndarray],
) -> None:
    s1, s2 = tiles
    s2[..., 10] = 9
    assert measure_place("a", s1, s2).values["S2 correlations"]["B10 B11"] == 0


def test_sensors_are_related_over_blocks_where_speckle_is_averaged(
    tiles: tuple[np.ndarray, np.ndarray],
) -> None:
    s1, s2 = tiles
    rows = np.repeat(np.arange(4), 8)[None, :, None]
    s2[..., 0] = 1000 + 100 * rows
    s1[..., 0] = 2.0 * rows + np.where(np.arange(TILE_PX) % 2, 3.0, -3.0)
    pixels = np.corrcoef(s1[..., 0].ravel(), s2[..., 0].ravel())[0, 1]
    assert pixels < 0.7
    cross = measure_place("a", s1, s2).values["S1-S2 correlations"]
    assert cross["VV B01"] == pytest.approx(1)


def test_histograms_are_shares_of_pixels_a_decibel(
    tiles: tuple[np.ndarray, np.ndarray],
) -> None:
    s1, s2 = tiles
    s1[..., 0] = -12.5
    s1[..., 1] = -80  # beyond the limits
    histograms = measure_place("a", s1, s2).histograms
    assert histograms["VV"][32] == 1
    assert histograms["VH"][0] == 1


def test_percentiles_are_told_from_the_median(
    tiles: tuple[np.ndarray, np.ndarray],
) -> None:
    s1, s2 = tiles
    s1[..., 0] = np.linspace(-20, -10, s1[..., 0].size).reshape(SHAPE)
    found = measure_place("a", s1, s2).values["S1 histogram"]
    assert found["VV p10 from median"] == pytest.approx(-4, abs=0.01)
    assert found["VV p99 from median"] == pytest.approx(4.9, abs=0.01)


def test_the_matrix_holds_every_pair_both_ways(
    tiles: tuple[np.ndarray, np.ndarray],
) -> None:
    values = measure_place("a", *tiles).values
    matrix = correlation_matrix(values)
    np.testing.assert_array_equal(matrix, matrix.T)
    np.testing.assert_array_equal(np.diag(matrix), 1)
    row, column = BANDS.index("VH"), BANDS.index("B09")
    assert matrix[row, column] == values["S1-S2 correlations"]["VH B09"]


def test_a_band_that_a_source_lacks_is_refused(
    tiles: tuple[np.ndarray, np.ndarray],
) -> None:
    s1, s2 = tiles
    s2[..., 10] = 0
    with pytest.raises(ValueError, match=r"place a must have all bands, B10 are 0"):
        measure_place("a", s1, s2)


def test_rounding_keeps_four_digits(tiles: tuple[np.ndarray, np.ndarray]) -> None:
    place = measure_place("a", *tiles)
    short = rounded(place)
    assert short.values["means"]["B02"] == float(f"{place.values['means']['B02']:.4g}")
    assert short.values.keys() == place.values.keys()
    assert len(short.spectra["VV"]) == TILE_PX // 2
