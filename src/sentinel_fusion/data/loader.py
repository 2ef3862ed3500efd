"""Batches out of a tile store: whole batches by row, scaled on the device."""

import json
import time
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from jaxtyping import Bool, Integer, UInt8
from torch import Tensor

from sentinel_fusion.bands import BANDS
from sentinel_fusion.data.augment import Augment, CropAugment, Window, draw_window
from sentinel_fusion.data.scaling import Scaler
from sentinel_fusion.data.shards import ShardReader
from sentinel_fusion.data.stats import Normalisation, normalisation_of
from sentinel_fusion.data.tile_reader import TileReader

RESIDENT_BYTES = 2**29
"""Largest store, as normalised float32, that a CPU keeps in memory whole."""
RESIDENT_SHARE = 0.5
"""Share of another device's free memory that a store's integers may take there."""
COLD_BYTES_S = 2**29
"""A batch read more slowly than this came from disk, not from the page cache."""
Batch = dict[str, Tensor]
"""Sensor -> normalised float32 images (B, C, H, W), channels last in memory."""


class TileStore:
    """A tile store opened for reading.

    Attributes:
        folder: Where it is.
        shards: Sensor -> its stored integers.
        normalisation: Means and deviations of its own tiles.
        content_sha256: Hash of all its pixels.
    """

    def __init__(self, folder: Path) -> None:
        """Open index and shards.

        Args:
            folder: Store as ``write_tiles`` wrote it.

        Raises:
            FileNotFoundError: If it is not there.
        """
        if not (folder / "index.parquet").is_file():
            raise FileNotFoundError(
                f"{folder} is no tile store; run `dvc repro tile@{folder.name}`"
            )
        self.folder = folder
        self.shards = {sensor: ShardReader(folder, sensor) for sensor in BANDS}
        stats = json.loads((folder / "stats.json").read_text())
        self.normalisation: Normalisation = normalisation_of(stats["bands"])
        self.content_sha256: str = stats["content_sha256"]

    def __len__(self) -> int:
        """Number of tiles."""
        return len(self.shards["s1"])

    @property
    def size_px(self) -> int:
        """Edge of a tile."""
        return int(self.shards["s1"].item_shape[0])

    def index(self, columns: list[str]) -> pd.DataFrame:
        """Columns of the index.

        Args:
            columns: Names of the columns; reading few is fast and needs no geopandas.

        Returns:
            One row a tile; the row number is the tile's position in the shards.
        """
        return pd.read_parquet(self.folder / "index.parquet", columns=columns)

    @cached_property
    def is_complete(self) -> Bool[np.ndarray, " tiles"]:
        """Which tiles have a measurement in every pixel of both sensors."""
        return np.asarray(self.index(["valid_share"])["valid_share"] == 1)

    def read(
        self, sensor: str, rows: Integer[np.ndarray, " tiles"]
    ) -> Integer[np.ndarray, "tiles height width bands"]:
        """Stored integers of some tiles.

        Args:
            sensor: "s1" or "s2".
            rows: Tile positions.

        Returns:
            int16 centi-dB or uint16 reflectance x 10000.
        """
        return self.shards[sensor].read(rows)

    def labels(self) -> UInt8[np.ndarray, "tiles height width"]:
        """Class of every pixel of every tile.

        Returns:
            Classes 0..7, and 255 where a pixel has none.
        """
        return ShardReader(self.folder, "label").read(np.arange(len(self)))


class BatchLoader:
    """Reads tiles of the wanted sensors as normalised batches on a device.

    A store that is small enough is kept on the device: a CPU keeps normalised images,
    another device the stored integers. Of other stores a batch's tiles are read from
    the mapped shards, and scaled on the device.
    """

    def __init__(
        self,
        store: TileStore,
        sensors: tuple[str, ...],
        normalisation: Normalisation,
        device: torch.device,
    ) -> None:
        """Hold the scaling constants on the device.

        Args:
            store: Where tiles come from.
            sensors: Sensors of a batch.
            normalisation: Means and deviations of the encoder that the batch is for.
            device: Where batches go.
        """
        self._store = store
        self._device = device
        self._on_cpu = device.type == "cpu"
        self._readers = {
            s: TileReader(s, store.shards[s], Scaler(s, normalisation, device))
            for s in sensors
        }
        self._whole = Window(0, 0, store.size_px)
        self._kept: dict[str, Tensor] | None = None
        self._is_cold = True

    @property
    def size_px(self) -> int:
        """Edge of a tile."""
        return self._whole.size_px

    @property
    def is_streamed(self) -> bool:
        """Whether every batch is gathered by the CPU and sent to another device."""
        return not self._on_cpu and not self._residents()

    def load(
        self, rows: Integer[np.ndarray, " tiles"], window: Window | None = None
    ) -> Batch:
        """One batch, zero mean and unit deviation over the pre-training tiles.

        Pixels without measurement get the band mean.

        Args:
            rows: Tile positions in the store.
            window: Part of every tile that is wanted, and read; by default all.

        Returns:
            Sensor -> images of the tiles, in the order of ``rows``. They may lie in the
            memory of an earlier batch of which nothing is left.
        """
        window = window or self._whole
        if residents := self._residents():
            chosen = torch.from_numpy(rows).to(self._device, non_blocking=True)
            images = {
                sensor: kept[:, window.rows, window.cols][chosen]
                for sensor, kept in residents.items()
            }
        else:
            images = self._read(rows, window)
        if not self._on_cpu:
            is_complete = bool(self._store.is_complete[rows].all())
            images = {
                sensor: self._readers[sensor].scale(sent, is_complete=is_complete)
                for sensor, sent in images.items()
            }
        return {sensor: x.permute(0, 3, 1, 2) for sensor, x in images.items()}

    def iterate(
        self, rows: Integer[np.ndarray, " tiles"], batch_size: int
    ) -> Iterator[Batch]:
        """Batches over some tiles in order, the last one possibly smaller.

        Args:
            rows: Tile positions in the store.
            batch_size: Tiles a batch.

        Yields:
            Batches as ``load`` gives them.
        """
        for start in range(0, len(rows), batch_size):
            yield self.load(rows[start : start + batch_size])

    def _residents(self) -> dict[str, Tensor]:
        """All tiles, as ``_read`` would give them; empty where they do not fit."""
        if self._kept is None:
            self._kept = self._keep() if self._fits() else {}
        return self._kept

    def _fits(self) -> bool:
        numbers = len(self._store) * self.size_px**2
        numbers *= sum(len(BANDS[sensor]) for sensor in self._readers)
        if self._on_cpu:
            return numbers * torch.float32.itemsize <= RESIDENT_BYTES
        free_bytes, _ = torch.cuda.mem_get_info(self._device)
        return numbers * torch.int16.itemsize <= RESIDENT_SHARE * free_bytes

    def _keep(self) -> dict[str, Tensor]:
        """The whole store, as ``_read`` would give it."""
        if self._on_cpu:
            return self._read(np.arange(len(self._store)), self._whole)
        return {s: reader.send_all(self._device) for s, reader in self._readers.items()}

    def _read(
        self, rows: Integer[np.ndarray, " tiles"], window: Window
    ) -> dict[str, Tensor]:
        """Images on a CPU; stored integers on another device."""
        if self._is_cold:
            for reader in self._readers.values():
                reader.shards.will_need(rows, window.rows)
        start = time.perf_counter()
        if self._on_cpu:
            is_complete = self._store.is_complete[rows]
            images = {
                sensor: reader.read_scaled(rows, window, is_complete)
                for sensor, reader in self._readers.items()
            }
        else:
            images = {
                sensor: reader.send(rows, window, self._device)
                for sensor, reader in self._readers.items()
            }
        read_bytes = sum(x.numel() for x in images.values()) * torch.int16.itemsize
        self._is_cold = read_bytes < COLD_BYTES_S * (time.perf_counter() - start)
        return images


def load_augmented(
    loader: BatchLoader,
    rows: Integer[np.ndarray, " tiles"],
    augment: Augment,
    generator: torch.Generator,
) -> Batch:
    """One augmented batch; of an augmentation that crops, only the crop is read.

    Args:
        loader: Reads the tiles.
        rows: Tile positions in the store.
        augment: The augmentation.
        generator: CPU generator of its draws.

    Returns:
        Sensor -> images, as ``augment`` makes them of whole tiles.
    """
    if not isinstance(augment, CropAugment):
        return augment(loader.load(rows), generator)
    window = draw_window(loader.size_px, augment.size_px, generator)
    return augment.then(loader.load(rows, window), generator)
