import json

import numpy as np
import pandas as pd
import pytest

from sentinel_fusion.metrics.place_measures import BANDS, PlaceMeasures
from sentinel_fusion.metrics.realism import (
    COLUMNS,
    POOLED,
    compare_places,
    summarise_realism,
)

PUBLISHED = [
    {band: (100.0, 10.0) for band in BANDS},
    {band: (200.0, 30.0) for band in BANDS},
]


def _place(mean: float, looks: float, spread: float = 3.0) -> PlaceMeasures:
    values = {
        "means": dict.fromkeys(BANDS, mean),
        "spreads": dict.fromkeys(BANDS, spread),
        "speckle": {"VV looks": looks},
    }
    return PlaceMeasures("place", values, {}, {})


def _row(table: pd.DataFrame, group: str, measure: str) -> pd.Series:
    found = table[(table["group"] == group) & (table["measure"] == measure)]
    return found.iloc[0]


@pytest.fixture
def table() -> pd.DataFrame:
    synthetic = [_place(mean, looks=4.0) for mean in range(101)]
    real = [_place(40.0, looks=5.0), _place(60.0, looks=6.0), _place(99.0, looks=7.0)]
    return compare_places(synthetic, real, PUBLISHED)


def test_a_median_between_the_real_places_is_inside(table: pd.DataFrame) -> None:
    row = _row(table, "means", "B02")
    assert (row["synthetic_low"], row["synthetic_median"]) == (5, 50)
    assert (row["real_low"], row["real_high"]) == (40, 99)
    assert row["inside"]


def test_a_median_beyond_every_real_place_is_outside(table: pd.DataFrame) -> None:
    assert not _row(table, "speckle", "VV looks")["inside"]


def test_covered_is_the_share_of_real_places_among_the_synthetic(
    table: pd.DataFrame,
) -> None:
    assert _row(table, "means", "B02")["covered"] == pytest.approx(2 / 3)
    assert _row(table, "speckle", "VV looks")["covered"] == 0


def test_published_means_stand_beside_the_places(table: pd.DataFrame) -> None:
    assert _row(table, "means", "B02")["published"] == 100
    assert np.isnan(_row(table, "spreads", "B02")["published"])


def test_pooled_deviation_adds_what_places_differ_by() -> None:
    places = [_place(0.0, 4.0, spread=3.0), _place(8.0, 4.0, spread=3.0)]
    row = _row(compare_places(places, places, PUBLISHED), POOLED, "VV sd")
    assert row["synthetic_median"] == pytest.approx(5)  # sqrt(3^2 + 4^2)
    assert (row["real_low"], row["real_high"], row["published"]) == (10, 30, 10)
    assert not row["inside"]


def test_columns_are_those_promised(table: pd.DataFrame) -> None:
    assert list(table.columns) == COLUMNS
    assert table["inside"].dtype == bool


def test_numbers_are_shares_by_group(table: pd.DataFrame) -> None:
    numbers = summarise_realism(table, num_synthetic=101, num_real=3)
    assert numbers["measures"] == 15 + 15 + 1 + 30
    assert numbers["groups"]["means"] == {
        "measures": 15,
        "inside": 1.0,
        "covered": 0.6667,
    }
    assert numbers["groups"]["speckle"]["inside"] == 0
    assert "covered" not in numbers["groups"]["all_places"]
    assert "NaN" not in json.dumps(numbers)


def test_without_synthetic_places_nothing_is_compared() -> None:
    table = compare_places([], [_place(1.0, 4.0)], PUBLISHED)
    assert list(table.columns) == COLUMNS
    numbers = summarise_realism(table, num_synthetic=0, num_real=1)
    assert numbers == {"synthetic_places": 0, "real_places": 1}
