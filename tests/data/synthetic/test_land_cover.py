from dataclasses import replace

import numpy as np
import pytest

from sentinel_fusion.classes import NUM_CLASSES
from sentinel_fusion.data.synthetic.land_cover import URBAN, WATER, draw_land_map
from sentinel_fusion.data.synthetic.place import LANDSCAPES, Place, draw_place


def _place(landscape: str, rng: np.random.Generator) -> Place:
    shares = np.array(LANDSCAPES[landscape].cover_shares)
    place = draw_place("summer", rng)
    return replace(place, landscape=landscape, cover_shares=shares)


@pytest.mark.parametrize("landscape", LANDSCAPES)
def test_map_has_the_shares_of_its_place(
    landscape: str, rng: np.random.Generator
) -> None:
    place = _place(landscape, rng)
    cover = draw_land_map(place, (256, 256), rng).cover
    shares = np.bincount(cover.ravel(), minlength=NUM_CLASSES) / cover.size
    np.testing.assert_allclose(shares, place.cover_shares, atol=0.05)


def test_a_river_crosses_every_scene(rng: np.random.Generator) -> None:
    cover = draw_land_map(_place("agricultural", rng), (128, 128), rng).cover
    wet = cover == WATER
    assert max(wet.any(axis=0).mean(), wet.any(axis=1).mean()) > 0.6


def test_streets_lie_on_land(rng: np.random.Generator) -> None:
    land = draw_land_map(_place("urban", rng), (128, 128), rng)
    assert not (land.streets & (land.cover == WATER)).any()
    assert 0.05 < land.streets[land.cover == URBAN].mean() < 0.5
