"""Inputs of the benchmarks: generated rasters and tile stores."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import rasterio

from sentinel_fusion.bands import BANDS, encode_s1, encode_s2
from sentinel_fusion.data.rasters import read_strips
from sentinel_fusion.data.shards import ShardWriter
from sentinel_fusion.data.sources.sen12ms import list_patches
from sentinel_fusion.data.stats import BandHistograms
from sentinel_fusion.data.synthetic.layout import write_sen12ms

Tiles = dict[str, np.ndarray]
"""Sensor -> stored integers (tiles, rows, cols, bands)."""
_SHARD_MIB = 256
_RANGES = {"s1": (-3000, 0, np.int16), "s2": (1, 9000, np.uint16)}


def write_rasters(folder: Path, places: int) -> None:
    """Simulated 256 px patches in SEN12MS's layout, uncompressed, a file a sensor.

    Args:
        folder: Empty folder; gets SEN12MS's lists of patches as well.
        places: Patches, one a place.
    """
    write_sen12ms(
        folder, seed=0, num_places=places, patches_per_place=1, patch_px=256, workers=2
    )
    names = sorted(file.name for file in folder.rglob("*_s2_*.tif"))
    for split in ("train", "test"):
        (folder / f"{split}_list.txt").write_text("\n".join(names) + "\n")


def deflate(rasters: Path, folder: Path) -> None:
    """Copy rasters, compressed with predictor, the bands of a pixel together.

    Args:
        rasters: Folder that ``write_rasters`` wrote.
        folder: Folder to make.
    """
    shutil.copytree(rasters, folder)
    for file in folder.rglob("*.tif"):
        with rasterio.open(file) as raster:
            kept = ("driver", "width", "height", "count", "dtype", "crs", "transform")
            profile = {key: raster.profile[key] for key in kept}
            pixels = raster.read()
        predictor = 3 if pixels.dtype.kind == "f" else 2
        with rasterio.open(
            file,
            "w",
            **profile,
            compress="deflate",
            predictor=predictor,
            interleave="pixel",
        ) as raster:
            raster.write(pixels)


def random_tiles(count: int, size_px: int) -> Tiles:
    """Tiles of random integers.

    Args:
        count: Tiles.
        size_px: Their edge.

    Returns:
        Sensor -> tiles as they are stored.
    """
    rng = np.random.default_rng(0)
    return {
        sensor: rng.integers(
            low, high, (count, size_px, size_px, len(BANDS[sensor])), dtype=dtype
        )
        for sensor, (low, high, dtype) in _RANGES.items()
    }


def tiles_of(rasters: Path) -> Tiles:
    """Whole patches of SEN12MS's layout as tiles.

    Args:
        rasters: Folder that ``write_rasters`` wrote.

    Returns:
        Sensor -> tiles as they are stored.
    """
    patches = list_patches(rasters, with_labels=False)
    strips = [
        next(iter(read_strips(patch, size_px=256, stride_px=256)[1]))
        for patch in patches
    ]
    return {
        "s1": np.stack([encode_s1(strip.s1) for strip in strips]),
        "s2": np.stack([encode_s2(strip.s2) for strip in strips]),
    }


def write_store(folder: Path, pool: Tiles, tiles: int) -> Path:
    """A tile store that holds a few tiles over and over.

    Args:
        folder: Store to make.
        pool: The few tiles.
        tiles: Tiles of the store, ten a place.

    Returns:
        The folder.
    """
    folder.mkdir(parents=True)
    bands = {}
    for sensor, distinct in pool.items():
        with ShardWriter(
            folder,
            sensor,
            distinct.shape[1:],
            distinct.dtype.type,
            shard_mib=_SHARD_MIB,
        ) as shards:
            for start in range(0, tiles, len(distinct)):
                shards.append(distinct[: tiles - start])
        histograms = BandHistograms(sensor)
        histograms.add(distinct)
        bands[sensor] = histograms.summary()
    rows = np.arange(tiles)
    index = pd.DataFrame(
        {
            "tile_id": [f"tile-{row}" for row in rows],
            "place_id": [f"place-{row // 10}" for row in rows],
            "valid_share": 1.0,
        }
    )
    index.to_parquet(folder / "index.parquet", index=False)
    stats = {"tiles": tiles, "bands": bands, "content_sha256": f"pool-{tiles}"}
    (folder / "stats.json").write_text(json.dumps(stats))
    return folder
