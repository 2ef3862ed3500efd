import numpy as np
import pytest
from scipy import ndimage

from sentinel_fusion.metrics.speckle import speckle_measures

SIZE, LOOKS = 32, 4.0


def _pixels(speckle: np.ndarray) -> np.ndarray:
    """VV and VH with the same speckle, Sentinel-2 even but for a bright half."""
    pixels = np.full((*speckle.shape, 15), 1000.0)
    pixels[..., :2] = 10 * np.log10(speckle)[..., None] - 15
    return pixels


def _gamma(tiles: int = 300) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.gamma(LOOKS, 1 / LOOKS, (tiles, SIZE, SIZE))


def test_looks_are_those_of_the_gamma_distribution() -> None:
    found = speckle_measures(_pixels(_gamma()))
    assert found["VV looks"] == pytest.approx(LOOKS, rel=0.1)
    assert found["VH looks"] == found["VV looks"]


def test_independent_speckle_has_unlike_neighbours() -> None:
    found = speckle_measures(_pixels(_gamma()))
    assert abs(found["VV neighbours in rows"]) < 0.05
    assert abs(found["VV neighbours in columns"]) < 0.05


def test_blur_along_columns_makes_neighbours_in_columns_alike() -> None:
    blurred = ndimage.uniform_filter1d(_gamma(), 2, axis=2)
    found = speckle_measures(_pixels(blurred))
    assert found["VV neighbours in columns"] == pytest.approx(0.5, abs=0.07)
    assert abs(found["VV neighbours in rows"]) < 0.05


def test_only_windows_that_sentinel_2_sees_as_even_are_used() -> None:
    rng = np.random.default_rng(1)
    pixels = _pixels(_gamma(tiles=20))
    # 2 of 20 tiles are even ground; elsewhere radar and optics vary wildly
    pixels[2:, ..., 2:] += rng.uniform(0, 2000, pixels[2:, ..., 2:].shape)
    pixels[2:, ..., :2] += rng.normal(0, 20, pixels[2:, ..., :2].shape)
    assert speckle_measures(pixels)["VV looks"] == pytest.approx(LOOKS, rel=0.3)
