import numpy as np
import pytest

from sentinel_fusion.classes import NUM_CLASSES
from sentinel_fusion.data.synthetic.place import LANDSCAPES, SEASONS, draw_place


@pytest.mark.parametrize("name", LANDSCAPES)
def test_landscape_shares_add_up_to_one(name: str) -> None:
    shares = LANDSCAPES[name].cover_shares
    assert len(shares) == NUM_CLASSES
    assert sum(shares) == pytest.approx(1)


def test_landscape_frequencies_add_up_to_one() -> None:
    assert sum(kind.frequency for kind in LANDSCAPES.values()) == pytest.approx(1)


@pytest.mark.parametrize("season", SEASONS)
def test_state_stays_physical(season: str, rng: np.random.Generator) -> None:
    place = draw_place(season, rng)
    assert 0 < place.greenness <= 1
    assert 0 < place.moisture < 0.5
    assert 10 < place.sun_elevation_deg < 75


def test_unknown_season_is_refused(rng: np.random.Generator) -> None:
    with pytest.raises(ValueError, match=r"season must be one of spring.*'autumn'"):
        draw_place("autumn", rng)
