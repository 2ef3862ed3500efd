import numpy as np
import pytest

from sentinel_fusion.metrics.comparisons import Point
from sentinel_fusion.metrics.place_counts import PlaceCounts
from sentinel_fusion.metrics.study import Study

PLACES = ("a", "b", "c", "d")


def _cell(right: int, wrong: int, val_score: float) -> PlaceCounts:
    """Two seeds; places a little different."""
    place = np.array([[right, wrong], [wrong, right]])
    counts = np.stack(
        [np.stack([place + seed + n for n in range(4)]) for seed in (0, 1)]
    )
    return PlaceCounts(counts, (0, 1), PLACES, val_score)


CELLS: dict[Point, PlaceCounts] = {
    ("late", "finetuned", 1.0): _cell(8, 2, 0.5),
    ("early", "finetuned", 1.0): _cell(6, 4, 0.7),
    ("late", "frozen", 1.0): _cell(9, 1, 0.9),
    ("late", "finetuned", 0.1): _cell(9, 1, 0.9),
    ("mma", "finetuned", 0.1): _cell(9, 1, 0.9),
}
STUDY = Study(CELLS, "single_label", draws=50, seed=0)


def test_samples_are_of_the_headline_metric() -> None:
    (first, *_) = STUDY.samples.values()
    assert STUDY.metric == "aa"
    # sums of 4 places: 38 right and 14 wrong of seed 0, 42 and 18 of seed 1
    assert first.values == pytest.approx([38 / 52, 42 / 60])


def test_every_score_of_every_point_has_an_interval() -> None:
    table = STUDY.intervals(0.95)
    assert len(table) == len(CELLS) * 4
    assert set(table["metric"]) == {"aa", "oa", "macro_f1", "kappa"}
    assert (table["low"] <= table["mean"]).all()
    assert (table["mean"] <= table["high"]).all()


def test_an_interval_says_how_many_seeds_and_places_it_comes_from() -> None:
    table = STUDY.intervals(0.95)
    assert set(table["num_seeds"]) == {2}
    assert set(table["num_places"]) == {4}


def test_an_interval_ends_where_scores_do() -> None:
    table = STUDY.intervals(0.999999)
    lows = table.groupby("metric")["low"].min()
    assert table["high"].max() == 1
    assert lows["aa"] == 0
    assert -1 <= lows["kappa"] < 0


def test_the_best_is_a_supervised_arm_fine_tuned_with_the_fraction() -> None:
    best = STUDY.best({"late", "early"}, 1.0, 0.95)
    assert best is not None
    assert (best.arm, best.arm_on_val) == ("late", "early")


def test_a_supervised_arm_that_was_not_run_is_left_out() -> None:
    best = STUDY.best({"early", "s1"}, 1.0, 0.95)
    assert best is not None
    assert best.arm == "early"


def test_without_supervised_arms_there_is_no_best() -> None:
    assert STUDY.best({"s1"}, 1.0, 0.95) is None


def test_chance_is_looked_at_for_one_fraction() -> None:
    chance = STUDY.chance(0.1)
    assert list(chance) == [("late", "finetuned", 0.1), ("mma", "finetuned", 0.1)]
    assert chance["mma", "finetuned", 0.1].values == pytest.approx([0.5, 0.5])


def test_the_same_seed_gives_the_same_intervals() -> None:
    again = Study(CELLS, "single_label", draws=50, seed=0)
    assert again.intervals(0.95).equals(STUDY.intervals(0.95))
