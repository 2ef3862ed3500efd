"""Batches out of a tile store: whole batches by row, scaled on the device."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Integer, UInt8
from torch import Tensor

from sentinel_fusion.bands import BANDS, S1_NAN, S1_UNITS_PER_DB, S2_NODATA
from sentinel_fusion.data.shards import ShardReader
from sentinel_fusion.data.stats import Normalisation, normalisation_of

RESIDENT_BYTES = 2**29
"""Largest store, as normalised float32, that is kept on the device whole."""
Batch = dict[str, Tensor]
"""Sensor -> normalised float32 images (B, C, H, W), channels last in memory."""


class TileStore:
    """A tile store opened for reading."""

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
        self._shards = {sensor: ShardReader(folder, sensor) for sensor in BANDS}
        stats = json.loads((folder / "stats.json").read_text())
        self.normalisation: Normalisation = normalisation_of(stats["bands"])
        self.content_sha256: str = stats["content_sha256"]

    def __len__(self) -> int:
        """Number of tiles."""
        return len(self._shards["s1"])

    @property
    def size_px(self) -> int:
        """Edge of a tile."""
        return int(self._shards["s1"].item_shape[0])

    def index(self, columns: list[str]) -> pd.DataFrame:
        """Columns of the index.

        Args:
            columns: Names of the columns; reading few is fast and needs no geopandas.

        Returns:
            One row a tile; the row number is the tile's position in the shards.
        """
        return pd.read_parquet(self.folder / "index.parquet", columns=columns)

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
        return self._shards[sensor].read(rows)

    def labels(self) -> UInt8[np.ndarray, "tiles height width"]:
        """Class of every pixel of every tile.

        Returns:
            Classes 0..7, and 255 where a pixel has none.
        """
        return ShardReader(self.folder, "label").read(np.arange(len(self)))


class BatchLoader:
    """Reads tiles of the wanted sensors as normalised batches on a device.

    A store that is small enough is normalised once and kept on the device.
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
        self._resident: dict[str, Tensor] = {}
        self._scale = {
            sensor: (
                torch.tensor(normalisation.mean[sensor], device=device),
                torch.tensor(normalisation.sd[sensor], device=device),
            )
            for sensor in sensors
        }

    def load(self, rows: Integer[np.ndarray, " tiles"]) -> Batch:
        """One batch, zero mean and unit deviation over the pre-training tiles.

        Pixels without measurement get the band mean.

        Args:
            rows: Tile positions in the store.

        Returns:
            Sensor -> images of the tiles, in the order of ``rows``.
        """
        if not self._resident and self._fits():
            everything = np.arange(len(self._store))
            self._resident = {s: self._images(s, everything) for s in self._scale}
        if self._resident:
            chosen = torch.from_numpy(rows).to(self._device)
            images = {s: kept[chosen] for s, kept in self._resident.items()}
        else:
            images = {s: self._images(s, rows) for s in self._scale}
        return {sensor: x.permute(0, 3, 1, 2) for sensor, x in images.items()}

    def _fits(self) -> bool:
        pixels = self._store.size_px**2 * len(self._store)
        bands = sum(len(BANDS[sensor]) for sensor in self._scale)
        return pixels * bands * torch.float32.itemsize <= RESIDENT_BYTES

    def _images(
        self, sensor: str, rows: Integer[np.ndarray, " tiles"]
    ) -> Float[Tensor, "tiles height width bands"]:
        stored = torch.from_numpy(self._store.read(sensor, rows)).to(self._device)
        mean, sd = self._scale[sensor]
        values = stored.to(torch.float32)
        if sensor == "s1":
            missing = stored == S1_NAN
            values = values / S1_UNITS_PER_DB
        else:
            missing = (values == S2_NODATA).all(dim=-1, keepdim=True)
        return ((values - mean) / sd).masked_fill(missing, 0.0)

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
