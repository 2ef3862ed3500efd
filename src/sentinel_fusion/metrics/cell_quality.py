"""Beyond a cell's score: calibration, confusions, and how places differ."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add

import numpy as np
from jaxtyping import Integer

from sentinel_fusion.classes import CLASS_NAMES
from sentinel_fusion.metrics.calibration import (
    Reliability,
    calibrate_classes,
    calibrate_presence,
    stack,
)
from sentinel_fusion.metrics.evidence import Evidence, Part, Tiles, runs
from sentinel_fusion.metrics.task_metrics import metrics_of

_QUANTILES = {"min": 0.0, "q25": 0.25, "median": 0.5, "q75": 0.75, "max": 1.0}
COLUMNS = {
    "calibration": ("ece", "classwise_ece", "mean_confidence", "accuracy"),
    "reliability": ("bin", "confidence", "accuracy", "share"),
    "confusion": ("true", "predicted", "count"),
    "presence": ("class", "found", "missed", "false_alarm", "rest"),
    "places": (*_QUANTILES, "num_places"),
}
"""Table -> its columns. Tasks with one class an item have rows in "confusion", those
whose classes are present or not in "presence"."""
Row = dict[str, float | str]
_Seed = tuple[Reliability, Reliability, np.ndarray]
"""What ``Quality`` holds, of one seed."""


@dataclass(frozen=True)
class Quality:
    """What one use of an arm did on the test tiles.

    Args:
        top: Curve of its predictions, one a seed.
        by_class: Curves of every class, likewise.
        counts: Counts of each seed and test place, what the task's scores are
            functions of.
    """

    top: Reliability
    by_class: Reliability
    counts: Integer[np.ndarray, "seeds places rows columns"]


def measure(parts: Iterable[Part], task: str, num_bins: int) -> dict[str, Quality]:
    """Look at the predictions of a cell or an ensemble, one use and seed at a time.

    Args:
        parts: Parts, those of a use and seed one after another.
        task: Name of the task, a module of ``sentinel_fusion.metrics``.
        num_bins: Bins of confidence, of equal width.

    Returns:
        Use -> quality.
    """
    found: dict[str, list[_Seed]] = {}
    for use, _, tiles in runs(parts, task):
        found.setdefault(use, []).append(_measure_seed(tiles, task, num_bins))
    return {use: _joined(seeds) for use, seeds in found.items()}


def _measure_seed(tiles: Iterable[Tiles], task: str, num_bins: int) -> _Seed:
    evidence, curves = Evidence(task), []
    for some in tiles:
        evidence.add(some)
        if some.split == "test":
            curves.append(_calibrate(some, task, num_bins))
    top, by_class = (reduce(add, parts) for parts in zip(*curves, strict=True))
    return top, by_class, evidence.counts()


def _calibrate(
    tiles: Tiles, task: str, num_bins: int
) -> tuple[Reliability, Reliability]:
    metrics = metrics_of(task)
    if not metrics.HAS_ONE_CLASS:
        return calibrate_presence(tiles.probability, tiles.wanted, num_bins=num_bins)
    probability, max_level = _whole(tiles, metrics.LEVELS)
    return calibrate_classes(
        probability, tiles.wanted, num_bins=num_bins, max_level=max_level
    )


def _joined(seeds: Sequence[_Seed]) -> Quality:
    top, by_class, counts = zip(*seeds, strict=True)
    return Quality(stack(top), stack(by_class), np.stack(counts))


def _whole(tiles: Tiles, levels: int) -> tuple[np.ndarray, int]:
    """Probabilities kept as whole numbers, so again where members were averaged."""
    if levels == 1 or tiles.num_members == 1:
        return tiles.probability, levels
    whole = np.rint(tiles.probability * tiles.num_members).astype(np.uint16)
    return whole, levels * tiles.num_members


def cell_rows(found: Quality, task: str) -> dict[str, list[Row]]:
    """What the tables say of one use of an arm.

    Args:
        found: Its quality.
        task: Name of the task.

    Returns:
        Rows of some of the tables of ``COLUMNS``.
    """
    return {
        "calibration": calibration_rows(found),
        "reliability": reliability_rows(found),
        "places": place_rows(found, task),
        **(
            {"confusion": confusion_rows(found)}
            if metrics_of(task).HAS_ONE_CLASS
            else {"presence": presence_rows(found)}
        ),
    }


def calibration_rows(found: Quality) -> list[Row]:
    """Calibration errors, the mean over seeds.

    Args:
        found: Quality of one use.

    Returns:
        One row: the error of the predictions, the mean error of the classes, and mean
        confidence and accuracy, whose difference says in which direction.
    """
    total = found.top.count.sum(axis=-1)
    columns = (
        found.top.errors(),
        found.by_class.errors().mean(axis=-1),
        found.top.confidence.sum(axis=-1) / total,
        found.top.right.sum(axis=-1) / total,
    )
    return _rows("calibration", [np.atleast_1d(seeds.mean()) for seeds in columns])


def reliability_rows(found: Quality) -> list[Row]:
    """The curve over the predictions of all seeds.

    Args:
        found: Quality of one use.

    Returns:
        A row a bin that has any, from 1 on: mean confidence, accuracy, and share of
        the predictions.
    """
    curve = found.top.pooled()
    filled = np.flatnonzero(curve.count)
    count = curve.count[filled]
    confidence, accuracy = curve.confidence[filled] / count, curve.right[filled] / count
    columns = (filled + 1, confidence, accuracy, count / count.sum())
    return _rows("reliability", columns)


def confusion_rows(found: Quality) -> list[Row]:
    """Confusion matrix over all places and seeds.

    Args:
        found: Quality of one use of a task with one class an item.

    Returns:
        A row a pair of classes that occurs.
    """
    matrix, names = _total(found), np.array(CLASS_NAMES)
    true, predicted = np.nonzero(matrix)
    columns = (names[true], names[predicted], matrix[true, predicted])
    return _rows("confusion", columns)


def presence_rows(found: Quality) -> list[Row]:
    """The two-by-two confusion of each class, over all places and seeds.

    Args:
        found: Quality of one use of a task whose classes are present or not.

    Returns:
        A row a class: tiles with it that were found and missed, tiles without it where
        it was a false alarm, and the rest.
    """
    right, called, wanted, tiles = _total(found)
    rest = tiles - wanted - called + right
    columns = (np.array(CLASS_NAMES), right, wanted - right, called - right, rest)
    return _rows("presence", columns)


def place_rows(found: Quality, task: str) -> list[Row]:
    """How the score differs between test places.

    Args:
        found: Quality of one use.
        task: Name of the task.

    Returns:
        One row: quantiles over places of the task's headline metric, each place's
        score being the mean over seeds; and the number of places.
    """
    metrics = metrics_of(task)
    scores = metrics.count_scores(found.counts)[metrics.HEADLINE_METRIC].mean(axis=0)
    quantiles = np.quantile(scores, list(_QUANTILES.values()))
    columns = [*quantiles[:, None], np.array([len(scores)])]
    return _rows("places", columns)


def _total(found: Quality) -> Integer[np.ndarray, "rows columns"]:
    return np.asarray(found.counts.sum(axis=(0, 1)))


def _rows(table: str, columns: Sequence[np.ndarray]) -> list[Row]:
    values = zip(*(column.tolist() for column in columns), strict=True)
    return [dict(zip(COLUMNS[table], row, strict=True)) for row in values]
