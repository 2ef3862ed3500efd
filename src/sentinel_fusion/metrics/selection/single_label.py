"""How cells of single-label land cover are selected and written down."""

import numpy as np
import pandas as pd
from jaxtyping import Float, Int64, Integer

from sentinel_fusion.classes import NUM_CLASSES
from sentinel_fusion.metrics.confusion import average_accuracy, confusion_matrix

Counts = Int64[np.ndarray, "classes classes"]


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
