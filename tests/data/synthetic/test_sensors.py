from dataclasses import replace

import numpy as np
import pytest

from sentinel_fusion.bands import S2_BANDS
from sentinel_fusion.data.synthetic import radar
from sentinel_fusion.data.synthetic.land_cover import (
    GRASSLAND,
    WATER,
    LandMap,
    draw_land_map,
)
from sentinel_fusion.data.synthetic.optics import render_optics
from sentinel_fusion.data.synthetic.place import Place, draw_place
from sentinel_fusion.data.synthetic.radar import LOOKS, render_radar
from sentinel_fusion.data.synthetic.surface import Surface, draw_surface

SHAPE = (96, 96)
SWIR = S2_BANDS.index("B12")
NEAR_INFRARED = S2_BANDS.index("B08")


def _ground(cover: int) -> tuple[Surface, LandMap, Place]:
    """A flat bare place of one class without any variation."""
    rng = np.random.default_rng(1)
    place = draw_place("fall", rng)
    land = draw_land_map(place, SHAPE, rng)
    land = replace(
        land,
        cover=np.full(SHAPE, cover, np.uint8),
        terrain=np.zeros(SHAPE, np.float32),
        streets=np.zeros(SHAPE, bool),
    )
    surface = draw_surface(land, place, rng)
    values = {name: np.zeros(SHAPE, np.float32) for name in vars(surface)}
    values["moisture"] += 0.15
    values["roughness_cm"] += 1
    values["flooded"] += cover == WATER
    return Surface(**values), land, place


def _radar(surface: Surface, land: LandMap, place: Place) -> np.ndarray:
    decibel = render_radar(surface, land, place, np.random.default_rng(2))
    return np.asarray(10 ** (decibel.astype(np.float64) / 10))


def _optics(surface: Surface, land: LandMap, place: Place) -> np.ndarray:
    counts = render_optics(surface, land, place, np.random.default_rng(2))
    return np.asarray(counts.astype(np.float64).mean(axis=(1, 2)))


@pytest.fixture
def even_power(monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """Radar power over ground that is the same everywhere."""
    monkeypatch.setattr(radar, "STRUCTURE_DB", (0.0, 0.0))
    return _radar(*_ground(GRASSLAND))


def test_speckle_has_the_looks_of_the_product(even_power: np.ndarray) -> None:
    looks = even_power.mean(axis=(1, 2)) ** 2 / even_power.var(axis=(1, 2))
    np.testing.assert_allclose(looks, LOOKS, rtol=0.15)


def test_speckle_is_alike_in_neighbours_only(even_power: np.ndarray) -> None:
    speckle = even_power - even_power.mean(axis=(1, 2), keepdims=True)
    variance = (speckle**2).mean()
    for lag_px, low, high in ((1, 0.6, 0.8), (2, 0.1, 0.35), (6, -0.1, 0.1)):
        likeness = (speckle[:, :, lag_px:] * speckle[:, :, :-lag_px]).mean() / variance
        assert low < likeness < high


def test_polarisations_have_their_own_speckle(even_power: np.ndarray) -> None:
    assert abs(np.corrcoef(even_power.reshape(2, -1))[0, 1]) < 0.1


def test_leaf_water_darkens_the_short_wave_infrared_alone() -> None:
    surface, land, place = _ground(GRASSLAND)
    wet = replace(surface, water=surface.water + np.float32(1))
    ratio = _optics(wet, land, place) / _optics(surface, land, place)
    assert ratio[SWIR] < 0.85
    assert ratio[NEAR_INFRARED] == pytest.approx(1)


def test_wet_soil_is_brighter_to_the_radar() -> None:
    surface, land, place = _ground(GRASSLAND)
    wet = replace(surface, moisture=surface.moisture + np.float32(0.2))
    gain = _radar(wet, land, place).mean() / _radar(surface, land, place).mean()
    assert 10 * np.log10(gain) == pytest.approx(4.4, abs=0.5)


def test_wet_soil_is_darker_in_the_short_wave_infrared() -> None:
    surface, land, place = _ground(GRASSLAND)
    wet = replace(surface, moisture=surface.moisture + np.float32(0.2))
    assert _optics(wet, land, place)[SWIR] < 0.85 * _optics(surface, land, place)[SWIR]


def test_rough_soil_is_brighter_to_the_radar() -> None:
    surface, land, place = _ground(GRASSLAND)
    rough = replace(surface, roughness_cm=surface.roughness_cm * 2)
    assert _radar(rough, land, place).mean() > _radar(surface, land, place).mean()


def test_leaves_brighten_near_infrared_and_cross_polarisation() -> None:
    surface, land, place = _ground(GRASSLAND)
    leafy = replace(surface, leaf_area=surface.leaf_area + np.float32(4))
    greener = _optics(leafy, land, place) / _optics(surface, land, place)
    assert greener[NEAR_INFRARED] > 1.2
    assert _radar(leafy, land, place)[1].mean() > _radar(surface, land, place)[1].mean()


def test_more_wind_makes_water_brighter() -> None:
    surface, land, place = _ground(WATER)
    calm = _radar(surface, land, replace(place, wind_m_s=2.0))
    windy = _radar(surface, land, replace(place, wind_m_s=8.0))
    assert (windy.mean(axis=(1, 2)) > calm.mean(axis=(1, 2))).all()


def test_buildings_outshine_soil() -> None:
    surface, land, place = _ground(GRASSLAND)
    town = replace(surface, built=surface.built + np.float32(0.5))
    gain = _radar(town, land, place).mean() / _radar(surface, land, place).mean()
    assert 10 * np.log10(gain) > 3


def test_coarse_bands_repeat_their_blocks() -> None:
    surface, land, place = _ground(GRASSLAND)
    counts = render_optics(surface, land, place, np.random.default_rng(2))
    coarse = counts[S2_BANDS.index("B09")]
    assert (coarse[:6, :6] == coarse[0, 0]).all()
    assert (coarse[6:12, :6] == coarse[6, 0]).all()
