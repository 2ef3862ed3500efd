"""Scores of single-label land cover; the module's name is the task's."""

import numpy as np
import pandas as pd
from jaxtyping import Float, Int64, Integer, Real

from sentinel_fusion.classes import NUM_CLASSES
from sentinel_fusion.metrics.classification import (
    add_up,
    average_accuracy,
    by_chance,
    class_accuracies,
    class_scores,
    confusion_matrix,
    confusion_scores,
    kappa,
    macro_f1,
    overall_accuracy,
    stack_places,
)

HEADLINE_METRIC = "aa"
"""The score of the label-fraction curve."""
HEADLINE_TITLE = "average accuracy (AA)"
HAS_ONE_CLASS = True
LEVELS = 1
chance_counts = by_chance
"""Counts as of predictions as frequent that know nothing about the tiles."""
Counts = Int64[np.ndarray, "classes classes"]
join = add_up
"""Counts of several parts of the tiles as one."""
count_places = stack_places
"""Counts of test places, given those of the validation tiles."""


def reduce(
    probability: Float[np.ndarray, "tiles classes"],
    wanted: Integer[np.ndarray, " tiles"],
) -> Counts:
    """What the scores of tiles are functions of; sums over tiles.

    Args:
        probability: One row a tile.
        wanted: Classes.

    Returns:
        Confusion matrix of the likeliest class.
    """
    return confusion_matrix(wanted, probability.argmax(axis=1), NUM_CLASSES)


def selection_score(
    probability: Float[np.ndarray, "tiles classes"],
    wanted: Integer[np.ndarray, " tiles"],
) -> float:
    """What learning rate and step are chosen by on validation tiles: AA.

    Args:
        probability: One row a tile.
        wanted: Classes.

    Returns:
        Average accuracy, 0..1.
    """
    return val_score(reduce(probability, wanted))


def val_score(val: Counts) -> float:
    """The selection score of tiles that were reduced.

    Args:
        val: Counts of the validation tiles.

    Returns:
        Average accuracy, 0..1.
    """
    return float(average_accuracy(val))


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


def prediction_columns(
    probability: Float[np.ndarray, "tiles classes"],
    wanted: Integer[np.ndarray, " tiles"],
) -> pd.DataFrame:
    """Probabilities and targets as a cell's prediction table holds them.

    Args:
        probability: One row a tile.
        wanted: Classes.

    Returns:
        Columns "p0" .. "p7" and "majority".
    """
    columns = [f"p{code}" for code in range(NUM_CLASSES)]
    return pd.DataFrame(probability, columns=columns).assign(majority=wanted)


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
