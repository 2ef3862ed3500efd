"""Scores of single-label land cover; the module's name is the task's."""

import numpy as np
import pandas as pd
from jaxtyping import Float, Integer, Real

from sentinel_fusion.classes import NUM_CLASSES
from sentinel_fusion.metrics.classification import (
    add_up,
    by_chance,
    class_scores,
    confusion_scores,
    kappa,
    macro_f1,
    overall_accuracy,
    stack_places,
)
from sentinel_fusion.metrics.confusion import average_accuracy, class_accuracies
from sentinel_fusion.metrics.selection.single_label import (
    Counts,
    prediction_columns,
    reduce,
    selection_score,
    val_score,
)

__all__ = [
    "HAS_ONE_CLASS",
    "HEADLINE_METRIC",
    "HEADLINE_TITLE",
    "LEVELS",
    "Counts",
    "chance_counts",
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
HEADLINE_METRIC = "aa"
"""The score of the label-fraction curve."""
HEADLINE_TITLE = "average accuracy (AA)"
HAS_ONE_CLASS = True
LEVELS = 1
chance_counts = by_chance
"""Counts as of predictions as frequent that know nothing about the tiles."""
join = add_up
"""Counts of several parts of the tiles as one."""
count_places = stack_places
"""Counts of test places, given those of the validation tiles."""


def count_scores(
    counts: Real[np.ndarray, "*batch classes classes"],
) -> dict[str, Float[np.ndarray, "*batch"]]:
    """The scores that are functions of counts.

    Args:
        counts: Confusion matrices, not empty.

    Returns:
        "aa", "oa", "macro_f1" and "kappa".
    """
    return {
        "aa": average_accuracy(counts),
        "oa": overall_accuracy(counts),
        "macro_f1": macro_f1(counts),
        "kappa": kappa(counts),
    }


def score(test: Counts, val: Counts) -> dict[str, float]:
    """Every metric of the task on test tiles.

    Args:
        test: Counts of the test tiles.
        val: Not looked at: the likeliest class needs no threshold.

    Returns:
        "aa", "oa", "macro_f1", "kappa", "accuracy_<class>" and "precision_<class>"
        for the classes where they are defined, and the confusion matrix as
        "confusion_<true>_<predicted>" counts above 0.
    """
    return {
        **{name: float(value) for name, value in count_scores(test).items()},
        **class_scores("accuracy", class_accuracies(test)),
        **class_scores("precision", class_accuracies(test.T)),
        **confusion_scores(test),
    }


def from_predictions(
    table: pd.DataFrame,
) -> tuple[Float[np.ndarray, "tiles classes"], Integer[np.ndarray, " tiles"]]:
    """Probabilities and targets out of a cell's prediction table.

    Args:
        table: Rows that ``prediction_columns`` made.

    Returns:
        What ``reduce`` takes.
    """
    columns = [f"p{code}" for code in range(NUM_CLASSES)]
    return table[columns].to_numpy(np.float64), table["majority"].to_numpy(np.int64)
