"""Read the co-located rasters of a patch strip by strip, with checks on their shape."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from jaxtyping import Bool, Float, Shaped, UInt8
from rasterio.windows import Window

from sentinel_fusion.bands import BANDS, S1_LIMITS_DB, S2_NODATA
from sentinel_fusion.classes import IGNORE_INDEX, to_classes
from sentinel_fusion.data.grids import (
    Grid,
    check_kind,
    grid_of,
    open_raster,
    same_grid,
)
from sentinel_fusion.data.patches import Patch

_READ_ROWS_PX = 512


@dataclass(frozen=True)
class Strip:
    """Full-width rows of a patch.

    Args:
        row_px: First row in the patch.
        s1: Backscatter in dB; NaN where there is no measurement.
        s2: Reflectance x 10000.
        s2_invalid: Where no reflectance was measured.
        label: Class indices, or None where the patch has no labels.
    """

    row_px: int
    s1: Float[np.ndarray, "rows cols 2"]
    s2: Shaped[np.ndarray, "rows cols 13"]
    s2_invalid: Bool[np.ndarray, "rows cols"]
    label: UInt8[np.ndarray, "rows cols"] | None


def read_strips(
    patch: Patch, *, size_px: int, stride_px: int
) -> tuple[Grid, Iterator[Strip]]:
    """Strips that hold every row of tiles once, each raster opened once.

    Args:
        patch: Patch to read.
        size_px: Rows of a tile.
        stride_px: Rows between tiles.

    Returns:
        The patch's grid, and its strips from the top; none where the patch is lower
        than a tile.
    """
    with open_raster(patch.s1) as s1:
        grid = grid_of(s1)
    return grid, _iterate(patch, grid, size_px, stride_px)


def _iterate(patch: Patch, grid: Grid, size_px: int, stride_px: int) -> Iterator[Strip]:
    tiles_down = (grid.height_px - size_px) // stride_px + 1
    tiles_a_read = max(1, (_READ_ROWS_PX - size_px) // stride_px + 1)
    with ExitStack() as stack:
        s1 = stack.enter_context(open_raster(patch.s1))
        s2 = stack.enter_context(open_raster(patch.s2))
        _check_bands(s1, patch.s1, len(BANDS["s1"]), "f", "VV and VH")
        _check_bands(s2, patch.s2, len(BANDS["s2"]), "iu", "reflectance x 10000")
        _check_grid(grid, s2, patch.s2, patch.s1)
        label = None
        if patch.label is not None:
            label = stack.enter_context(open_raster(patch.label))
            check_kind(label, patch.label, "iu", "land-cover codes")
            _check_grid(grid, label, patch.label, patch.s1)
        for first in range(0, tiles_down, tiles_a_read):
            count = min(tiles_a_read, tiles_down - first)
            row_px = first * stride_px
            rows = (count - 1) * stride_px + size_px
            window = Window(0, row_px, grid.width_px, rows)
            reflectance, invalid = _read_s2(s2, window, patch.s2_offset)
            yield Strip(
                row_px=row_px,
                s1=_read_s1(s1, window, patch.s1_scale),
                s2=reflectance,
                s2_invalid=invalid,
                label=None if label is None else _read_label(label, window, patch),
            )


def _read_s1(
    raster: rasterio.DatasetReader, window: Window, scale: str
) -> Float[np.ndarray, "rows cols 2"]:
    pixels = np.moveaxis(raster.read(window=window), 0, -1)
    low, high = S1_LIMITS_DB
    with np.errstate(invalid="ignore", divide="ignore"):
        # power of 0 and below becomes -inf or NaN, outside of the limits
        backscatter = 10 * np.log10(pixels) if scale == "linear" else pixels
        valid = (backscatter >= low) & (backscatter <= high)
    if raster.nodata is not None:
        valid &= pixels != raster.nodata
    return np.where(valid, backscatter, np.nan)


def _read_s2(
    raster: rasterio.DatasetReader, window: Window, offset: int
) -> tuple[Shaped[np.ndarray, "rows cols 13"], Bool[np.ndarray, "rows cols"]]:
    pixels = np.moveaxis(raster.read(window=window), 0, -1)
    if pixels.size and pixels.min() < 0:
        raise ValueError(
            f"{raster.name}: reflectance x 10000 must be >= 0, got {pixels.min()}; "
            "give the raster a nodata value of 0"
        )
    nodata = S2_NODATA if raster.nodata is None else raster.nodata
    invalid = (pixels == nodata).all(axis=-1)
    if offset:
        pixels = _without_offset(pixels, offset)
    return np.where(invalid[..., None], S2_NODATA, pixels), invalid


def _without_offset(
    pixels: Shaped[np.ndarray, "rows cols bands"], offset: int
) -> Shaped[np.ndarray, "rows cols bands"]:
    # A measured value stays at least 1, 0.01 % of reflectance: at 0 a dark pixel would
    # read as one without measurement. A band that holds 0 has none and keeps it.
    measured = pixels != S2_NODATA
    return np.where(measured, np.maximum(pixels, offset + 1) - offset, S2_NODATA)


def _read_label(
    raster: rasterio.DatasetReader, window: Window, patch: Patch
) -> UInt8[np.ndarray, "rows cols"]:
    # int8 has no room for the code of no class
    codes = raster.read(1, window=window, out_dtype=np.int64)
    if raster.nodata is not None:
        # a code that no scheme gives a class, as for labels that were warped
        codes = np.where(codes == raster.nodata, IGNORE_INDEX, codes)
    if codes.size and (codes.min() < 0 or codes.max() > 255):
        raise ValueError(
            f"{patch.label}: land-cover codes must be 0..255, "
            f"got {codes.min()}..{codes.max()}; recode the raster"
        )
    return to_classes(codes.astype(np.uint8), patch.label_scheme)


def _check_bands(
    raster: rasterio.DatasetReader, file: Path, count: int, kinds: str, meaning: str
) -> None:
    if raster.count != count:
        raise ValueError(
            f"{file}: expected {count} bands ({meaning}), got {raster.count}"
        )
    check_kind(raster, file, kinds, meaning)


def _check_grid(
    grid: Grid, raster: rasterio.DatasetReader, file: Path, reference: Path
) -> None:
    other = grid_of(raster)
    if not same_grid(other, grid):
        raise ValueError(
            f"{file} must lie on the grid of {reference}, got {other} against {grid}; "
            "reproject one onto the other"
        )
