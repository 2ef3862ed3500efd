import importlib

import numpy as np
import pandas as pd
import pytest

from sentinel_fusion.classes import CLASS_NAMES, IGNORE_INDEX, NUM_CLASSES
from sentinel_fusion.metrics import multi_label, segmentation, single_label
from sentinel_fusion.metrics.cell_quality import Quality, cell_rows, measure

Part = tuple[str, int, list[pd.DataFrame]]
TILES = {"val": 6, "test": 12}
TILES_A_PLACE = 3
BINS = 15


def _with_ids(columns: pd.DataFrame) -> pd.DataFrame:
    rows = np.arange(sum(TILES.values()))
    ids = {
        "tile_id": [f"tile-{row}" for row in rows],
        "place_id": [f"place-{row // TILES_A_PLACE}" for row in rows],
        "split": np.repeat(list(TILES), list(TILES.values())),
    }
    return pd.DataFrame(ids).join(columns)


def _predictions(task: str, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    count = sum(TILES.values())
    if task == "single_label":
        shares = rng.dirichlet(np.ones(NUM_CLASSES), count)
        columns = single_label.prediction_columns(
            shares, np.arange(count) % NUM_CLASSES
        )
    elif task == "multi_label":
        wanted = (np.arange(count)[:, None] + np.arange(NUM_CLASSES)) % 3 == 0
        columns = multi_label.prediction_columns(
            rng.random((count, NUM_CLASSES)), wanted.astype(int)
        )
    else:
        shares = rng.dirichlet(np.ones(NUM_CLASSES), (count, 4, 4))
        labels = np.arange(count * 16).reshape(count, 4, 4) % NUM_CLASSES
        labels[:, 0, 0] = IGNORE_INDEX
        columns = segmentation.prediction_columns(
            np.rint(255 * shares).astype(np.uint8), labels.astype(np.uint8)
        )
    return _with_ids(columns)


def _parts(task: str, use: str = "frozen") -> list[Part]:
    return [(use, seed, [_predictions(task, seed)]) for seed in (0, 1)]


def _measure(task: str) -> Quality:
    return measure(_parts(task), task, BINS)["frozen"]


TASKS = ("single_label", "multi_label", "segmentation")


def test_uses_are_kept_apart() -> None:
    parts = [*_parts("single_label"), *_parts("single_label", "finetuned")[:1]]
    found = measure(parts, "single_label", BINS)
    assert {use: len(q.counts) for use, q in found.items()} == {
        "frozen": 2,
        "finetuned": 1,
    }


def test_tiles_of_a_place_are_counted_together() -> None:
    assert _measure("single_label").counts.sum(axis=(2, 3)).tolist() == [[3] * 4] * 2


@pytest.mark.parametrize("task", TASKS)
def test_a_place_scores_as_its_tiles_do(task: str) -> None:
    module = importlib.import_module(f"sentinel_fusion.metrics.{task}")
    scores = []
    for _, _, (table,) in _parts(task):
        val = module.reduce(*module.from_predictions(table[table["split"] == "val"]))
        tiles = table[table["split"] == "test"]
        places = [
            module.reduce(*module.from_predictions(place))
            for _, place in tiles.groupby("place_id")
        ]
        scores.append(
            [module.score(place, val)[module.HEADLINE_METRIC] for place in places]
        )
    (row,) = cell_rows(_measure(task), task)["places"]
    places = np.mean(scores, axis=0)
    assert row["min"] == pytest.approx(places.min())
    assert row["q25"] == pytest.approx(np.quantile(places, 0.25))
    assert row["median"] == pytest.approx(np.median(places))
    assert row["max"] == pytest.approx(places.max())
    assert row["num_places"] == 4


def test_confusions_are_counts_of_the_likeliest_class() -> None:
    expected: dict[tuple[str, str], int] = {}
    for _, _, (table,) in _parts("single_label"):
        for row in table[table["split"] == "test"].to_dict("records"):
            shares = [row[f"p{code}"] for code in range(NUM_CLASSES)]
            pair = (CLASS_NAMES[row["majority"]], CLASS_NAMES[int(np.argmax(shares))])
            expected[pair] = expected.get(pair, 0) + 1
    rows = cell_rows(_measure("single_label"), "single_label")["confusion"]
    found = {(row["true"], row["predicted"]): row["count"] for row in rows}
    assert found == expected


def test_pixels_without_a_label_are_not_confused() -> None:
    rows = cell_rows(_measure("segmentation"), "segmentation")["confusion"]
    assert sum(int(row["count"]) for row in rows) == 2 * 12 * 15


def test_presence_counts_every_tile_once_a_class() -> None:
    rows = cell_rows(_measure("multi_label"), "multi_label")["presence"]
    assert [row["class"] for row in rows] == list(CLASS_NAMES)
    for row in rows:
        kinds = [int(row[k]) for k in ("found", "missed", "false_alarm", "rest")]
        assert sum(kinds) == 2 * 12
        assert row["found"] + row["missed"] == 2 * 4  # type: ignore[operator]


def test_presence_follows_the_threshold_of_the_validation_tiles() -> None:
    called = 0
    for _, _, (table,) in _parts("multi_label"):
        val, test = (
            multi_label.from_predictions(table[table["split"] == split])
            for split in ("val", "test")
        )
        called += int((test[0] >= multi_label.choose_threshold(*val)).sum())
    rows = cell_rows(_measure("multi_label"), "multi_label")["presence"]
    assert sum(int(row["found"]) + int(row["false_alarm"]) for row in rows) == called


@pytest.mark.parametrize("task", TASKS)
def test_a_task_has_confusions_or_presences(task: str) -> None:
    names = {"calibration", "reliability", "places"}
    kind = "presence" if task == "multi_label" else "confusion"
    assert set(cell_rows(_measure(task), task)) == {*names, kind}


def test_calibration_is_the_mean_over_seeds() -> None:
    seeds = [
        measure([part], "single_label", BINS)["frozen"]
        for part in _parts("single_label")
    ]
    each = [cell_rows(q, "single_label")["calibration"][0] for q in seeds]
    (both,) = cell_rows(_measure("single_label"), "single_label")["calibration"]
    for name, value in both.items():
        assert value == pytest.approx(np.mean([row[name] for row in each]))


def test_accuracy_is_the_share_of_right_predictions() -> None:
    quality = _measure("single_label")
    (row,) = cell_rows(quality, "single_label")["calibration"]
    confusion = quality.counts.sum(axis=(0, 1))
    assert row["accuracy"] == pytest.approx(np.trace(confusion) / confusion.sum())


def test_reliability_covers_all_predictions() -> None:
    rows = cell_rows(_measure("segmentation"), "segmentation")["reliability"]
    assert sum(float(row["share"]) for row in rows) == pytest.approx(1)
    for row in rows:
        number, confidence = int(row["bin"]), float(row["confidence"])
        assert (number - 1) / BINS < confidence <= number / BINS


def test_an_ensemble_of_equals_is_calibrated_as_one_of_them() -> None:
    table = _predictions("segmentation", 0)
    alone, both = (
        measure([("frozen", 0, [table] * members)], "segmentation", BINS)["frozen"]
        for members in (1, 2)
    )
    assert both.top.errors() == pytest.approx(alone.top.errors())
    assert both.by_class.errors() == pytest.approx(alone.by_class.errors())
