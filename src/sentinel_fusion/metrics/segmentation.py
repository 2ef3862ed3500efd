"""Scores of segmentation from one confusion matrix; the module's name is the task's.

Pixels of ``IGNORE_INDEX`` count nowhere. The matrix is summed over every test pixel,
never averaged over batches or tiles.
"""

import numpy as np
import pandas as pd
from jaxtyping import Float, Real, UInt8

from sentinel_fusion.classes import NUM_CLASSES
from sentinel_fusion.metrics.classification import (
    add_up,
    by_chance,
    class_scores,
    confusion_scores,
    overall_accuracy,
    stack_places,
)
from sentinel_fusion.metrics.confusion import average_accuracy, class_accuracies
from sentinel_fusion.metrics.selection.segmentation import (
    LEVELS,
    Counts,
    class_iou,
    mean_iou,
    prediction_columns,
    reduce,
    require_labels,
    selection_score,
    val_score,
)

__all__ = [
    "HAS_ONE_CLASS",
    "HEADLINE_METRIC",
    "HEADLINE_TITLE",
    "LEVELS",
    "chance_counts",
    "class_iou",
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
HEADLINE_METRIC = "miou"
"""The score of the label-fraction curve."""
HEADLINE_TITLE = "mean IoU"
HAS_ONE_CLASS = True
chance_counts = by_chance
"""Counts as of predictions as frequent that know nothing about the pixels."""
join = add_up
"""Counts of several parts of the tiles as one."""
count_places = stack_places
"""Counts of test places, given those of the validation tiles."""
Probability = Real[np.ndarray, "tiles pixels classes"]
Wanted = UInt8[np.ndarray, "tiles pixels"]


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
        "miou": mean_iou(counts),
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
    require_labels(test)
    return {
        **{name: float(value) for name, value in count_scores(test).items()},
        **class_scores("iou", class_iou(test)),
        **class_scores("accuracy", class_accuracies(test)),
        **confusion_scores(test),
    }


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
