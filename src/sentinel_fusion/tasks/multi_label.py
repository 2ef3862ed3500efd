"""Multi-label land cover: every class with enough of a tile's pixels.

The share from which a class counts is ``tile.min_class_share`` (10 % in P1).
"""

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional as F

from sentinel_fusion.classes import CLASS_NAMES, NUM_CLASSES
from sentinel_fusion.data.loader import Batch, TileStore
from sentinel_fusion.metrics.selection.multi_label import (
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


def targets(store: TileStore) -> Int64[np.ndarray, "tiles 8"]:
    """Which classes every tile has.

    Args:
        store: Labelled tile store.

    Returns:
        1 where the class is present, else 0.
    """
    columns = [f"has_{name}" for name in CLASS_NAMES]
    return store.index(columns).to_numpy(np.int64, copy=True)


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
