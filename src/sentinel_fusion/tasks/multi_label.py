"""Multi-label land cover: every class with enough of a tile's pixels.

The share from which a class counts is ``tile.min_class_share`` (10 % in P1).
"""

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional as F

from sentinel_fusion.classes import CLASS_NAMES, NUM_CLASSES
from sentinel_fusion.metrics.multi_label import selection_score

__all__ = [
    "NUM_OUTPUTS",
    "TARGET_COLUMNS",
    "loss",
    "probabilities",
    "selection_score",
    "targets",
]
NUM_OUTPUTS = NUM_CLASSES
TARGET_COLUMNS = [f"has_{name}" for name in CLASS_NAMES]
"""Columns of the tile index that ``targets`` reads."""


def targets(index: pd.DataFrame) -> Int64[np.ndarray, "tiles 8"]:
    """Which classes every tile has.

    Args:
        index: Tile index with ``TARGET_COLUMNS``.

    Returns:
        1 where the class is present, else 0.
    """
    return index[TARGET_COLUMNS].to_numpy(np.int64, copy=True)


def loss(
    logits: Float[Tensor, "batch classes"], wanted: Int64[Tensor, "batch classes"]
) -> Float[Tensor, ""]:
    """Binary cross-entropy, the mean over tiles and classes.

    Args:
        logits: One row a tile.
        wanted: 1 where the class is present.

    Returns:
        The loss.
    """
    return F.binary_cross_entropy_with_logits(logits, wanted.to(logits.dtype))


def probabilities(
    logits: Float[Tensor, "tiles classes"],
) -> Float[Tensor, "tiles classes"]:
    """Probability of each class to be present.

    Args:
        logits: One row a tile.

    Returns:
        Values in 0..1; a row need not sum to 1.
    """
    return torch.sigmoid(logits.float())
