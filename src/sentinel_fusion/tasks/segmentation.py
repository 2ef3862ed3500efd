"""Segmentation: the land cover of every pixel."""

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn import functional as F

from sentinel_fusion.classes import IGNORE_INDEX, NUM_CLASSES
from sentinel_fusion.data.loader import Batch, TileStore
from sentinel_fusion.metrics.selection.segmentation import (
    LEVELS,
    prediction_columns,
    selection_score,
)
from sentinel_fusion.models.fusion import FusedEncoder, Maps

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
ON_MAPS = True
"""The head takes the encoder's feature maps and is a decoder."""
BuildDecoder = Callable[..., nn.Module]


def targets(store: TileStore) -> UInt8[np.ndarray, "tiles height width"]:
    """Class of every pixel.

    Args:
        store: Labelled tile store.

    Returns:
        Classes 0..7, and ``IGNORE_INDEX`` where a pixel has none.
    """
    return store.labels()


def encode(encoder: FusedEncoder, images: Batch) -> Maps:
    """What the decoder takes.

    Args:
        encoder: An arm's encoder.
        images: Normalised images.

    Returns:
        Feature maps of every encoder.
    """
    return encoder.feature_maps(images)


def build_head(encoder: FusedEncoder, *, decoder: BuildDecoder, seed: int) -> nn.Module:
    """A decoder with seeded initial weights.

    Args:
        encoder: An arm's encoder.
        decoder: Makes the decoder that params put on this kind of encoder.
        seed: Seed of the weights.

    Returns:
        The decoder on the CPU.
    """
    return decoder(encoder, num_classes=NUM_CLASSES, seed=seed)


def loss(
    logits: Float[Tensor, "batch classes height width"],
    wanted: UInt8[Tensor, "batch height width"],
) -> Float[Tensor, ""]:
    """Cross-entropy, the mean over the labelled pixels of the batch.

    Args:
        logits: Of every pixel.
        wanted: Classes, or ``IGNORE_INDEX``.

    Returns:
        The loss.
    """
    return F.cross_entropy(logits, wanted.long(), ignore_index=IGNORE_INDEX)


def probabilities(
    logits: Float[Tensor, "tiles classes height width"],
) -> UInt8[Tensor, "tiles height width classes"]:
    """Class probabilities of every pixel, rounded to 255ths to be kept in one byte.

    Args:
        logits: Of every pixel.

    Returns:
        Whole numbers 0..255.
    """
    share = torch.softmax(logits.float(), dim=1).permute(0, 2, 3, 1)
    return (share * LEVELS).round().to(torch.uint8)
