"""Pixel grids: where a raster lies, if two are one, how much one covers another."""

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
import rasterio.transform
import rasterio.warp
import shapely
from rasterio.crs import CRS
from rasterio.errors import NotGeoreferencedWarning

GROUND_PX_M = 10.0
"""Pixel size that encoders learn: the finest of Sentinel-2."""
WEB_MERCATOR = 3857
"""EPSG code whose "metres" are too long by 1 / cos(latitude)."""

WGS84 = "EPSG:4326"

_EDGE_POINTS = 21


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

    def __str__(self) -> str:
        """Size, CRS and affine map, for messages."""
        size = f"{self.height_px}x{self.width_px}"
        return f"{size} {self.crs} {self.transform[:6]}"


def open_raster(file: Path) -> rasterio.DatasetReader:
    """A raster, with no warning where it has no georeference.

    Args:
        file: Raster file.

    Returns:
        The open raster; the caller closes it.
    """
    with warnings.catch_warnings():
        # distributed copies of DFC2020 have none; their tiles then have no footprint
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        return rasterio.open(file)


def check_kind(
    raster: rasterio.DatasetReader, file: Path, kinds: str, meaning: str
) -> None:
    """Refuse pixels of another kind.

    Args:
        raster: The open raster.
        file: Its file, named in the message.
        kinds: Kinds of numpy types allowed: "f", or "iu".
        meaning: What the pixels are, for the message.

    Raises:
        ValueError: If the pixels are of another kind.
    """
    kind = np.dtype(raster.dtypes[0]).kind
    if kind not in kinds:
        wanted = "floating-point" if "f" in kinds else "whole-number"
        raise ValueError(
            f"{file}: expected {wanted} pixels ({meaning}), got {raster.dtypes[0]}; "
            "convert the raster"
        )


def grid_of(raster: rasterio.DatasetReader) -> Grid:
    """The grid of an open raster.

    Args:
        raster: Raster or VRT.

    Returns:
        Its grid.
    """
    crs = raster.crs.to_string() if raster.crs else None
    return Grid(raster.height, raster.width, crs, raster.transform)


def same_grid(first: Grid, second: Grid) -> bool:
    """Whether two grids are one, up to a millionth of a pixel.

    Args:
        first: A grid.
        second: Another grid.

    Returns:
        True if size, CRS and affine map agree.
    """
    same_size = (first.height_px, first.width_px) == (second.height_px, second.width_px)
    return (
        same_size
        and first.crs == second.crs
        and first.transform.almost_equals(
            second.transform, precision=1e-6 * abs(second.transform.a)
        )
    )


def ten_metre_grid(grid: Grid) -> Grid:
    """The north-up grid of 10 m pixels that tiles are cut on.

    A grid that is one already stays as it is. Another in metres keeps its CRS; degrees,
    feet and Web Mercator, whose pixels have no fixed size on the ground, become the UTM
    zone of the centre. New corners lie on whole pixels, as those of Sentinel-2 do.

    Args:
        grid: Grid with a CRS, for example of the blue band.

    Returns:
        A grid of the same ground.
    """
    crs = CRS.from_user_input(grid.crs)
    in_metres = (
        crs.is_projected
        and crs.linear_units_factor[1] == 1
        and crs.to_epsg() != WEB_MERCATOR
    )
    here = grid.transform
    pixel = (here.a, here.b, here.d, here.e)
    wanted = (GROUND_PX_M, 0.0, 0.0, -GROUND_PX_M)
    if in_metres and np.allclose(pixel, wanted, rtol=0, atol=1e-3 * GROUND_PX_M):
        return grid
    target = crs if in_metres else CRS.from_epsg(_utm_zone(grid))
    # rounded first: the last digits of a projection must not add an empty row
    bounds = np.round(np.divide(_bounds(grid, target), GROUND_PX_M), 6)
    west, south = np.floor(bounds[:2])
    east, north = np.ceil(bounds[2:])
    return Grid(
        height_px=int(north - south),
        width_px=int(east - west),
        crs=target.to_string(),
        transform=rasterio.Affine.translation(west * GROUND_PX_M, north * GROUND_PX_M)
        @ rasterio.Affine.scale(GROUND_PX_M, -GROUND_PX_M),
    )


def _bounds(grid: Grid, target: CRS | str) -> tuple[float, float, float, float]:
    bounds = rasterio.transform.array_bounds(
        grid.height_px, grid.width_px, grid.transform
    )
    west, south, east, north = rasterio.warp.transform_bounds(grid.crs, target, *bounds)
    return west, south, east, north


def _utm_zone(grid: Grid) -> int:
    west, south, east, north = _bounds(grid, WGS84)
    zone = int(((west + east) / 2 + 180) // 6) % 60 + 1
    return (32600 if south + north >= 0 else 32700) + zone


def footprint_text(grid: Grid) -> str:
    """Where a grid lies, for messages.

    Args:
        grid: Grid with a CRS.

    Returns:
        Bounds in degrees of longitude and latitude.
    """
    west, south, east, north = _bounds(grid, WGS84)
    return f"{west:.4f}..{east:.4f} E, {south:.4f}..{north:.4f} N"


def cover_share(layer: Grid, reference: Grid) -> float:
    """Share of a grid's ground that another grid covers, whatever its pixels hold.

    The reference's outline is taken to the layer's pixels, not the other way round: a
    global map has no outline in a UTM zone.

    Args:
        layer: Grid that should cover; with a CRS.
        reference: Grid to be covered; with a CRS.

    Returns:
        A share, 0..1.
    """
    steps = np.linspace(0, 1, _EDGE_POINTS)
    first, last = np.zeros(_EDGE_POINTS), np.ones(_EDGE_POINTS)
    across = np.concatenate([steps, last, steps[::-1], first])
    down = np.concatenate([first, steps, last, steps[::-1]])
    x, y = reference.transform @ np.stack(
        [across * reference.width_px, down * reference.height_px]
    )
    x, y = rasterio.warp.transform(reference.crs, layer.crs, x, y)
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        return 0.0
    outline = shapely.Polygon(np.transpose(~layer.transform @ np.array([x, y])))
    inside = outline.intersection(shapely.box(0, 0, layer.width_px, layer.height_px))
    return float(inside.area / outline.area)


def shrinking(source: Grid, target: Grid) -> tuple[float, float]:
    """How much smaller a raster becomes on another grid, at the middle of that.

    Args:
        source: Grid of the raster; with a CRS.
        target: Grid it is put on; with a CRS.

    Returns:
        Target pixels a source pixel along the target's columns and rows; 1 where the
        source is as coarse, up to a twentieth, or coarser.
    """
    col, row = target.width_px / 2, target.height_px / 2
    x, y = target.transform @ np.array([[col, col + 1, col], [row, row, row + 1]])
    x, y = rasterio.warp.transform(target.crs, source.crs, x, y)
    cols, rows = ~source.transform @ np.array([x, y])
    steps = np.hypot(cols[1:] - cols[0], rows[1:] - rows[0])
    across, down = np.where(steps < 1.05, 1.0, 1 / steps)
    return float(across), float(down)
