import importlib

import numpy as np
import pandas as pd
import pytest

from sentinel_fusion.metrics.bootstrap import Sample, mix, place_weights, resample
from sentinel_fusion.metrics.place_counts import count_places
from sentinel_fusion.metrics.scores import score_predictions

RNG = np.random.default_rng(0)
TILES, PLACES, DRAWS = 24, 4, 6
WEIGHTS = place_weights(PLACES, DRAWS, 0)


def _columns(task: str) -> pd.DataFrame:
    """Random predictions of the task."""
    metrics = importlib.import_module(f"sentinel_fusion.metrics.{task}")
    arrays: tuple[np.ndarray, np.ndarray]
    if task == "single_label":
        arrays = RNG.dirichlet(np.ones(8), TILES), RNG.integers(0, 8, TILES)
    elif task == "multi_label":
        arrays = RNG.random((TILES, 8)), RNG.integers(0, 2, (TILES, 8))
    else:
        pixels = RNG.integers(0, 256, (TILES, 2, 3, 8)).astype(np.uint8)
        wanted = RNG.integers(0, 8, (TILES, 2, 3)).astype(np.uint8)
        wanted[RNG.random(wanted.shape) < 0.2] = 255
        arrays = pixels, wanted
    table: pd.DataFrame = metrics.prediction_columns(*arrays)
    return table


def _table(task: str) -> pd.DataFrame:
    """Test tiles of four places in turn, and some validation tiles."""
    place = [f"place-{tile % PLACES}" for tile in range(TILES)]
    test = _columns(task).assign(split="test", place_id=place)
    val = _columns(task).assign(split="val", place_id="other")
    table = pd.concat([test, val], ignore_index=True)
    return table.assign(tile_id=[str(row) for row in range(len(table))])


def _score_of(table: pd.DataFrame, task: str, times: np.ndarray) -> dict[str, float]:
    """Scores with the tiles of each place repeated, by way of the predictions."""
    test = table[table["split"] == "test"]
    parts = [
        test[test["place_id"] == f"place-{place}"]
        for place, count in enumerate(times)
        for _ in range(int(count))
    ]
    val = table[table["split"] == "val"]
    table = pd.concat([*parts, val])
    ((_, _, scores),) = score_predictions([("frozen", 0, [table])], task)
    return scores


@pytest.mark.parametrize("task", ["single_label", "multi_label", "segmentation"])
def test_a_draw_is_the_score_of_its_tiles_counted_again_and_again(task: str) -> None:
    metrics = importlib.import_module(f"sentinel_fusion.metrics.{task}")
    tables = [_table(task), _table(task)]
    parts = [("frozen", seed, [table]) for seed, table in enumerate(tables)]
    counts = count_places(parts, task)["frozen"].counts
    samples = resample(counts, metrics.count_scores, WEIGHTS)
    for seed, table in enumerate(tables):
        whole = _score_of(table, task, np.ones(PLACES))
        drawn = [_score_of(table, task, times) for times in WEIGHTS]
        without = [_score_of(table, task, times) for times in 1 - np.eye(PLACES)]
        for name, sample in samples.items():
            assert sample.values[seed] == pytest.approx(whole[name])
            assert sample.draws[seed] == pytest.approx([d[name] for d in drawn])
            assert sample.left_out[seed] == pytest.approx([w[name] for w in without])


def test_as_many_places_are_drawn_as_there_are() -> None:
    assert place_weights(7, 50, 1).sum(axis=1).tolist() == [7] * 50


def test_every_place_is_drawn_once_on_average() -> None:
    means = place_weights(5, 20_000, 1).mean(axis=0)
    assert means == pytest.approx(np.ones(5), abs=0.03)


def test_the_same_seed_draws_the_same_places() -> None:
    assert np.array_equal(place_weights(5, 9, 3), place_weights(5, 9, 3))
    assert not np.array_equal(place_weights(5, 9, 3), place_weights(5, 9, 4))


def _sample(offset: float) -> Sample:
    return Sample(
        np.array([0.1, 0.2]) + offset,
        np.arange(6.0).reshape(2, 3) + offset,
        np.arange(4.0).reshape(2, 2) + offset,
    )


def test_a_difference_pairs_seeds_draws_and_places() -> None:
    gain = _sample(0.5) - _sample(0.2)
    for part in (gain.values, gain.draws, gain.left_out):
        assert part == pytest.approx(np.full_like(part, 0.3))


def test_a_mixture_runs_from_the_first_to_the_second() -> None:
    mixed = mix(_sample(0), _sample(1), np.array([0, 0.25, 1]))
    for share, values, draws, left_out in zip(
        (0, 0.25, 1), mixed.values, mixed.draws, mixed.left_out, strict=True
    ):
        assert values == pytest.approx(_sample(share).values)
        assert draws == pytest.approx(_sample(share).draws)
        assert left_out == pytest.approx(_sample(share).left_out)
