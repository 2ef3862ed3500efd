"""Verdicts of simulated predictions of 30 places of 20 tiles, of three seeds."""

import numpy as np
import pandas as pd
import pytest

from sentinel_fusion.metrics import single_label
from sentinel_fusion.metrics.claims import FAILS, HOLDS, UNDECIDED, judge
from sentinel_fusion.metrics.comparisons import Point
from sentinel_fusion.metrics.place_counts import PlaceCounts, count_places
from sentinel_fusion.metrics.study import Study

SEEDS, PLACES, TILES = 3, 30, 600
MAJORITY = np.random.default_rng(0).integers(0, 8, TILES)


def _table(
    right: float, rng: np.random.Generator, num_places: int = PLACES
) -> pd.DataFrame:
    """A share of the tiles predicted right, the others as any class."""
    is_right = rng.random(TILES) < right
    predicted = np.where(is_right, MAJORITY, rng.integers(0, 8, TILES))
    columns = single_label.prediction_columns(np.eye(8)[predicted], MAJORITY)
    tiles = np.arange(TILES)
    columns = columns.assign(
        tile_id=tiles.astype(str), place_id=(tiles % num_places).astype(str)
    )
    return pd.concat([columns.assign(split=split) for split in ("test", "val")])


def _cell(right: float, seed: int, num_places: int = PLACES) -> PlaceCounts:
    rng = np.random.default_rng(seed)
    parts = [
        ("finetuned", number, [_table(right, rng, num_places)])
        for number in range(SEEDS)
    ]
    return count_places(parts, "single_label")["finetuned"]


def _claim(
    pretrained: float, supervised: float, num_places: int = PLACES
) -> dict[str, float | str]:
    cells: dict[Point, PlaceCounts] = {
        ("mma", "finetuned", 0.1): _cell(pretrained, 1, num_places),
        ("late", "finetuned", 1.0): _cell(supervised, 2, num_places),
        ("early", "finetuned", 1.0): _cell(supervised / 2, 3, num_places),
    }
    study = Study(cells, "single_label", draws=200, seed=0)
    best = study.best({"late", "early"}, 1.0, 0.95)
    assert best is not None
    return judge(study.samples, study.chance(0.1), {"mma"}, best)["mma"]["finetuned"]


@pytest.mark.parametrize(
    ("pretrained", "supervised", "verdict"),
    [
        pytest.param(0.8, 0.5, HOLDS, id="clearly better"),
        pytest.param(0.6, 0.6, UNDECIDED, id="equal"),
        pytest.param(0.5, 0.8, FAILS, id="clearly worse"),
        pytest.param(0.0, 0.6, FAILS, id="at chance"),
        pytest.param(0.0, 0.0, FAILS, id="both at chance"),
    ],
)
def test_the_verdict_follows_the_scores(
    pretrained: float, supervised: float, verdict: str
) -> None:
    assert _claim(pretrained, supervised)["verdict"] == verdict


@pytest.mark.parametrize(("pretrained", "supervised"), [(0.9, 0.2), (0.0, 0.9)])
def test_one_test_place_decides_nothing(pretrained: float, supervised: float) -> None:
    claim = _claim(pretrained, supervised, num_places=1)
    assert (claim["verdict"], claim["low"], claim["high"]) == (UNDECIDED, -1, 1)


CLAIM = _claim(0.8, 0.5)


def test_the_difference_lies_in_its_interval() -> None:
    assert CLAIM["low"] < CLAIM["difference"] < CLAIM["high"]  # type: ignore[operator]


def test_the_reference_is_the_best_supervised_arm() -> None:
    assert CLAIM["reference"] == "late"


def test_chance_is_one_class_in_eight() -> None:
    assert CLAIM["chance"] == pytest.approx(1 / 8)
