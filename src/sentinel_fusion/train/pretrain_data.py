"""The tiles of a pre-training: those it learns from and those it is watched on."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Integer

from sentinel_fusion.data.augment import Augment
from sentinel_fusion.data.loader import BatchLoader, TileStore
from sentinel_fusion.data.splits import choose_tiles


@dataclass(frozen=True)
class PretrainData:
    """Tiles to train and to watch.

    Args:
        loader: Reads both.
        train_rows: Tiles to train on.
        val_rows: Tiles of other places, for retrieval.
        tile_ids: Name of every tile of the store, for error messages.
        augment: Changes a batch with draws from a generator.
    """

    loader: BatchLoader
    train_rows: Integer[np.ndarray, " train"]
    val_rows: Integer[np.ndarray, " val"]
    tile_ids: np.ndarray
    augment: Augment


def open_data(
    store: TileStore,
    inputs: tuple[str, ...],
    device: torch.device,
    *,
    val_frac: float,
    seed: int,
    augment: Augment,
) -> tuple[PretrainData, str]:
    """What an arm trains on and is watched on.

    Args:
        store: Unlabelled tiles.
        inputs: Sensors of the arm.
        device: Where batches go.
        val_frac: Share of the places whose tiles are watched.
        seed: Seed of their choice.
        augment: Changes a batch.

    Returns:
        The data, and which tiles are watched, as ``choose_tiles`` says it.
    """
    index = store.index(["tile_id", "place_id"])
    train, val, watched = choose_tiles(index, val_frac, seed)
    data = PretrainData(
        loader=BatchLoader(store, inputs, store.normalisation, device),
        train_rows=train,
        val_rows=val,
        tile_ids=index["tile_id"].to_numpy(),
        augment=augment,
    )
    return data, watched
