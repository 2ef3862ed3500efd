from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import pytest

from sentinel_fusion.metrics import multi_label, segmentation, single_label
from sentinel_fusion.metrics.evidence import Part
from sentinel_fusion.metrics.scores import (
    confusion_rows,
    headline_summary,
    score_predictions,
)

SPLITS = ("val", "test")
FOREST, WATER = np.eye(8)[[0, 7]]


def _score(members: Sequence[pd.DataFrame], task: str) -> dict[str, float]:
    """Scores of the parts in which a cell would have written the tables."""
    parts: list[Part] = [
        ("frozen", 0, [table[table["split"] == split] for table in members])
        for split in SPLITS
    ]
    ((_, _, scores),) = score_predictions(parts, task)
    return scores


def _table(probability: np.ndarray, majority: list[int]) -> pd.DataFrame:
    """The same tiles and predictions for test and validation."""
    columns = single_label.prediction_columns(probability, np.array(majority))
    names = [f"tile-{row}" for row in range(len(columns))]
    columns = columns.assign(tile_id=names, place_id=names)
    return pd.concat([columns.assign(split=split) for split in SPLITS])


def _scores() -> pd.DataFrame:
    """Forest and water; seed 0 finds both, seed 1 finds the forest alone."""
    rows = [
        ("finetuned", seed, metric, value)
        for seed, predicted in ((0, [0, 7]), (1, [0, 0]))
        for metric, value in _score(
            [_table(np.eye(8)[predicted], [0, 7])], "single_label"
        ).items()
    ]
    return pd.DataFrame(rows, columns=["use", "seed", "metric", "value"])


SCORES = _scores()


def test_every_seed_is_scored_by_itself() -> None:
    aa = SCORES[SCORES["metric"] == "aa"].set_index("seed")["value"]
    assert aa.to_dict() == {0: 1.0, 1: 0.5}


def test_test_tiles_alone_are_scored() -> None:
    table = _table(np.stack([FOREST, FOREST]), [0, 7])
    table.loc[table["split"] == "val", "majority"] = 0
    assert _score([table], "single_label")["aa"] == 0.5


def test_the_headline_is_the_mean_over_seeds_with_its_spread() -> None:
    summary = headline_summary(SCORES, "single_label")["finetuned"]
    assert (summary["aa"], summary["aa_sd"]) == (0.75, 0.25)


def test_the_headline_holds_numbers_only() -> None:
    summary = headline_summary(SCORES, "single_label")["finetuned"]
    assert all(np.isfinite(value) for value in summary.values())


@pytest.mark.parametrize(("predicted", "count"), [("water", 1), ("forest", 1)])
def test_confusion_has_a_row_a_tile_and_seed(predicted: str, count: int) -> None:
    rows = confusion_rows(SCORES, "finetuned")
    water = rows[rows["actual"] == "water"]
    assert (water["predicted"] == predicted).sum() == count


def test_an_ensemble_is_scored_by_mean_probability() -> None:
    # one arm leans to the wrong class, the other is surer of the right one
    leaning = np.stack([0.4 * FOREST + 0.6 * WATER, 0.4 * FOREST + 0.6 * WATER])
    sure = np.stack([0.9 * FOREST + 0.1 * WATER, 0.1 * FOREST + 0.9 * WATER])
    members = [_table(probability, [0, 7]) for probability in (leaning, sure)]
    assert _score(members[:1], "single_label")["aa"] == 0.5
    assert _score(members, "single_label")["aa"] == 1


def test_an_ensemble_has_every_score_of_its_mean_probabilities() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.dirichlet(np.ones(8), (2, 30))
    wanted = rng.integers(0, 8, 30)
    members = [_table(p, wanted.tolist()) for p in (first, second)]
    mean = (first + second) / 2
    counts = single_label.reduce(mean, wanted)
    expected = single_label.score(counts, counts)
    assert _score(members, "single_label") == pytest.approx(expected)


def test_an_ensembles_threshold_comes_from_mean_validation_probabilities() -> None:
    present = np.tile(np.array([[1], [0]]), 8)
    members = []
    for high in (0.6, 0.9):
        columns = multi_label.prediction_columns(present * high, present)
        tables = [
            columns.assign(tile_id=["a", "b"], place_id="x", split=s) for s in SPLITS
        ]
        members.append(pd.concat(tables))
    members[1][[f"p{c}" for c in range(8)]] += 0.1 * (1 - np.tile(present, (2, 1)))
    # present 0.75, absent 0.05
    scores = _score(members, "multi_label")
    assert (scores["threshold"], scores["macro_f1"]) == pytest.approx((0.5, 1))


def test_an_ensemble_of_maps_is_scored_by_mean_probability() -> None:
    wanted = np.array([[[0, 7]]], np.uint8)
    members = []
    for water in (100, 200):
        pixels = np.stack([(255 - water) * FOREST + water * WATER] * 2)
        probability = pixels.astype(np.uint8).reshape(1, 1, 2, 8)
        columns = segmentation.prediction_columns(probability, wanted)
        tables = [
            columns.assign(tile_id="a", place_id="x", split=split) for split in SPLITS
        ]
        members.append(pd.concat(tables))
    # forest 155 and 55, water 100 and 200: water by the mean everywhere
    scores = _score(members, "segmentation")
    assert (scores["oa"], scores["confusion_forest_water"]) == (0.5, 1)


def _reversed(table: pd.DataFrame) -> pd.DataFrame:
    return table.iloc[::-1]


def _shortened(table: pd.DataFrame) -> pd.DataFrame:
    return table.iloc[1:]


def _renamed(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(tile_id="other")


@pytest.mark.parametrize("change", [_reversed, _shortened, _renamed])
def test_members_on_other_tiles_are_refused(
    change: Callable[[pd.DataFrame], pd.DataFrame],
) -> None:
    table = _table(np.stack([FOREST, WATER]), [0, 7])
    with pytest.raises(ValueError, match="must have predicted the same tiles"):
        _score([table, change(table)], "single_label")
