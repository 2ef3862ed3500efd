"""Forward passes without gradients: as many tiles at a time, however it is trained."""

import numpy as np
import torch
from jaxtyping import Float, Integer, Shaped
from torch import Tensor

from sentinel_fusion.data.loader import BatchLoader
from sentinel_fusion.models.fusion import FusedEncoder
from sentinel_fusion.train.device import autocast

TILES_A_PASS = 128
"""Tiles of a forward pass without gradients, whatever the batch size of training."""


def in_passes(rows: Shaped[np.ndarray, "tiles ..."]) -> list[np.ndarray]:
    """Cut what belongs to some tiles into forward passes.

    Args:
        rows: One row a tile.

    Returns:
        Views of ``TILES_A_PASS`` rows, the last one possibly of fewer.
    """
    starts = range(0, len(rows), TILES_A_PASS)
    return [rows[start : start + TILES_A_PASS] for start in starts]


def encode_tiles(
    encoder: FusedEncoder,
    loader: BatchLoader,
    rows: Integer[np.ndarray, " tiles"],
    *,
    precision: str,
) -> Float[Tensor, "tiles features"]:
    """Features of some tiles as they are, layers in evaluation mode.

    Args:
        encoder: Encoder; left in evaluation mode.
        loader: Reads the tiles.
        rows: Tile positions in the store.
        precision: "float32" or "bfloat16".

    Returns:
        Float32 features on the encoder's device.
    """
    encoder.eval()
    device = next(encoder.parameters()).device
    with torch.no_grad(), autocast(device, precision):
        passes = [encoder(loader.load(some)).float() for some in in_passes(rows)]
    return torch.cat(passes)
