"""Single-label land cover: the most frequent class of a tile."""

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional as F

from sentinel_fusion.classes import NUM_CLASSES
from sentinel_fusion.data.loader import Batch, TileStore
from sentinel_fusion.metrics.selection.single_label import (
    prediction_columns,
    selection_score,
)
from sentinel_fusion.models.fusion import FusedEncoder
from sentinel_fusion.models.heads import linear_head

__all__ = [
    "ON_MAPS",
    "build_head",
    "encode",
    "loss",
    "prediction_columns",
    "probabilities",
    "selection_score",
    "targets",
]
ON_MAPS = False
"""The head takes one feature vector a tile."""
BuildDecoder = Callable[..., nn.Module]


def targets(store: TileStore) -> Int64[np.ndarray, " tiles"]:
    """Class of every tile.

    Args:
        store: Labelled tile store.

    Returns:
        Classes 0..7.
    """
    return store.index(["majority"])["majority"].to_numpy(np.int64, copy=True)


def encode(encoder: FusedEncoder, images: Batch) -> Float[Tensor, "batch features"]:
    """What the head takes.

    Args:
        encoder: An arm's encoder.
        images: Normalised images.

    Returns:
        Pooled features.
    """
    features: Float[Tensor, "batch features"] = encoder(images)
    return features


def build_head(encoder: FusedEncoder, *, decoder: BuildDecoder, seed: int) -> nn.Module:
    """A linear classifier with seeded initial weights.

    Args:
        encoder: An arm's encoder.
        decoder: Not looked at: classification needs none.
        seed: Seed of the weights.

    Returns:
        The head on the CPU.
    """
    return linear_head(encoder.num_features, NUM_CLASSES, seed)


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
