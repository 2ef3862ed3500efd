"""Small tiles of one place at a time, out of a tile store or straight from rasters."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Float, Shaped, UInt16

from sentinel_fusion.bands import S1_NAN, S1_UNITS_PER_DB, S2_NODATA, encode_s2
from sentinel_fusion.data.patches import Patch
from sentinel_fusion.data.rasters import read_strips
from sentinel_fusion.data.shards import ShardReader


@dataclass(frozen=True)
class PlaceTiles:
    """Tiles of one place without a missing pixel.

    Args:
        place_id: Name of the place.
        s1: Backscatter in dB.
        s2: Reflectance x 10000.
    """

    place_id: str
    s1: Float[np.ndarray, "tiles size size 2"]
    s2: UInt16[np.ndarray, "tiles size size 13"]


def tiles_of_store(
    store: Path,
    *,
    size_px: int,
    max_places: int,
    max_tiles: int,
    rng: np.random.Generator,
) -> Iterator[PlaceTiles]:
    """Tiles of a store, place by place; larger ones are cut.

    Args:
        store: A tile store.
        size_px: Edge of the tiles wanted.
        max_places: Places at most, drawn by chance.
        max_tiles: Tiles of a place at most, drawn by chance.
        rng: Source of the draws.

    Yields:
        The places in the order of their names; one without a whole tile is left out.

    Raises:
        ValueError: If the store's tiles are smaller than ``size_px``.
    """
    readers = {sensor: ShardReader(store, sensor) for sensor in ("s1", "s2")}
    stored_px = readers["s1"].item_shape[0]
    if stored_px < size_px:
        raise ValueError(
            f"tiles of {store} must be at least {size_px} px, got {stored_px}; "
            "raise tile.size_px"
        )
    index = pd.read_parquet(store / "index.parquet", columns=["place_id"])
    place_of = index["place_id"].to_numpy(str)
    order = np.argsort(place_of, kind="stable")
    names, starts = np.unique(place_of[order], return_index=True)
    rows_of = dict(zip(names, np.split(order, starts[1:]), strict=True))
    if len(names) > max_places:
        names = np.sort(rng.choice(names, max_places, replace=False))
    for name in names:
        rows = rows_of[name]
        if len(rows) > max_tiles:
            rows = np.sort(rng.choice(rows, max_tiles, replace=False))
        s1, s2 = (_cut(readers[sensor].read(rows), size_px) for sensor in ("s1", "s2"))
        decibel = np.where(s1 == S1_NAN, np.nan, s1 / S1_UNITS_PER_DB)
        found = _whole(str(name), decibel, s2)
        chosen = rng.permutation(len(found.s1))[:max_tiles]
        if chosen.size:
            yield PlaceTiles(found.place_id, found.s1[chosen], found.s2[chosen])


def tiles_of_patches(patches: list[Patch], *, size_px: int) -> Iterator[PlaceTiles]:
    """All tiles of rasters, place by place.

    Args:
        patches: Patches of one source.
        size_px: Edge of the tiles wanted.

    Yields:
        The places in the order of their first patch; one without a whole tile is left
        out.
    """
    by_place: dict[str, list[Patch]] = {}
    for patch in patches:
        by_place.setdefault(patch.place_id, []).append(patch)
    for name, ours in by_place.items():
        parts = [
            _whole(name, _cut(strip.s1, size_px), _cut(encode_s2(strip.s2), size_px))
            for patch in ours
            for strip in read_strips(patch, size_px=size_px, stride_px=size_px)[1]
        ]
        if sum(len(part.s1) for part in parts):
            s1, s2 = (
                np.concatenate([getattr(part, sensor) for part in parts])
                for sensor in ("s1", "s2")
            )
            yield PlaceTiles(name, s1, s2)


def _cut(
    pixels: Shaped[np.ndarray, "*tiles rows cols bands"], size_px: int
) -> Shaped[np.ndarray, "cut size size bands"]:
    """Tiles side by side from the upper left corner."""
    rows, cols, bands = pixels.shape[-3:]
    down, across = rows // size_px, cols // size_px
    kept = pixels.reshape(-1, rows, cols, bands)
    kept = kept[:, : down * size_px, : across * size_px]
    split = kept.reshape(-1, down, size_px, across, size_px, bands)
    return split.swapaxes(2, 3).reshape(-1, size_px, size_px, bands)


def _whole(
    name: str,
    s1: Float[np.ndarray, "tiles size size 2"],
    s2: UInt16[np.ndarray, "tiles size size 13"],
) -> PlaceTiles:
    """Only the tiles that both sensors measured everywhere."""
    pixels = (1, 2)
    keep = np.isfinite(s1).all(axis=(*pixels, 3))
    keep &= (s2 != S2_NODATA).any(axis=3).all(axis=pixels)
    return PlaceTiles(name, s1[keep].astype(np.float32), s2[keep])
