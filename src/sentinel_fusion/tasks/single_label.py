"""Single-label land cover: the most frequent class of a tile."""

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional as F

from sentinel_fusion.classes import NUM_CLASSES
from sentinel_fusion.metrics.single_label import selection_score

__all__ = [
    "NUM_OUTPUTS",
    "TARGET_COLUMNS",
    "loss",
    "probabilities",
    "selection_score",
    "targets",
]
NUM_OUTPUTS = NUM_CLASSES
TARGET_COLUMNS = ["majority"]
"""Columns of the tile index that ``targets`` reads."""


def targets(index: pd.DataFrame) -> Int64[np.ndarray, " tiles"]:
    """Class of every tile.

    Args:
        index: Tile index with ``TARGET_COLUMNS``.

    Returns:
        Classes 0..7.
    """
    return index["majority"].to_numpy(np.int64, copy=True)


def loss(
    logits: Float[Tensor, "batch classes"], wanted: Int64[Tensor, " batch"]
) -> Float[Tensor, ""]:
    """Cross-entropy, the mean over the batch.

    Args:
        logits: One row a tile.
        wanted: Classes.

    Returns:
        The loss.
    """
    return F.cross_entropy(logits, wanted)


def probabilities(
    logits: Float[Tensor, "tiles classes"],
) -> Float[Tensor, "tiles classes"]:
    """Class probabilities.

    Args:
        logits: One row a tile.

    Returns:
        Rows that sum to 1.
    """
    return torch.softmax(logits.float(), dim=1)
