"""Read the co-located rasters of a patch strip by strip, with checks on their shape."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
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

READ_ROWS_PX = 512
"""A patch no higher than this is read at once."""


class UnreadableRasterError(OSError):
    """A raster is missing, cut short or otherwise not to be read; names the file.

    Attributes:
        layer: "s1", "s2" or "label".
    """

    def __init__(self, layer: str, file: Path, cause: OSError) -> None:
        """Say which file.

        Args:
            layer: Layer of the patch.
            file: The raster.
            cause: What reading it raised.
        """
        super().__init__(f"{file} cannot be read: {cause}")
        self.layer = layer


@dataclass(frozen=True)
class Strip:
    """Full-width rows of a patch.

    Args:
        row_px: First row in the patch.
        s1: Backscatter in dB; NaN where there is no measurement.
        s1_invalid: Where a radar band has no measurement.
        s2: Reflectance x 10000.
        s2_invalid: Where no reflectance was measured.
        label: Class indices, or None where the patch has no labels.
    """

    row_px: int
    s1: Float[np.ndarray, "rows cols 2"]
    s1_invalid: Bool[np.ndarray, "rows cols"]
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
        than a tile. ``UnreadableRasterError`` may come here or with a strip.
    """
    with _reading("s1", patch.s1):
        s1 = open_raster(patch.s1)
    grid = grid_of(s1)
    return grid, _iterate(s1, patch, grid, size_px, stride_px)


@contextmanager
def _reading(layer: str, file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UnreadableRasterError(layer, file, error) from error


def _iterate(
    s1: rasterio.DatasetReader, patch: Patch, grid: Grid, size_px: int, stride_px: int
) -> Iterator[Strip]:
    tiles_down = (grid.height_px - size_px) // stride_px + 1
    tiles_a_read = max(1, (READ_ROWS_PX - size_px) // stride_px + 1)
    with ExitStack() as stack:
        stack.enter_context(s1)
        s2, label = _open_partners(s1, patch, grid, stack)
        for first in range(0, tiles_down, tiles_a_read):
            count = min(tiles_a_read, tiles_down - first)
            row_px = first * stride_px
            rows = (count - 1) * stride_px + size_px
            # None reads everything, faster than a window of the same extent
            is_whole = rows == grid.height_px
            window = None if is_whole else Window(0, row_px, grid.width_px, rows)
            with _reading("s1", patch.s1):
                backscatter, s1_invalid = _read_s1(s1, window, patch.s1_scale)
            with _reading("s2", patch.s2):
                reflectance, s2_invalid = _read_s2(s2, window, patch.s2_offset)
            yield Strip(
                row_px=row_px,
                s1=backscatter,
                s1_invalid=s1_invalid,
                s2=reflectance,
                s2_invalid=s2_invalid,
                label=None if label is None else _read_label(label, window, patch),
            )


def _open_partners(
    s1: rasterio.DatasetReader, patch: Patch, grid: Grid, stack: ExitStack
) -> tuple[rasterio.DatasetReader, rasterio.DatasetReader | None]:
    _check_bands(s1, patch.s1, len(BANDS["s1"]), "f", "VV and VH")
    with _reading("s2", patch.s2):
        s2 = stack.enter_context(open_raster(patch.s2))
    _check_bands(s2, patch.s2, len(BANDS["s2"]), "iu", "reflectance x 10000")
    _check_grid(grid, s2, patch.s2, patch.s1)
    if patch.label is None:
        return s2, None
    with _reading("label", patch.label):
        label = stack.enter_context(open_raster(patch.label))
    check_kind(label, patch.label, "iu", "land-cover codes")
    _check_grid(grid, label, patch.label, patch.s1)
    return s2, label


def _read_s1(
    raster: rasterio.DatasetReader, window: Window | None, scale: str
) -> tuple[Float[np.ndarray, "rows cols 2"], Bool[np.ndarray, "rows cols"]]:
    planes = raster.read(window=window)
    low, high = S1_LIMITS_DB
    with np.errstate(invalid="ignore", divide="ignore"):
        # power of 0 and below becomes -inf or NaN, outside of the limits
        backscatter = 10 * np.log10(planes) if scale == "linear" else planes
        valid = (backscatter >= low) & (backscatter <= high)
    if raster.nodata is not None:
        valid &= planes != raster.nodata
    invalid = ~valid.all(axis=0)
    if invalid.any():
        backscatter = np.where(valid, backscatter, np.nan)
    return _bands_last(backscatter), invalid


def _bands_last(
    planes: Shaped[np.ndarray, "bands rows cols"],
) -> Shaped[np.ndarray, "rows cols bands"]:
    # a band at a time: two to three times as fast as numpy copies the moved axis
    pixels = np.empty((*planes.shape[1:], len(planes)), planes.dtype)
    for band, plane in enumerate(planes):
        pixels[..., band] = plane
    return pixels


def _read_s2(
    raster: rasterio.DatasetReader, window: Window | None, offset: int
) -> tuple[Shaped[np.ndarray, "rows cols 13"], Bool[np.ndarray, "rows cols"]]:
    planes = raster.read(window=window)
    if planes.dtype.kind == "i" and planes.size and planes.min() < 0:
        raise ValueError(
            f"{raster.name}: reflectance x 10000 must be >= 0, got {planes.min()}; "
            "give the raster a nodata value of 0"
        )
    nodata = S2_NODATA if raster.nodata is None else raster.nodata
    invalid = planes[0] == nodata
    if invalid.any():  # else no pixel lacks all bands, as most patches have it
        invalid = (planes == nodata).all(axis=0)
    pixels = _bands_last(planes)
    if offset:
        pixels = _without_offset(pixels, offset)
    pixels[invalid] = S2_NODATA
    return pixels, invalid


def _without_offset(
    pixels: Shaped[np.ndarray, "rows cols bands"], offset: int
) -> Shaped[np.ndarray, "rows cols bands"]:
    # A measured value stays at least 1, 0.01 % of reflectance: at 0 a dark pixel would
    # read as one without measurement. A band that holds 0 has none and keeps it.
    measured = pixels != S2_NODATA
    return np.where(measured, np.maximum(pixels, offset + 1) - offset, S2_NODATA)


def _read_label(
    raster: rasterio.DatasetReader, window: Window | None, patch: Patch
) -> UInt8[np.ndarray, "rows cols"]:
    assert patch.label is not None
    with _reading("label", patch.label):
        codes = raster.read(1, window=window)
    if codes.dtype != np.uint8:  # int8 has no room for the code of no class
        codes = codes.astype(np.int64)
    if raster.nodata is not None:
        # a code that no scheme gives a class, as for labels that were warped
        codes = np.where(codes == raster.nodata, IGNORE_INDEX, codes)
    if codes.size and (codes.min() < 0 or codes.max() > 255):
        raise ValueError(
            f"{patch.label}: land-cover codes must be 0..255, "
            f"got {codes.min()}..{codes.max()}; recode the raster"
        )
    return to_classes(codes.astype(np.uint8, copy=False), patch.label_scheme)


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
