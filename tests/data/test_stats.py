import numpy as np
import pytest

from sentinel_fusion.bands import BANDS, S1_NAN
from sentinel_fusion.data.stats import (
    HISTOGRAM_EDGES,
    PERCENTILES,
    BandHistograms,
    normalisation_of,
)

DTYPES = {"s1": np.int16, "s2": np.uint16}
UNITS = {"s1": 100, "s2": 1}
SENSORS = sorted(DTYPES)


def _tiles(sensor: str, seed: int = 0) -> np.ndarray:
    low, high = {"s1": (-3000, 500), "s2": (1, 12_000)}[sensor]
    shape = (3, 8, 8, len(BANDS[sensor]))
    return np.random.default_rng(seed).integers(low, high, shape, DTYPES[sensor])


def _summary(sensor: str, *blocks: np.ndarray) -> dict[str, dict[str, float]]:
    histograms = BandHistograms(sensor)
    for block in blocks:
        histograms.add(block)
    return histograms.summary()


@pytest.mark.parametrize("sensor", SENSORS)
def test_mean_and_deviation_are_numpy_s(sensor: str) -> None:
    tiles = _tiles(sensor)
    summary = _summary(sensor, tiles)
    values = tiles.reshape(-1, tiles.shape[-1]) / UNITS[sensor]
    means, deviations = values.mean(axis=0), values.std(axis=0)
    assert [s["mean"] for s in summary.values()] == pytest.approx(means, rel=1e-12)
    assert [s["sd"] for s in summary.values()] == pytest.approx(deviations, rel=1e-9)


@pytest.mark.parametrize("sensor", SENSORS)
def test_binned_pixels_are_numpy_s_histogram(sensor: str) -> None:
    tiles = _tiles(sensor)
    histograms = BandHistograms(sensor)
    histograms.add(tiles)
    edges = HISTOGRAM_EDGES[sensor]
    values = (tiles.reshape(-1, tiles.shape[-1]) / UNITS[sensor]).clip(edges[0])
    expected = [np.histogram(band, edges)[0].tolist() for band in values.T]
    assert list(histograms.binned().values()) == expected


def test_pixels_beyond_the_bins_are_in_the_outermost() -> None:
    histograms = BandHistograms("s1")
    histograms.add(np.array([-9900, 9900], np.int16).reshape(1, 1, 1, 2))
    found = histograms.binned()
    assert (found["VV"][0], found["VH"][-1]) == (1, 1)


@pytest.mark.parametrize("percent", PERCENTILES)
@pytest.mark.parametrize("sensor", SENSORS)
def test_percentiles_are_numpy_s_of_the_stored_values(
    sensor: str, percent: int
) -> None:
    tiles = _tiles(sensor)
    summary = _summary(sensor, tiles)
    values = tiles.reshape(-1, tiles.shape[-1]) / UNITS[sensor]
    expected = np.percentile(values, percent, axis=0, method="inverted_cdf")
    assert [s[f"p{percent}"] for s in summary.values()] == pytest.approx(expected)


@pytest.mark.parametrize("sensor", SENSORS)
def test_bands_are_named_in_storage_order(sensor: str) -> None:
    assert tuple(_summary(sensor, _tiles(sensor))) == BANDS[sensor]


@pytest.mark.parametrize("sensor", SENSORS)
def test_blocks_add_up(sensor: str) -> None:
    one, two = _tiles(sensor, 1), _tiles(sensor, 2)
    assert _summary(sensor, one, two) == _summary(sensor, np.concatenate([one, two]))


def test_missing_radar_values_are_left_out_of_their_band_only() -> None:
    tiles = np.full((1, 2, 2, 2), -1000, np.int16)
    tiles[0, 0, 0, 0] = S1_NAN
    tiles[0, 0, 0, 1] = -2000
    summary = _summary("s1", tiles)
    assert summary["VV"]["mean"] == pytest.approx(-10)
    assert summary["VH"]["mean"] == pytest.approx(-12.5)


def test_missing_radar_values_of_an_earlier_block_stay_out() -> None:
    missing = np.full((1, 2, 2, 2), S1_NAN, np.int16)
    valid = np.full((1, 2, 2, 2), -1000, np.int16)
    assert _summary("s1", missing, valid) == _summary("s1", valid)


def test_optical_pixel_of_zeros_is_left_out_and_a_single_zero_is_not() -> None:
    tiles = np.full((1, 1, 3, 13), 600, np.uint16)
    tiles[0, 0, 0] = 0
    tiles[0, 0, 1, 4] = 0
    summary = _summary("s2", tiles)
    assert summary["B01"]["mean"] == pytest.approx(600)
    assert summary["B05"]["mean"] == pytest.approx(300)


def test_no_tile_in_a_block_changes_nothing() -> None:
    tiles = _tiles("s2")
    assert _summary("s2", tiles[:0], tiles) == _summary("s2", tiles)


def test_band_without_a_valid_pixel_is_refused() -> None:
    with pytest.raises(ValueError, match="VV needs at least 1 valid pixel, got 0"):
        _summary("s1", np.full((1, 2, 2, 2), S1_NAN, np.int16))


def test_normalisation_lists_mean_and_deviation_in_storage_order() -> None:
    summary = _summary("s2", _tiles("s2"))
    shuffled = dict(sorted(summary.items(), reverse=True))
    normalisation = normalisation_of({"s2": shuffled})
    assert normalisation.mean["s2"] == [summary[b]["mean"] for b in BANDS["s2"]]
    assert normalisation.sd["s2"] == [summary[b]["sd"] for b in BANDS["s2"]]


def test_constant_optical_band_has_deviation_1() -> None:
    tiles = np.full((1, 4, 4, 13), 1234, np.uint16)
    assert normalisation_of({"s2": _summary("s2", tiles)}).sd["s2"] == [1.0] * 13


@pytest.mark.parametrize("value", [-2993, -2979])
def test_constant_radar_band_has_deviation_1(value: int) -> None:
    tiles = np.full((1, 1, 3, 2), value, np.int16)
    assert normalisation_of({"s1": _summary("s1", tiles)}).sd["s1"] == [1.0, 1.0]
