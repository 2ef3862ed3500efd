"""Predictions that come in parts give what they give at once."""

import importlib
from itertools import product

import numpy as np
import pandas as pd
import pytest

from sentinel_fusion.classes import IGNORE_INDEX
from sentinel_fusion.metrics.cell_quality import measure
from sentinel_fusion.metrics.evidence import Evidence, Part, runs
from sentinel_fusion.metrics.place_counts import count_places
from sentinel_fusion.metrics.scores import score_predictions

TASKS = ("single_label", "multi_label", "segmentation")
TILES, TILES_A_PLACE, BINS = 24, 5, 15
RUNS = tuple(product(("finetuned", "frozen"), (3, 4)))
CASES = [pytest.param(task, n, id=f"{task}-{n}") for task in TASKS for n in (1, 2)]


def _table(task: str, split: str, number: int) -> pd.DataFrame:
    """Predictions by an arm; the targets are those of every arm."""
    metrics = importlib.import_module(f"sentinel_fusion.metrics.{task}")
    rng, fixed = np.random.default_rng(number), np.random.default_rng(0)
    arrays: tuple[np.ndarray, np.ndarray]
    if task == "single_label":
        shares = rng.dirichlet(np.ones(8), TILES).astype(np.float32)
        arrays = shares, fixed.integers(0, 8, TILES)
    elif task == "multi_label":
        shares = rng.random((TILES, 8)).astype(np.float32)
        arrays = shares, fixed.integers(0, 2, (TILES, 8))
    else:
        wanted = fixed.integers(0, 8, (TILES, 3, 4)).astype(np.uint8)
        wanted[fixed.random(wanted.shape) < 0.2] = IGNORE_INDEX
        wanted[3] = IGNORE_INDEX
        arrays = rng.integers(0, 256, (TILES, 3, 4, 8)).astype(np.uint8), wanted
    columns: pd.DataFrame = metrics.prediction_columns(*arrays)
    places = [f"place-{9 - tile // TILES_A_PLACE}" for tile in range(TILES)]
    ids = [f"{split}-{tile}" for tile in range(TILES)]
    return columns.assign(split=split, place_id=places, tile_id=ids)


def _parts(task: str, num_members: int, tiles_a_part: int) -> list[Part]:
    parts: list[Part] = []
    for (use, seed), split in product(RUNS, ("val", "test")):
        numbers = [1000 * seed + 10 * len(use) + n for n in range(num_members)]
        members = [_table(task, split, number) for number in numbers]
        for start in range(0, TILES, tiles_a_part):
            rows = slice(start, start + tiles_a_part)
            parts.append((use, seed, [table[rows] for table in members]))
    return parts


@pytest.mark.parametrize("tiles_a_part", [1, 7])
@pytest.mark.parametrize(("task", "num_members"), CASES)
def test_scores_of_parts_are_those_of_all_tiles_at_once(
    task: str, num_members: int, tiles_a_part: int
) -> None:
    once, ours = (
        list(score_predictions(_parts(task, num_members, n), task))
        for n in (TILES, tiles_a_part)
    )
    assert ours == once
    assert [(use, seed) for use, seed, _ in ours] == list(RUNS)


@pytest.mark.parametrize("tiles_a_part", [1, 7])
@pytest.mark.parametrize(("task", "num_members"), CASES)
def test_counts_by_place_of_parts_are_those_of_all_tiles_at_once(
    task: str, num_members: int, tiles_a_part: int
) -> None:
    once, ours = (
        count_places(_parts(task, num_members, n), task) for n in (TILES, tiles_a_part)
    )
    for use, found in ours.items():
        assert np.array_equal(found.counts, once[use].counts)
        assert found.places == once[use].places
        assert (found.seeds, found.val_score) == ((3, 4), once[use].val_score)


@pytest.mark.parametrize("tiles_a_part", [1, 7])
@pytest.mark.parametrize(("task", "num_members"), CASES)
def test_calibration_of_parts_is_that_of_all_tiles_at_once(
    task: str, num_members: int, tiles_a_part: int
) -> None:
    once, ours = (
        measure(_parts(task, num_members, n), task, BINS) for n in (TILES, tiles_a_part)
    )
    for use, found in ours.items():
        for curves, expected in (
            (found.top, once[use].top),
            (found.by_class, once[use].by_class),
        ):
            assert np.array_equal(curves.count, expected.count)
            assert np.array_equal(curves.right, expected.right)
            assert curves.confidence == pytest.approx(expected.confidence)
        assert np.array_equal(found.counts, once[use].counts)


@pytest.mark.parametrize("task", ["single_label", "segmentation"])
def test_what_is_kept_of_a_place_does_not_grow_with_its_tiles(task: str) -> None:
    metrics = importlib.import_module(f"sentinel_fusion.metrics.{task}")
    few, many = (
        metrics.reduce(*metrics.from_predictions(_table(task, "test", 1)[:n]))
        for n in (2, TILES)
    )
    assert few.nbytes == many.nbytes


def test_tiles_are_taken_a_part_at_a_time() -> None:
    taken = []

    def watched() -> object:
        for part in _parts("segmentation", 2, 7):
            taken.append(part)
            yield part

    _, _, tiles = next(runs(watched(), "segmentation"))  # type: ignore[arg-type]
    next(tiles)
    assert len(taken) == 1


def test_test_places_stand_in_the_order_of_their_names() -> None:
    _, _, tiles = next(runs(_parts("single_label", 1, 7), "single_label"))
    places = Evidence("single_label", tiles).places
    assert places == ("place-5", "place-6", "place-7", "place-8", "place-9")
