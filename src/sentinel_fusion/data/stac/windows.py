"""Fetch the part of a pair's rasters that lies in a box.

Plain windows, each band in its own pixels: only the blocks that meet the box cross the
network, and the folder source puts bands and sensors on one grid for all whole scenes.
odc-stac or stackstac would resample here a second time, and bring xarray and dask.
"""

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import rasterio
import rasterio.transform
import rasterio.warp
from rasterio.errors import NotGeoreferencedWarning, RasterioIOError
from rasterio.windows import Window

from sentinel_fusion.bands import S2_NODATA
from sentinel_fusion.data.grids import WGS84, Grid, grid_of, same_grid
from sentinel_fusion.data.stac.assets import offset_tags, s1_assets, s2_assets
from sentinel_fusion.data.stac.catalogue import BBox, CatalogueError
from sentinel_fusion.data.stac.pairs import Pair
from sentinel_fusion.data.stac.signing import Sign

_GDAL = {
    # no listing of the remote folder for side files
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_HTTP_CONNECTTIMEOUT": "30",
    "GDAL_HTTP_TIMEOUT": "120",
    "GDAL_HTTP_MAX_RETRY": "3",
    "GDAL_HTTP_RETRY_DELAY": "2",
}
_MARGIN_PX = 2
"""Neighbours that interpolation takes part of at the edge of the box."""


def fetch_scene(pair: Pair, bbox: BBox, folder: Path, sign: Sign) -> None:
    """Write what of a pair lies in a box, in the layout of the folder source.

    The blue band is cut along its own pixels and so gives the scene's grid; bands in
    other pixels, and radar, reach a little farther.

    Args:
        pair: Optical and radar item.
        bbox: The box.
        folder: Existing folder, gets ``B01.tif`` .. ``B12.tif`` and ``s1.tif``.
        sign: Makes addresses that can be opened.
    """
    addresses, radar = (
        {name: sign(address) for name, address in found.items()}
        for found in (s2_assets(pair.s2), s1_assets(pair.s1))
    )
    tags = offset_tags(pair.s2)
    with rasterio.Env(**_GDAL):
        with _remote(addresses["B02"]) as blue:
            bounds = rasterio.warp.transform_bounds(WGS84, blue.crs, *bbox)
            ground = _grid(blue, _window(blue, bounds, margin_px=0))
        for name, address in addresses.items():
            _copy({name: address}, ground, folder / f"{name}.tif", S2_NODATA, tags)
        _copy(radar, ground, folder / "s1.tif", None, {})


def _copy(
    addresses: dict[str, str],
    ground: Grid,
    file: Path,
    nodata: float | None,
    tags: dict[str, str],
) -> None:
    """Cut rasters of one grid to some ground and stack them."""
    address, *others = addresses.values()
    with _remote(address) as raster:
        whole = grid_of(raster)
        part = _window(raster, *_bounds(ground, raster))
        profile = {
            "driver": "GTiff",
            "compress": "deflate",
            "count": len(addresses),
            "height": part.height,
            "width": part.width,
            "dtype": raster.dtypes[0],
            "nodata": nodata if raster.nodata is None else raster.nodata,
            "crs": raster.crs,
            "transform": _grid(raster, part).transform,
        }
    for other in others:
        with _remote(other) as raster:
            if not same_grid(grid_of(raster), whole):
                raise ValueError(
                    f"{_clean(other)} must lie on the grid of {_clean(address)}, got "
                    f"{grid_of(raster)} and {whole}; choose another s1_collection"
                )
    with rasterio.open(file, "w", **profile) as stack:
        stack.update_tags(**tags)
        for number, (name, here) in enumerate(addresses.items(), start=1):
            with _remote(here) as raster:
                pixels = raster.read(1, window=part)
            # out here: a full disk is no fault of the network
            stack.write(pixels, number)
            stack.set_band_description(number, name)


def _bounds(
    ground: Grid, raster: rasterio.DatasetReader
) -> tuple[tuple[float, float, float, float], int]:
    """Bounds of the ground in a raster's CRS, and the margin to read around them."""
    bounds = rasterio.transform.array_bounds(
        ground.height_px, ground.width_px, ground.transform
    )
    crs = raster.crs.to_string()
    if crs == ground.crs and math.isclose(raster.transform.a, ground.transform.a):
        return bounds, 0
    return rasterio.warp.transform_bounds(ground.crs, crs, *bounds), _MARGIN_PX


def _window(
    raster: rasterio.DatasetReader,
    bounds: tuple[float, float, float, float],
    margin_px: int,
) -> Window:
    """Whole pixels of a raster that meet some bounds."""
    west, south, east, north = bounds
    cols, rows = zip(
        *(~raster.transform @ corner for corner in ((west, north), (east, south))),
        strict=True,
    )
    # rounded: the last digits of a projection must not add a row
    left, top = (math.floor(round(min(s), 6)) - margin_px for s in (cols, rows))
    right, bottom = (math.ceil(round(max(s), 6)) + margin_px for s in (cols, rows))
    left, top = max(left, 0), max(top, 0)
    width = min(right, raster.width) - left
    height = min(bottom, raster.height) - top
    if min(width, height) < 1:
        raise ValueError(
            f"{_clean(raster.name)} must meet the box, its pixels lie elsewhere than "
            "the catalogue says; raise download.stac.min_box_cover or move the box"
        )
    return Window(left, top, width, height)


def _grid(raster: rasterio.DatasetReader, part: Window) -> Grid:
    return Grid(
        height_px=part.height,
        width_px=part.width,
        crs=raster.crs.to_string(),
        transform=raster.transform
        @ rasterio.Affine.translation(part.col_off, part.row_off),
    )


@contextmanager
def _remote(address: str) -> Iterator[rasterio.DatasetReader]:
    """An open raster with a CRS; faults of the network while it is read are told."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            raster = rasterio.open(address)
        with raster:
            if raster.crs is None:
                raise ValueError(
                    f"{_clean(address)} must have a CRS, got none (radar geometry); "
                    "choose a terrain-corrected collection such as sentinel-1-rtc"
                )
            yield raster
    except RasterioIOError as error:
        raise CatalogueError(
            f"{_clean(address)} cannot be read: "
            f"{str(error).replace(address, _clean(address))}; check the network and "
            "run again. Where files must be signed set download.stac.signing; where "
            "they need a log-in or are paid for (Copernicus Data Space, s3 addresses "
            "of Earth Search), name a catalogue of open files, or give GDAL the access "
            "by its environment variables (GDAL_HTTP_HEADERS, AWS_*), or fetch by hand "
            "and use source folder"
        ) from error


def _clean(address: str) -> str:
    """An address without its query, which may hold a signature."""
    return address.split("?")[0]
