"""How cells of multi-label land cover are selected and written down."""

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int64, Integer, Real

from sentinel_fusion.classes import CLASS_NAMES, NUM_CLASSES

THRESHOLDS = np.linspace(0.05, 0.95, 19)
"""Candidates for the probability from which a class is called present."""
Probability = Float[np.ndarray, "tiles classes"]
Wanted = Integer[np.ndarray, "tiles classes"]
Counts = Real[np.ndarray, "*batch 4 classes"]
"""Of each class: tiles where it is rightly called, called, wanted; and all tiles."""


def count(
    called: Bool[np.ndarray, "tiles classes"], wanted: Wanted
) -> Int64[np.ndarray, "4 classes"]:
    """What most scores of tiles are functions of; sums over tiles.

    Args:
        called: Where a class is called present.
        wanted: 1 where it is.

    Returns:
        Of each class the tiles where it is rightly called, those where it is called,
        those where it is present, and all tiles.
    """
    right = (called & (wanted == 1)).sum(axis=0)
    tiles = np.full_like(right, len(wanted))
    return np.stack([right, called.sum(axis=0), wanted.sum(axis=0), tiles])


def class_f1(counts: Counts) -> Float[np.ndarray, "*batch classes"]:
    """F1 of each class.

    Args:
        counts: What ``count`` gives.

    Returns:
        2 TP / (2 TP + FP + FN); NaN where a class neither occurs nor is called.
    """
    right, called, wanted, _ = np.moveaxis(counts, -2, 0)
    with np.errstate(invalid="ignore"):
        return np.asarray(2 * right / (called + wanted))


def macro_f1(counts: Counts) -> Float[np.ndarray, "*batch"]:
    """Mean F1 over the classes that occur or are called.

    Args:
        counts: What ``count`` gives.

    Returns:
        A share, 0..1.
    """
    return np.asarray(np.nanmean(class_f1(counts), axis=-1))


def choose_threshold(probability: Probability, wanted: Wanted) -> float:
    """The candidate threshold with the best macro F1.

    Args:
        probability: One row a validation tile.
        wanted: 1 where a class is present.

    Returns:
        The threshold; the one nearest to 0.5 among equals.
    """
    order = np.argsort(np.abs(THRESHOLDS - 0.5), kind="stable")
    f1 = [macro_f1(count(probability >= t, wanted)) for t in THRESHOLDS[order]]
    return float(THRESHOLDS[order][int(np.argmax(f1))])


def selection_score(probability: Probability, wanted: Wanted) -> float:
    """What learning rate and step are chosen by on validation tiles.

    Args:
        probability: One row a tile.
        wanted: 1 where a class is present.

    Returns:
        Macro F1 at the best threshold, 0..1.
    """
    threshold = choose_threshold(probability, wanted)
    return float(macro_f1(count(probability >= threshold, wanted)))


def prediction_columns(probability: Probability, wanted: Wanted) -> pd.DataFrame:
    """Probabilities and targets as a cell's prediction table holds them.

    Args:
        probability: One row a tile.
        wanted: 1 where a class is present.

    Returns:
        Columns "p0" .. "p7" and "has_<class>".
    """
    columns = [f"p{code}" for code in range(NUM_CLASSES)]
    present = pd.DataFrame(wanted, columns=[f"has_{name}" for name in CLASS_NAMES])
    return pd.DataFrame(probability, columns=columns).join(present)
