"""Scores of multi-label land cover; the module's name is the task's."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float, Int64, Integer

from sentinel_fusion.classes import CLASS_NAMES, NUM_CLASSES
from sentinel_fusion.metrics.classification import class_scores
from sentinel_fusion.metrics.selection.multi_label import (
    Counts,
    Probability,
    Wanted,
    choose_threshold,
    class_f1,
    count,
    macro_f1,
    prediction_columns,
    selection_score,
)

__all__ = [
    "HAS_ONE_CLASS",
    "HEADLINE_METRIC",
    "HEADLINE_TITLE",
    "LEVELS",
    "chance_counts",
    "choose_threshold",
    "class_f1",
    "count",
    "count_places",
    "count_scores",
    "from_predictions",
    "join",
    "prediction_columns",
    "reduce",
    "score",
    "selection_score",
    "val_score",
]
HEADLINE_METRIC = "macro_f1"
"""The score of the label-fraction curve."""
HEADLINE_TITLE = "macro F1"
HAS_ONE_CLASS = False
LEVELS = 1
Reduced = tuple[Float[np.ndarray, "_ classes"], Integer[np.ndarray, "_ classes"]]
"""Probabilities and targets: average precision needs those of all tiles."""


def reduce(probability: Probability, wanted: Wanted) -> Reduced:
    """What the scores of tiles are functions of: the predictions themselves.

    Args:
        probability: One row a tile.
        wanted: 1 where a class is present.

    Returns:
        Both.
    """
    return probability, wanted


def join(parts: Sequence[Reduced]) -> Reduced:
    """Predictions of several parts of the tiles as one.

    Args:
        parts: Predictions of each, of at least one.

    Returns:
        All of them.
    """
    probability, wanted = zip(*parts, strict=True)
    return np.concatenate(probability), np.concatenate(wanted)


def val_score(val: Reduced) -> float:
    """The selection score of tiles that were reduced.

    Args:
        val: Predictions of the validation tiles.

    Returns:
        Macro F1 at the best threshold, 0..1.
    """
    return selection_score(*val)


def count_places(
    places: Sequence[Reduced], val: Reduced
) -> Int64[np.ndarray, "places 4 classes"]:
    """Counts of every test place, at the threshold chosen on validation tiles.

    Args:
        places: Predictions of each.
        val: Predictions of the validation tiles.

    Returns:
        What ``count`` gives of each place.
    """
    threshold = choose_threshold(*val)
    return np.stack(
        [count(probability >= threshold, wanted) for probability, wanted in places]
    )


def count_scores(counts: Counts) -> dict[str, Float[np.ndarray, "*batch"]]:
    """The scores that are functions of counts; average precision is none.

    Args:
        counts: Sums of ``count``.

    Returns:
        "macro_f1", and "overall_f1" over all tiles and classes together.
    """
    pooled = class_f1(counts.sum(axis=-1, keepdims=True))
    return {"macro_f1": macro_f1(counts), "overall_f1": pooled[..., 0]}


def chance_counts(counts: Counts) -> Float[np.ndarray, "*batch 4 classes"]:
    """Counts of calls as frequent as these that know nothing about the tiles.

    Args:
        counts: Sums of ``count``.

    Returns:
        What ``count_scores`` takes.
    """
    _, called, wanted, tiles = np.moveaxis(counts, -2, 0)
    return np.stack([called * wanted / tiles, called, wanted, tiles], axis=-2)


def average_precision(
    probability: Float[np.ndarray, " tiles"], wanted: Integer[np.ndarray, " tiles"]
) -> float:
    """Area under the precision-recall steps of one class.

    Args:
        probability: One value a tile.
        wanted: 1 where the class is present, at least once.

    Returns:
        Sum over thresholds of precision times the gain in recall, 0..1.
    """
    order = np.argsort(-probability, kind="stable")
    hits = np.cumsum(wanted[order])
    last_of_equals = np.append(np.diff(probability[order]) != 0, True)
    hits, called = hits[last_of_equals], np.flatnonzero(last_of_equals) + 1
    gain = np.diff(hits, prepend=0) / hits[-1]
    return float((hits / called * gain).sum())


def score(test: Reduced, val: Reduced) -> dict[str, float]:
    """Every metric of the task on test tiles, at the threshold chosen on validation.

    Args:
        test: Predictions of the test tiles.
        val: Predictions of the validation tiles.

    Returns:
        "macro_f1", "overall_f1" (over all tiles and classes together), "map" (mean
        average precision), "threshold", and "f1_<class>" where defined.
    """
    probability, wanted = test
    threshold = choose_threshold(*val)
    counts = count(probability >= threshold, wanted)
    present = np.flatnonzero(wanted.any(axis=0))
    precision = [average_precision(probability[:, c], wanted[:, c]) for c in present]
    return {
        **{name: float(value) for name, value in count_scores(counts).items()},
        "map": float(np.mean(precision)),
        "threshold": threshold,
        **class_scores("f1", class_f1(counts)),
    }


def from_predictions(table: pd.DataFrame) -> tuple[Probability, Wanted]:
    """Probabilities and targets out of a cell's prediction table.

    Args:
        table: Rows that ``prediction_columns`` made.

    Returns:
        What ``reduce`` takes.
    """
    probability = [f"p{code}" for code in range(NUM_CLASSES)]
    wanted = [f"has_{name}" for name in CLASS_NAMES]
    return table[probability].to_numpy(np.float64), table[wanted].to_numpy(np.int64)
