"""Simulated places against the five real ones whose measures are kept."""

import json
from pathlib import Path

import pandas as pd
import pytest
from tests.data.synthetic.conftest import simulate_places

from sentinel_fusion.bands import S1_BANDS, S2_BANDS
from sentinel_fusion.metrics.place_measures import (
    TILE_PX,
    PlaceMeasures,
    measure_place,
)
from sentinel_fusion.metrics.realism import POOLED, compare_places

KEPT = Path(__file__).parents[3] / "src/sentinel_fusion/report/real_places.json"
pytestmark = pytest.mark.slow


def _measure(side_px: int, num_places: int) -> list[PlaceMeasures]:
    side = side_px // TILE_PX
    split = (side, TILE_PX, side, TILE_PX, -1)
    return [
        measure_place(
            str(number),
            *(
                raster.reshape(split).swapaxes(1, 2).reshape(-1, TILE_PX, TILE_PX, n)
                for raster, n in ((scene.s1, 2), (scene.s2, 13))
            ),
        )
        for number, scene in enumerate(simulate_places(5, num_places, side_px))
    ]


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    real = json.loads(KEPT.read_text())["places"]
    nothing = {band: (0.0, 0.0) for band in (*S1_BANDS, *S2_BANDS)}
    table = compare_places(
        _measure(256, 40), [PlaceMeasures(**place) for place in real], [nothing]
    )
    return table[table["group"] != POOLED]


def test_most_measures_lie_inside_the_spread_of_real_places(
    table: pd.DataFrame,
) -> None:
    shares = table.groupby("group")["inside"].mean()
    assert table["inside"].mean() > 0.85
    assert shares.min() >= 0.6


def test_most_real_places_lie_among_the_simulated_ones(table: pd.DataFrame) -> None:
    # places drawn from the same world would lie between the percentiles in 90 %
    assert table["covered"].mean() > 0.75
