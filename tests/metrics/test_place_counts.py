import numpy as np
import pandas as pd
import pytest

from sentinel_fusion.metrics import multi_label, single_label
from sentinel_fusion.metrics.place_counts import (
    PlaceCounts,
    count_places,
    require_paired,
)

FOREST, WATER = np.eye(8)[[0, 7]]


def _table(probability: list[np.ndarray], majority: list[int]) -> pd.DataFrame:
    """Test tiles of places b, a, b, and the same for validation."""
    columns = single_label.prediction_columns(np.stack(probability), np.array(majority))
    columns = columns.assign(tile_id=["0", "1", "2"], place_id=["b", "a", "b"])
    return pd.concat([columns.assign(split=split) for split in ("test", "val")])


TABLE = _table([FOREST, FOREST, WATER], [0, 7, 7])
CELL = count_places([("frozen", 3, [TABLE]), ("frozen", 5, [TABLE])], "single_label")


def test_places_stand_in_the_order_of_their_names() -> None:
    assert CELL["frozen"].places == ("a", "b")


def test_seeds_stand_in_the_order_read() -> None:
    assert CELL["frozen"].seeds == (3, 5)


def test_the_tiles_of_a_place_are_counted_together() -> None:
    a, b = CELL["frozen"].counts[0]
    assert (a.sum(), a[7, 0]) == (1, 1)
    assert (b.sum(), b[0, 0], b[7, 7]) == (2, 1, 1)


def test_every_use_has_counts_of_its_own() -> None:
    other = _table([WATER, WATER, WATER], [0, 7, 7])
    uses = count_places(
        [("frozen", 0, [TABLE]), ("finetuned", 0, [other])], "single_label"
    )
    assert [c.counts[0, :, 0, 0].sum() for c in uses.values()] == [1, 0]


def test_the_validation_score_is_the_mean_over_seeds() -> None:
    right = _table([FOREST, WATER, WATER], [0, 7, 7])
    parts = [("frozen", 0, [TABLE]), ("frozen", 1, [right])]
    cell = count_places(parts, "single_label")["frozen"]
    assert cell.val_score == pytest.approx((0.75 + 1) / 2)


def test_members_are_counted_by_mean_probability() -> None:
    sure = _table([FOREST, 0.2 * FOREST + 0.8 * WATER, WATER], [0, 7, 7])
    leaning = _table([FOREST, 0.6 * FOREST + 0.4 * WATER, WATER], [0, 7, 7])
    counts = count_places([("frozen", 0, [sure, leaning])], "single_label")["frozen"]
    assert counts.counts[0, 0, 7, 7] == 1


def test_the_threshold_comes_from_the_validation_tiles() -> None:
    present = np.tile(np.array([[1], [0]]), 8)
    columns = multi_label.prediction_columns(0.8 * present + 0.1, present)
    columns = columns.assign(tile_id=["a", "b"], place_id=["x", "y"])
    val = columns.assign(split="val")
    val[[f"p{code}" for code in range(8)]] += 0.05  # present 0.95, absent 0.15
    low = columns.assign(split="test")
    low[[f"p{code}" for code in range(8)]] *= 0.5  # present 0.45: called by none
    counts = count_places([("frozen", 0, [pd.concat([low, val])])], "multi_label")
    called = counts["frozen"].counts[0, :, 1]
    assert called.sum() == 0


def _cell(seeds: tuple[int, ...], places: tuple[str, ...]) -> PlaceCounts:
    counts = np.ones((len(seeds), len(places), 2, 2), np.int64)
    return PlaceCounts(counts, seeds, places, 0.5)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (_cell((0, 2), ("a", "b")), r"mma frozen 0\.1 must have the seeds of late"),
        (_cell((0, 1), ("a", "c")), r"mma frozen 0\.1 must have the places of late"),
    ],
)
def test_cells_of_other_seeds_or_places_are_refused(
    other: PlaceCounts, message: str
) -> None:
    cells = {
        ("late", "frozen", 0.1): _cell((0, 1), ("a", "b")),
        ("mma", "frozen", 0.1): other,
    }
    with pytest.raises(ValueError, match=message):
        require_paired(cells)


def test_cells_of_the_same_seeds_and_places_pass() -> None:
    cell = _cell((0, 1), ("a", "b"))
    require_paired({("late", "frozen", 0.1): cell, ("mma", "frozen", 0.1): cell})
