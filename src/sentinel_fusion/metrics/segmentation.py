"""Scores of segmentation from one confusion matrix; the module's name is the task's.

Pixels of ``IGNORE_INDEX`` count nowhere. The matrix is summed over every test pixel,
never averaged over batches or tiles.
"""

import numpy as np
import pandas as pd
from jaxtyping import Float, Int64, Real, UInt8

from sentinel_fusion.classes import IGNORE_INDEX, NUM_CLASSES
from sentinel_fusion.metrics.classification import (
    add_up,
    average_accuracy,
    by_chance,
    class_accuracies,
    class_scores,
    confusion_matrix,
    confusion_scores,
    hits,
    overall_accuracy,
    stack_places,
)
from sentinel_fusion.metrics.likeliest import likeliest

HEADLINE_METRIC = "miou"
"""The score of the label-fraction curve."""
HEADLINE_TITLE = "mean IoU"
HAS_ONE_CLASS = True
chance_counts = by_chance
"""Counts as of predictions as frequent that know nothing about the pixels."""
Counts = Int64[np.ndarray, "classes classes"]
join = add_up
"""Counts of several parts of the tiles as one."""
count_places = stack_places
"""Counts of test places, given those of the validation tiles."""
LEVELS = 255
"""Probabilities are kept as whole 255ths; the likeliest class may tie within one."""
_PIXELS_AT_ONCE = 2**20
"""Counting needs some 40 bytes a pixel on top of its probabilities."""
Probability = Real[np.ndarray, "tiles pixels classes"]
Wanted = UInt8[np.ndarray, "tiles pixels"]


def class_iou(
    confusion: Real[np.ndarray, "*batch classes classes"],
) -> Float[np.ndarray, "*batch classes"]:
    """Intersection over union of each class, the Jaccard index.

    Args:
        confusion: Counts by true and predicted class.

    Returns:
        TP / (TP + FP + FN); NaN where a class neither occurs nor is predicted.
    """
    found = hits(confusion)
    union = confusion.sum(axis=-2) + confusion.sum(axis=-1) - found
    with np.errstate(invalid="ignore"):
        return np.asarray(found / union)


def reduce(
    probability: Real[np.ndarray, "*pixels classes"],
    wanted: UInt8[np.ndarray, "*pixels"],
) -> Counts:
    """What the scores of pixels are functions of; sums over tiles.

    Args:
        probability: Class probabilities of every pixel, 0..``LEVELS``.
        wanted: Classes, or ``IGNORE_INDEX``.

    Returns:
        Confusion matrix of the likeliest class of the labelled pixels, of which there
        may be none.
    """
    confusion = np.zeros((NUM_CLASSES, NUM_CLASSES), np.int64)
    rows_at_once = max(1, _PIXELS_AT_ONCE * len(wanted) // max(1, wanted.size))
    for start in range(0, len(wanted), rows_at_once):
        rows = slice(start, start + rows_at_once)
        found, _ = likeliest(probability[rows])
        labelled = wanted[rows] != IGNORE_INDEX
        confusion += confusion_matrix(
            wanted[rows][labelled], found[labelled], NUM_CLASSES
        )
    return confusion


def selection_score(
    probability: Real[np.ndarray, "*pixels classes"],
    wanted: UInt8[np.ndarray, "*pixels"],
) -> float:
    """What learning rate and step are chosen by on validation tiles: mean IoU.

    Args:
        probability: Class probabilities of every pixel, 0..``LEVELS``.
        wanted: Classes, or ``IGNORE_INDEX``.

    Returns:
        Mean over the classes that occur or are predicted, 0..1.
    """
    return val_score(reduce(probability, wanted))


def val_score(val: Counts) -> float:
    """The selection score of tiles that were reduced.

    Args:
        val: Counts of the validation tiles.

    Returns:
        Mean over the classes that occur or are predicted, 0..1.
    """
    _require_labels(val)
    return float(_mean_iou(val))


def _require_labels(counts: Counts) -> None:
    """Refuse tiles of which no pixel has a label."""
    if not counts.any():
        raise ValueError("segmentation needs at least 1 labelled pixel, got 0")


def _mean_iou(
    confusion: Real[np.ndarray, "*batch classes classes"],
) -> Float[np.ndarray, "*batch"]:
    return np.asarray(np.nanmean(class_iou(confusion), axis=-1))


def count_scores(
    counts: Real[np.ndarray, "*batch classes classes"],
) -> dict[str, Float[np.ndarray, "*batch"]]:
    """The scores that are functions of counts.

    Args:
        counts: Confusion matrices of pixels, not empty.

    Returns:
        "miou", "aa" and "oa".
    """
    return {
        "miou": _mean_iou(counts),
        "aa": average_accuracy(counts),
        "oa": overall_accuracy(counts),
    }


def score(test: Counts, val: Counts) -> dict[str, float]:
    """Every metric of the task on test tiles.

    Args:
        test: Counts of the test tiles.
        val: Not looked at: the likeliest class needs no threshold.

    Returns:
        "miou" over the classes that occur or are predicted, "aa" (pixel average
        accuracy), "oa", "iou_<class>" and "accuracy_<class>" where defined, and the
        confusion matrix as "confusion_<true>_<predicted>" pixel counts above 0.
    """
    _require_labels(test)
    return {
        **{name: float(value) for name, value in count_scores(test).items()},
        **class_scores("iou", class_iou(test)),
        **class_scores("accuracy", class_accuracies(test)),
        **confusion_scores(test),
    }


def prediction_columns(
    probability: UInt8[np.ndarray, "tiles height width classes"],
    wanted: UInt8[np.ndarray, "tiles height width"],
) -> pd.DataFrame:
    """Probabilities and targets as a cell's prediction table holds them.

    Args:
        probability: Class probabilities of every pixel, 0..``LEVELS``.
        wanted: Classes, or ``IGNORE_INDEX``.

    Returns:
        "probability" and "label": the bytes of a tile, rows of pixels from the top,
        for the probabilities with the class as the fastest axis.
    """
    return pd.DataFrame(
        {
            "probability": [tile.tobytes() for tile in probability],
            "label": [tile.tobytes() for tile in wanted],
        }
    )


def from_predictions(table: pd.DataFrame) -> tuple[Probability, Wanted]:
    """Probabilities and targets out of a cell's prediction table.

    Args:
        table: Rows that ``prediction_columns`` made.

    Returns:
        What ``reduce`` takes.
    """
    flat = np.frombuffer(b"".join(table["probability"]), np.uint8)
    wanted = np.frombuffer(b"".join(table["label"]), np.uint8)
    return (
        flat.reshape(len(table), -1, NUM_CLASSES),
        wanted.reshape(len(table), -1),
    )
