"""Peers of the loader: torchgeo, and the published way, over the same rasters.

The published way is that of the papers' code as it is described: rasters opened for
every sample, values clipped, every crop divided by its own maximum, a DataLoader.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import torch
from measure import has
from rasterio.windows import Window as RasterWindow
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

TILE_PX = 256
CROP_PX = 128
SLOW_BATCH = 8
Peers = dict[tuple[str, str], Iterator[Any]]
"""Name and kind of files -> endless batches of ``SLOW_BATCH`` samples."""


class PublishedWay(Dataset[dict[str, Tensor]]):
    """Samples as the papers' code reads them, both sensors and no labels."""

    def __init__(self, files: list[Path]) -> None:
        """Take the optical files."""
        self._files = files

    def __len__(self) -> int:
        """Number of patches."""
        return len(self._files)

    def __getitem__(self, number: int) -> dict[str, Tensor]:
        """One sample."""
        s2 = self._files[number]
        s1 = Path(str(s2).replace("/s2_", "/s1_").replace("_s2_", "_s1_"))
        top, left = np.random.default_rng().integers(0, TILE_PX - CROP_PX + 1, 2)
        window = RasterWindow(int(left), int(top), CROP_PX, CROP_PX)
        sample = {}
        for name, file, low, high in (("s1", s1, -25, 0), ("s2", s2, 0, 10_000)):
            with rasterio.open(file) as raster:
                pixels = raster.read(window=window).astype(np.float32)
            pixels = np.clip(pixels, low, high) - low
            sample[name] = torch.from_numpy(pixels / max(float(pixels.max()), 1e-6))
        return sample


def _torchgeo(rasters: Path) -> Dataset[Any]:
    from torchgeo.datasets import SEN12MS

    def crop(sample: dict[str, Tensor]) -> dict[str, Tensor]:
        top, left = torch.randint(TILE_PX - CROP_PX + 1, (2,)).tolist()
        return {"image": sample["image"][:, top : top + CROP_PX, left : left + CROP_PX]}

    dataset: Dataset[Any] = SEN12MS(str(rasters), transforms=crop)
    return dataset


def peers_over(rasters: dict[str, Path]) -> Peers:
    """Every peer over every kind of files; torchgeo where it is installed.

    Args:
        rasters: Kind of the files -> folder in SEN12MS's layout.

    Returns:
        Name and kind of files -> batches.
    """
    peers: Peers = {}
    for files, folder in rasters.items():
        optical = sorted(folder.rglob("*_s2_*.tif"))
        peers["published way", files] = _endless(PublishedWay(optical))
        if has("torchgeo"):
            peers["torchgeo", files] = _endless(_torchgeo(folder))
    return peers


def _endless(dataset: Dataset[Any]) -> Iterator[Any]:
    while True:
        yield from DataLoader(dataset, batch_size=SLOW_BATCH, shuffle=True)
