"""Finished blocks become one tile store; shards are moved, not copied."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import reduce
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd

from sentinel_fusion.bands import BANDS
from sentinel_fusion.data.stats import BandHistograms
from sentinel_fusion.data.tiling.block_files import (
    HISTOGRAMS,
    ROWS,
    BlockRecord,
    merge_histograms,
)


def assemble(
    records: Sequence[BlockRecord], blocks: Path, store: Path
) -> dict[str, int]:
    """Gather blocks in their order.

    Args:
        records: What each block holds.
        blocks: Folder of the blocks' folders; their shards are moved out of it.
        store: Existing, empty folder.

    Returns:
        Counts: "accepted", and one a reason of rejection.

    Raises:
        ValueError: If no block holds a tile.
    """
    ordered = sorted(records, key=lambda record: record.number)
    accepted = sum(record.tiles for record in ordered)
    rejected = _sum(record.rejected for record in ordered)
    if accepted == 0:
        raise ValueError(
            f"a tile store needs at least 1 tile, got 0; rejected: {rejected}; "
            "loosen the tile section of params.yaml or mend the rasters"
        )
    folders = [blocks / f"{record.number:05d}" for record in ordered]
    histograms = _merge(folders)
    stats: dict[str, Any] = {
        "tiles": accepted,
        "rejected": rejected,
        "bands": {sensor: found.summary() for sensor, found in histograms.items()},
        "histograms": {sensor: found.binned() for sensor, found in histograms.items()},
        "content_sha256": reduce(_chain, (r.content_sha256 for r in ordered)),
    }
    bad_patches = _gather_names(ordered)
    if bad_patches:
        stats["bad_patches"] = bad_patches
    _gather_rows(folders).to_parquet(store / "index.parquet")
    (store / "stats.json").write_text(json.dumps(stats, indent=2) + "\n")
    _move_shards(ordered, folders, store)
    return {"accepted": accepted, **rejected}


def _sum(counts: Iterator[dict[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for found in counts:
        total.update(found)
    return dict(total)


def _chain(digest: str, following: str) -> str:
    """One block's digest stays its own; more of them are hashed one by one."""
    return hashlib.sha256(f"{digest}{following}".encode()).hexdigest()


def _merge(folders: Sequence[Path]) -> dict[str, BandHistograms]:
    histograms = {sensor: BandHistograms(sensor) for sensor in BANDS}
    for folder in folders:
        merge_histograms(histograms, folder / HISTOGRAMS)
    return histograms


def _gather_names(records: Sequence[BlockRecord]) -> dict[str, list[str]]:
    names: dict[str, list[str]] = {}
    for record in records:
        for reason, ids in record.bad_patches.items():
            names.setdefault(reason, []).extend(ids)
    return names


def _gather_rows(folders: Sequence[Path]) -> gpd.GeoDataFrame:
    files = [folder / ROWS for folder in folders]
    tables = [gpd.read_parquet(file) for file in files if file.is_file()]
    return pd.concat(tables, ignore_index=True)


def _move_shards(
    records: Sequence[BlockRecord], folders: Sequence[Path], store: Path
) -> None:
    written: Counter[str] = Counter()
    for record, folder in zip(records, folders, strict=True):
        for name in sorted(record.shards):
            layer = name.split("-")[0]
            (folder / name).rename(store / f"{layer}-{written[layer]:05d}.npy")
            written[layer] += 1
