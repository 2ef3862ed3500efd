"""Tiles of a pre-training: some to train on, those of other places to watch."""

import logging
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Integer

from sentinel_fusion.data.augment import Augment
from sentinel_fusion.data.loader import Batch, BatchLoader, TileStore, load_augmented
from sentinel_fusion.data.splits import choose_tiles
from sentinel_fusion.train.one_rank import OneRank

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class PretrainData:
    """Tiles to train and to watch.

    Args:
        loader: Reads both.
        train_rows: Tiles to train on.
        val_rows: Tiles of other places, to be watched.
        tile_ids: Name of every tile of the store, for error messages.
        augment: Changes a batch with draws from a generator.
    """

    loader: BatchLoader
    train_rows: Integer[np.ndarray, " train"]
    val_rows: Integer[np.ndarray, " val"]
    tile_ids: np.ndarray
    augment: Augment

    def load(
        self, rows: Integer[np.ndarray, " tiles"], *, generator: torch.Generator
    ) -> Batch:
        """Augmented images of some tiles.

        Args:
            rows: Tile positions in the store.
            generator: Source of the augmentation.

        Returns:
            Sensor -> images, a row a tile.
        """
        return load_augmented(self.loader, rows, self.augment, generator)


def choose_rows(
    store: TileStore,
    rows: Integer[np.ndarray, " kept"],
    *,
    val_frac: float,
    watched_tiles: int,
    seed: int,
) -> tuple[Integer[np.ndarray, " train"], Integer[np.ndarray, " val"], str]:
    """Which tiles of a store a pre-training is trained on, and which watched on.

    Watching compares every tile with every other, so that they are no more than some:
    where the held-out places have more, those are drawn and the others left out.

    Args:
        store: Tiles.
        rows: Tiles that take part.
        val_frac: Share of the places held out to be watched.
        watched_tiles: Most tiles that are watched.
        seed: Seed of the choice of the places and of the draw.

    Returns:
        Tiles to train on, tiles to watch, both ascending, and what the latter are, see
        ``choose_tiles``.
    """
    places = store.index(["place_id"]).iloc[rows]
    train, val, watched = choose_tiles(places, val_frac, seed)
    if len(val) > watched_tiles:
        _LOG.info(
            "%d of %d tiles are watched, drawn by chance; the other %d are left out",
            watched_tiles,
            len(val),
            len(val) - watched_tiles,
        )
        rng = np.random.default_rng([seed, len(val)])
        val = np.sort(rng.choice(val, watched_tiles, replace=False))
    return rows[train], rows[val], watched


def open_data(
    store: TileStore,
    inputs: tuple[str, ...],
    rows: Integer[np.ndarray, " kept"],
    ranks: OneRank,
    augment: Augment,
    *,
    val_frac: float,
    watched_tiles: int,
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
        watched_tiles: Most of their tiles that are watched.
        seed: Seed of their choice.

    Returns:
        Tiles to train and to watch, and what the latter are, see ``choose_tiles``.
    """
    train, val, watched = choose_rows(
        store, rows, val_frac=val_frac, watched_tiles=watched_tiles, seed=seed
    )
    data = PretrainData(
        loader=BatchLoader(store, inputs, store.normalisation, ranks.device),
        train_rows=train,
        val_rows=val,
        tile_ids=store.index(["tile_id"])["tile_id"].to_numpy(),
        augment=augment,
    )
    return data, watched
