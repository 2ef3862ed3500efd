"""Tiles of a pre-training: some to train on, those of other places to watch."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Integer

from sentinel_fusion.data.augment import Augment
from sentinel_fusion.data.loader import BatchLoader, TileStore
from sentinel_fusion.data.splits import choose_tiles
from sentinel_fusion.train.one_rank import OneRank


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
    rows: Integer[np.ndarray, " kept"],
    ranks: OneRank,
    augment: Augment,
    *,
    val_frac: float,
    seed: int,
) -> tuple[PretrainData, str]:
    """Tiles of a store, those of some places kept out of the training.

    Args:
        store: Tiles.
        inputs: Sensors to read.
        rows: Tiles that take part.
        ranks: Processes that train together, and where.
        augment: Changes a batch with draws from a generator.
        val_frac: Share of the places held out to be watched.
        seed: Seed of their choice.

    Returns:
        Tiles to train and to watch, and what the latter are, see ``choose_tiles``.
    """
    index = store.index(["tile_id", "place_id"])
    train, val, watched = choose_tiles(index.iloc[rows], val_frac, seed)
    data = PretrainData(
        loader=BatchLoader(store, inputs, store.normalisation, ranks.device),
        train_rows=rows[train],
        val_rows=rows[val],
        tile_ids=index["tile_id"].to_numpy(),
        augment=augment,
    )
    return data, watched
