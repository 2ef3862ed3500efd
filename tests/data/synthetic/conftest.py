import numpy as np
import pytest

from sentinel_fusion.data.synthetic.place import SEASONS
from sentinel_fusion.data.synthetic.scene import Scene, simulate_scene


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def scenes() -> list[Scene]:
    return simulate_places(seed=0, num_places=48, side_px=128)


def simulate_places(seed: int, num_places: int, side_px: int) -> list[Scene]:
    places = []
    for child in np.random.SeedSequence(seed).spawn(num_places):
        rng = np.random.default_rng(child)
        season = str(rng.choice(SEASONS))
        places.append(
            simulate_scene(height_px=side_px, width_px=side_px, season=season, rng=rng)
        )
    return places
