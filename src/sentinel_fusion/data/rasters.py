"""Read the co-located rasters of a patch strip by strip, with checks on their shape."""

import warnings
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from jaxtyping import Bool, Float, Shaped, UInt8
from rasterio.errors import NotGeoreferencedWarning
from rasterio.windows import Window

from sentinel_fusion.bands import BANDS, S1_LIMITS_DB, S2_NODATA
from sentinel_fusion.classes import to_classes
from sentinel_fusion.data.patches import Patch

_READ_ROWS_PX = 512


@dataclass(frozen=True)
class Grid:
    """Pixel grid of a patch.

    Args:
        height_px: Rows.
        width_px: Columns.
        crs: CRS as text rasterio reads, or None where the raster has none.
        transform: Affine map from column, row to CRS coordinates.
    """

    height_px: int
    width_px: int
    crs: str | None
    transform: rasterio.Affine


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
    with _open(patch.s1) as s1:
        grid = _grid(s1)
    return grid, _iterate(patch, grid, size_px, stride_px)


def _open(file: Path) -> rasterio.DatasetReader:
    with warnings.catch_warnings():
        # distributed copies of DFC2020 have none; their tiles then have no footprint
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        return rasterio.open(file)


def _grid(raster: rasterio.DatasetReader) -> Grid:
    crs = raster.crs.to_string() if raster.crs else None
    return Grid(raster.height, raster.width, crs, raster.transform)


def _iterate(patch: Patch, grid: Grid, size_px: int, stride_px: int) -> Iterator[Strip]:
    tiles_down = (grid.height_px - size_px) // stride_px + 1
    tiles_a_read = max(1, (_READ_ROWS_PX - size_px) // stride_px + 1)
    with ExitStack() as stack:
        s1 = stack.enter_context(_open(patch.s1))
        s2 = stack.enter_context(_open(patch.s2))
        _check_bands(s1, patch.s1, len(BANDS["s1"]), "f", "VV and VH in dB")
        _check_bands(s2, patch.s2, len(BANDS["s2"]), "iu", "reflectance x 10000")
        _check_grid(grid, s2, patch.s2, patch.s1)
        label = None
        if patch.label is not None:
            label = stack.enter_context(_open(patch.label))
            _check_kind(label, patch.label, "iu", "land-cover codes")
            _check_grid(grid, label, patch.label, patch.s1)
        for first in range(0, tiles_down, tiles_a_read):
            count = min(tiles_a_read, tiles_down - first)
            row_px = first * stride_px
            rows = (count - 1) * stride_px + size_px
            window = Window(0, row_px, grid.width_px, rows)
            reflectance, invalid = _read_s2(s2, window)
            yield Strip(
                row_px=row_px,
                s1=_read_s1(s1, window),
                s2=reflectance,
                s2_invalid=invalid,
                label=None if label is None else _read_label(label, window, patch),
            )


def _read_s1(
    raster: rasterio.DatasetReader, window: Window
) -> Float[np.ndarray, "rows cols 2"]:
    pixels = np.moveaxis(raster.read(window=window), 0, -1)
    low, high = S1_LIMITS_DB
    with np.errstate(invalid="ignore"):
        valid = (pixels >= low) & (pixels <= high)
    if raster.nodata is not None:
        valid &= pixels != raster.nodata
    return np.where(valid, pixels, np.nan)


def _read_s2(
    raster: rasterio.DatasetReader, window: Window
) -> tuple[Shaped[np.ndarray, "rows cols 13"], Bool[np.ndarray, "rows cols"]]:
    pixels = np.moveaxis(raster.read(window=window), 0, -1)
    if pixels.size and pixels.min() < 0:
        raise ValueError(
            f"{raster.name}: reflectance x 10000 must be >= 0, got {pixels.min()}; "
            "give the raster a nodata value of 0"
        )
    nodata = S2_NODATA if raster.nodata is None else raster.nodata
    invalid = (pixels == nodata).all(axis=-1)
    return np.where(invalid[..., None], S2_NODATA, pixels), invalid


def _read_label(
    raster: rasterio.DatasetReader, window: Window, patch: Patch
) -> UInt8[np.ndarray, "rows cols"]:
    codes = raster.read(1, window=window)
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
    _check_kind(raster, file, kinds, meaning)


def _check_kind(
    raster: rasterio.DatasetReader, file: Path, kinds: str, meaning: str
) -> None:
    kind = np.dtype(raster.dtypes[0]).kind
    if kind not in kinds:
        wanted = "floating-point" if "f" in kinds else "whole-number"
        raise ValueError(
            f"{file}: expected {wanted} pixels ({meaning}), got {raster.dtypes[0]}; "
            "convert the raster"
        )


def _check_grid(
    grid: Grid, raster: rasterio.DatasetReader, file: Path, reference: Path
) -> None:
    other = _grid(raster)
    same_size = (other.height_px, other.width_px) == (grid.height_px, grid.width_px)
    same_place = other.crs == grid.crs and other.transform.almost_equals(
        grid.transform, precision=1e-6 * abs(grid.transform.a)
    )
    if not (same_size and same_place):
        raise ValueError(
            f"{file} must lie on the grid of {reference}, got "
            f"{other.height_px}x{other.width_px} {other.crs} {other.transform[:6]} "
            f"against {grid.height_px}x{grid.width_px} {grid.crs} "
            f"{grid.transform[:6]}; reproject one onto the other"
        )
