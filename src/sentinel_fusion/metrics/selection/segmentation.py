"""How cells of segmentation are selected and written down.

Pixels of ``IGNORE_INDEX`` count nowhere.
"""

import numpy as np
import pandas as pd
from jaxtyping import Float, Int64, Real, UInt8

from sentinel_fusion.classes import IGNORE_INDEX, NUM_CLASSES
from sentinel_fusion.metrics.confusion import confusion_matrix, hits
from sentinel_fusion.metrics.likeliest import likeliest

Counts = Int64[np.ndarray, "classes classes"]
LEVELS = 255
"""Probabilities are kept as whole 255ths; the likeliest class may tie within one."""
_PIXELS_AT_ONCE = 2**20
"""Counting needs some 40 bytes a pixel on top of its probabilities."""


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
    require_labels(val)
    return float(mean_iou(val))


def require_labels(counts: Counts) -> None:
    """Refuse tiles of which no pixel has a label.

    Args:
        counts: Their counts.

    Raises:
        ValueError: If none has.
    """
    if not counts.any():
        raise ValueError("segmentation needs at least 1 labelled pixel, got 0")


def mean_iou(
    confusion: Real[np.ndarray, "*batch classes classes"],
) -> Float[np.ndarray, "*batch"]:
    """Mean IoU over the classes that occur or are predicted.

    Args:
        confusion: Counts by true and predicted class, not empty.

    Returns:
        A share, 0..1.
    """
    return np.asarray(np.nanmean(class_iou(confusion), axis=-1))


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
