"""Tile store: cut patches into tiles, refuse bad ones by reason, write whole or not.

Layout: ``index.parquet`` (GeoParquet, a row a tile), ``s1-*.npy`` int16 centi-dB,
``s2-*.npy`` uint16 reflectance x 10000, ``label-*.npy`` uint8 classes, ``stats.json``.
"""

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import rasterio.warp
import shapely
from jaxtyping import Integer, Shaped, UInt8

from sentinel_fusion.bands import BANDS, encode_s1, encode_s2
from sentinel_fusion.classes import CLASS_NAMES, IGNORE_INDEX, NUM_CLASSES
from sentinel_fusion.data.grids import WGS84, Grid
from sentinel_fusion.data.patches import Patch
from sentinel_fusion.data.rasters import Strip, read_strips
from sentinel_fusion.data.shards import ShardWriter
from sentinel_fusion.data.stats import BandHistograms

REJECTIONS = ("s1_invalid", "s2_invalid", "label_ignored")
PATCH_TOO_SMALL = "patch_smaller_than_tile"


@dataclass(frozen=True)
class TileRules:
    """How patches become tiles.

    Args:
        size_px: Edge of a tile.
        stride_px: Pixels between the corners of neighbouring tiles.
        max_invalid_share: Largest share of pixels a sensor may lack, 0..1.
        min_label_share: Smallest share of pixels with a class, 0..1.
        min_class_share: Share of pixels from which a class counts as present, 0..1.
        shard_mib: Largest size of a shard.
    """

    size_px: int
    stride_px: int
    max_invalid_share: float
    min_label_share: float
    min_class_share: float
    shard_mib: int


def write_tiles(
    patches: Iterable[Patch],
    folder: Path,
    rules: TileRules,
    *,
    with_labels: bool,
    progress: Callable[[], object],
) -> dict[str, int]:
    """Write a tile store; it appears under its name only when it is complete.

    Args:
        patches: Patches in the order their tiles are stored.
        folder: Store to write; must not exist.
        rules: How patches become tiles.
        with_labels: Whether to store labels and to judge tiles by them.
        progress: Called after every patch.

    Returns:
        Counts: "accepted", and one a reason of rejection.

    Raises:
        FileExistsError: If the store is there already.
    """
    if folder.exists():
        raise FileExistsError(f"{folder} must not exist; remove it to tile anew")
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    with ExitStack() as stack:
        writer = _StoreWriter(partial, rules, with_labels=with_labels, stack=stack)
        for patch in patches:
            writer.add_patch(patch)
            progress()
    counts = writer.finish()
    partial.rename(folder)
    return counts


class _StoreWriter:
    """Shards, index rows and statistics of one store, grown patch by patch."""

    def __init__(
        self, folder: Path, rules: TileRules, *, with_labels: bool, stack: ExitStack
    ) -> None:
        self._folder = folder
        self._rules = rules
        edge = (rules.size_px, rules.size_px)
        layers: dict[str, tuple[tuple[int, ...], type[np.generic]]] = {
            "s1": ((*edge, len(BANDS["s1"])), np.int16),
            "s2": ((*edge, len(BANDS["s2"])), np.uint16),
        }
        if with_labels:
            layers["label"] = (edge, np.uint8)
        self._shards = {
            name: stack.enter_context(
                ShardWriter(folder, name, shape, dtype, shard_mib=rules.shard_mib)
            )
            for name, (shape, dtype) in layers.items()
        }
        self._histograms = {sensor: BandHistograms(sensor) for sensor in BANDS}
        self._digest = hashlib.sha256()
        self._rows: list[pd.DataFrame] = []
        self._counts = Counter(dict.fromkeys((*REJECTIONS, PATCH_TOO_SMALL), 0))

    def add_patch(self, patch: Patch) -> None:
        size_px, stride_px = self._rules.size_px, self._rules.stride_px
        grid, strips = read_strips(patch, size_px=size_px, stride_px=stride_px)
        if min(grid.height_px, grid.width_px) < size_px:
            self._counts[PATCH_TOO_SMALL] += 1
            return
        for strip in strips:
            self._add_strip(patch, grid, strip)

    def _add_strip(self, patch: Patch, grid: Grid, strip: Strip) -> None:
        size_px, stride_px = self._rules.size_px, self._rules.stride_px
        cut = {
            "s1": _windows(encode_s1(strip.s1), size_px, stride_px),
            "s2": _windows(encode_s2(strip.s2), size_px, stride_px),
        }
        invalid = {
            "s1_invalid": np.isnan(strip.s1).any(axis=-1),
            "s2_invalid": strip.s2_invalid,
        }
        shares = {
            reason: _windows(pixels, size_px, stride_px).mean(axis=(1, 2))
            for reason, pixels in invalid.items()
        }
        reason = np.full(len(cut["s1"]), "", dtype=object)
        for name, share in shares.items():
            reason[(reason == "") & (share > self._rules.max_invalid_share)] = name
        rows = _positions(grid, strip.row_px, len(reason), size_px, stride_px)
        rows["valid_share"] = 1 - np.maximum(*shares.values())
        if strip.label is not None:
            cut["label"] = _windows(strip.label, size_px, stride_px)
            rows = rows.join(_describe_labels(cut["label"], self._rules))
            ignored = rows["label_share"] < self._rules.min_label_share
            reason[(reason == "") & ignored.to_numpy()] = "label_ignored"
        keep = reason == ""
        self._counts.update(reason[~keep])
        self._store({name: tiles[keep] for name, tiles in cut.items()})
        self._rows.append(_identify(rows[keep], patch, grid))

    def _store(self, tiles: dict[str, Shaped[np.ndarray, "..."]]) -> None:
        for name, shards in self._shards.items():
            block = np.ascontiguousarray(tiles[name])
            shards.append(block)
            self._digest.update(block.data)
            if name in self._histograms:
                self._histograms[name].add(block)

    def finish(self) -> dict[str, int]:
        accepted = sum(len(rows) for rows in self._rows)
        rejected = {name: int(count) for name, count in self._counts.items()}
        if accepted == 0:
            raise ValueError(
                f"a tile store needs at least 1 tile, got 0; rejected: {rejected}; "
                "loosen the tile section of params.yaml or mend the rasters"
            )
        index = pd.concat(self._rows, ignore_index=True)
        gpd.GeoDataFrame(index, geometry="footprint", crs=WGS84).to_parquet(
            self._folder / "index.parquet"
        )
        stats = {
            "tiles": accepted,
            "rejected": rejected,
            "bands": {name: h.summary() for name, h in self._histograms.items()},
            "content_sha256": self._digest.hexdigest(),
        }
        text = json.dumps(stats, indent=2)
        (self._folder / "stats.json").write_text(text + "\n")
        return {"accepted": accepted, **rejected}


def _windows(
    pixels: Shaped[np.ndarray, "rows cols *bands"], size_px: int, stride_px: int
) -> Shaped[np.ndarray, "tiles size size *bands"]:
    view = np.lib.stride_tricks.sliding_window_view(
        pixels, (size_px, size_px), axis=(0, 1)
    )[::stride_px, ::stride_px]
    tiles = view.reshape(-1, *view.shape[2:])
    return np.moveaxis(tiles, (-2, -1), (1, 2))


def _positions(
    grid: Grid, row_px: int, count: int, size_px: int, stride_px: int
) -> pd.DataFrame:
    across = (grid.width_px - size_px) // stride_px + 1
    number = np.arange(count)
    return pd.DataFrame(
        {
            "row_px": row_px + number // across * stride_px,
            "col_px": number % across * stride_px,
            "size_px": size_px,
        }
    )


def _describe_labels(
    label: UInt8[np.ndarray, "tiles size size"], rules: TileRules
) -> pd.DataFrame:
    counts: Integer[np.ndarray, "tiles classes"] = np.stack(
        [(label == code).sum(axis=(1, 2)) for code in range(NUM_CLASSES)], axis=1
    )
    pixels = rules.size_px**2
    fractions = counts / pixels
    described = pd.DataFrame(fractions, columns=[f"fraction_{n}" for n in CLASS_NAMES])
    for code, name in enumerate(CLASS_NAMES):
        described[f"has_{name}"] = fractions[:, code] >= rules.min_class_share
    majority = counts.argmax(axis=1)
    described["majority"] = np.where(counts.any(axis=1), majority, IGNORE_INDEX)
    described["label_share"] = counts.sum(axis=1) / pixels
    return described


def _identify(rows: pd.DataFrame, patch: Patch, grid: Grid) -> pd.DataFrame:
    named = rows.reset_index(drop=True)
    corner = named["row_px"].astype(str) + "-" + named["col_px"].astype(str)
    named.insert(0, "tile_id", patch.patch_id + "-" + corner)
    named.insert(1, "place_id", patch.place_id)
    named.insert(2, "group", patch.group)
    named.insert(3, "season", patch.season)
    named.insert(4, "source_file", patch.s1.as_posix())
    named.insert(5, "crs", grid.crs or "")
    named["footprint"] = _footprints(named, grid)
    return named


def _footprints(
    rows: pd.DataFrame, grid: Grid
) -> Shaped[np.ndarray, " tiles"] | list[None]:
    if grid.crs is None:
        return [None] * len(rows)
    size = rows["size_px"].to_numpy()[:, None]
    across = rows["col_px"].to_numpy()[:, None] + size * np.array([0, 1, 1, 0])
    down = rows["row_px"].to_numpy()[:, None] + size * np.array([0, 0, 1, 1])
    x, y = grid.transform @ np.stack([across.ravel(), down.ravel()])
    longitude, latitude = rasterio.warp.transform(grid.crs, WGS84, x, y)
    corners = np.stack([longitude, latitude], axis=-1).reshape(-1, 4, 2)
    return np.asarray(shapely.polygons(corners))
