import numpy as np
import pytest

from sentinel_fusion.metrics.texture import (
    BAND_GROUPS,
    group_spectra,
    texture_measures,
)

SIZE = 32


def _tiles(image: np.ndarray, tiles: int = 2) -> np.ndarray:
    """The same image in every band and tile."""
    return np.broadcast_to(image[None, :, :, None], (tiles, SIZE, SIZE, 15)).copy()


def _noise(tiles: int = 40) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((tiles, SIZE, SIZE, 15))


@pytest.mark.parametrize("cycles", [3, 8, 15])
def test_a_wave_peaks_at_its_own_frequency(cycles: int) -> None:
    wave = np.sin(2 * np.pi * cycles * np.arange(SIZE) / SIZE)
    spectra = group_spectra(_tiles(np.broadcast_to(wave, (SIZE, SIZE))))
    assert spectra["VV"].argmax() + 1 == cycles


def test_white_noise_has_a_flat_spectrum() -> None:
    power = group_spectra(_noise())["S2 20 m"]
    assert power[1:].max() / power[1:].min() < 1.15


def test_a_flat_tile_has_no_power() -> None:
    spectra = group_spectra(_tiles(np.full((SIZE, SIZE), 7.0)))
    assert all((power == 0).all() for power in spectra.values())


def test_unit_and_offset_of_a_band_do_not_matter() -> None:
    noise = _noise(3)
    one, two = group_spectra(noise), group_spectra(5 + 1000 * noise)
    for group in BAND_GROUPS:
        np.testing.assert_allclose(one[group], two[group])


def test_the_slope_is_that_of_the_field() -> None:
    frequency = np.fft.fftfreq(256) * 256
    distance = np.maximum(np.hypot(frequency[:, None], frequency[None, :]), 1)
    phases = np.fft.fft2(np.random.default_rng(1).standard_normal((256, 256)))
    field = np.fft.ifft2(phases * distance**-1.5).real  # power falls as k^-3
    tiles = field.reshape(8, SIZE, 8, SIZE).swapaxes(1, 2).reshape(64, SIZE, SIZE, 1)
    pixels = np.broadcast_to(tiles, (64, SIZE, SIZE, 15))
    found = texture_measures(pixels, group_spectra(pixels))
    assert found["VH slope"] == pytest.approx(-3, abs=0.2)


def test_tiles_that_differ_only_in_level_have_no_variance_within() -> None:
    pixels = np.zeros((2, SIZE, SIZE, 15))
    pixels[1] = 1
    found = texture_measures(pixels, group_spectra(pixels))
    assert found["S2 10 m within tiles"] == 0


def test_white_noise_lies_within_tiles_and_is_mostly_fine() -> None:
    pixels = _noise()
    found = texture_measures(pixels, group_spectra(pixels))
    assert found["VV within tiles"] == pytest.approx(1, abs=0.01)
    # rings 9 to 16 of a square of 32: about 1 - 8.5^2 / 16.5^2
    assert found["VV fine share"] == pytest.approx(0.735, abs=0.02)
