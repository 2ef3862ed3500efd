"""Write GDAL virtual rasters: band stacks, windows, dB as power, warped rasters.

Paths inside them are those that the caller has, relative to the working folder, as in
the manifest. Relative to the VRT they would break where DVC's cache links files.

Source: GDAL, "VRT -- GDAL Virtual Format" (elements, pixel function dB2pow).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import rasterio.shutil
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT

from sentinel_fusion.data.grids import Grid, grid_of, open_raster, shrinking
from sentinel_fusion.data.scenes.bands import BandSource

_GDAL_TYPES = {
    "int8": "Int8",
    "uint8": "Byte",
    "int16": "Int16",
    "uint16": "UInt16",
    "int32": "Int32",
    "uint32": "UInt32",
    "int64": "Int64",
    "uint64": "UInt64",
    "float32": "Float32",
    "float64": "Float64",
}

_TOLERANCE_PX = 0.01
"""Largest error of GDAL's shortcut through the map projections."""


@dataclass(frozen=True)
class Layer:
    """A band of a stack.

    Args:
        name: Its description.
        source: Raster on the stack's grid; None for a band that holds nodata only.
        nodata: Value of the source that becomes the stack's nodata.
    """

    name: str
    source: BandSource | None
    nodata: float


def write_stack(
    file: Path, grid: Grid, layers: Sequence[Layer], *, dtype: str, nodata: float
) -> Path:
    """A raster of bands from others on the same grid.

    Args:
        file: VRT to write.
        grid: Grid of the sources.
        layers: The bands in order.
        dtype: Name of a numpy type that holds the pixels.
        nodata: Value of pixels without measurement.

    Returns:
        ``file``.
    """
    root = _dataset(grid)
    for number, layer in enumerate(layers, start=1):
        band = _add_band(root, number, dtype)
        ET.SubElement(band, "Description").text = layer.name
        ET.SubElement(band, "NoDataValue").text = repr(float(nodata))
        if layer.source is not None:
            # a "complex" source is one that leaves out pixels of nodata
            part = _add_source(band, "ComplexSource", layer.source)
            ET.SubElement(part, "NODATA").text = repr(float(layer.nodata))
    return _write(root, file)


def write_window(
    file: Path, source: Path, grid: Grid, *, first_row: int, first_col: int
) -> Path:
    """A part of a raster, its values and nodata as they are.

    Args:
        file: VRT to write.
        source: Raster to take it from.
        grid: Grid of the part.
        first_row: Row of the source where it begins.
        first_col: Column of the source where it begins.

    Returns:
        ``file``.
    """
    size = {"xSize": str(grid.width_px), "ySize": str(grid.height_px)}
    root = _dataset(grid)
    with open_raster(source) as raster:
        kinds = zip(raster.dtypes, raster.nodatavals, strict=True)
        for number, (dtype, nodata) in enumerate(kinds, start=1):
            band = _add_band(root, number, dtype)
            if nodata is not None:
                # GDAL reads a 64-bit one as digits: no point, no exponent
                is_whole = np.dtype(dtype).kind in "iu" and float(nodata).is_integer()
                number_type = int if is_whole else float
                value = ET.SubElement(band, "NoDataValue")
                value.text = repr(number_type(nodata))
            part = _add_source(band, "SimpleSource", BandSource(source, number))
            start = {"xOff": str(first_col), "yOff": str(first_row)}
            ET.SubElement(part, "SrcRect", {**start, **size})
            ET.SubElement(part, "DstRect", {"xOff": "0", "yOff": "0", **size})
    return _write(root, file)


def write_power(file: Path, decibels: Path, grid: Grid, *, bands: int) -> Path:
    """A raster of dB as power, 10^(dB / 10), as float32.

    It declares no nodata: fill values far below any backscatter become exactly 0.

    Args:
        file: VRT to write.
        decibels: Raster of dB.
        grid: Its grid.
        bands: How many bands it has.

    Returns:
        ``file``.
    """
    root = _dataset(grid)
    for number in range(1, bands + 1):
        band = _add_band(root, number, "float32")
        band.set("subClass", "VRTDerivedRasterBand")
        ET.SubElement(band, "PixelFunctionType").text = "dB2pow"
        ET.SubElement(band, "SourceTransferType").text = "Float64"
        _add_source(band, "SimpleSource", BandSource(decibels, number))
    return _write(root, file)


def write_warped(
    file: Path,
    source: Path,
    grid: Grid,
    *,
    resampling: Resampling,
    src_nodata: float,
    nodata: float,
) -> Path:
    """A raster on another grid; pixels are computed when they are read.

    How far the source is smoothed where its pixels are finer is fixed here. GDAL would
    decide it anew for every window that is read, and so change the pixels with it.

    A pixel of nodata takes no part in interpolation, in its own band only. An
    interpolated whole number that equals ``nodata`` becomes the next one in GDAL.

    Args:
        file: VRT to write.
        source: Raster to warp.
        grid: Grid of the result.
        resampling: How pixels are interpolated.
        src_nodata: Value of source pixels without measurement.
        nodata: Value of such pixels in the result, and outside of the source.

    Returns:
        ``file``.
    """
    with open_raster(source) as raster:
        scale = shrinking(grid_of(raster), grid)
    with (
        open_raster(source) as raster,
        WarpedVRT(
            raster,
            crs=grid.crs,
            transform=grid.transform,
            height=grid.height_px,
            width=grid.width_px,
            resampling=resampling,
            src_nodata=src_nodata,
            nodata=nodata,
            tolerance=_TOLERANCE_PX,
            UNIFIED_SRC_NODATA="NO",
            XSCALE=scale[0],
            YSCALE=scale[1],
        ) as warped,
    ):
        rasterio.shutil.copy(warped, file, driver="VRT")
    root = ET.parse(file).getroot()
    for name in root.iter("SourceDataset"):
        name.set("relativeToVRT", "0")
        name.text = source.as_posix()
    return _write(root, file)


def _dataset(grid: Grid) -> ET.Element:
    root = ET.Element(
        "VRTDataset",
        rasterXSize=str(grid.width_px),
        rasterYSize=str(grid.height_px),
    )
    if grid.crs is not None:
        crs = rasterio.crs.CRS.from_user_input(grid.crs)
        ET.SubElement(root, "SRS").text = crs.to_wkt()
    numbers = map(repr, map(float, grid.transform.to_gdal()))
    ET.SubElement(root, "GeoTransform").text = ", ".join(numbers)
    return root


def _add_band(root: ET.Element, number: int, dtype: str) -> ET.Element:
    return ET.SubElement(
        root,
        "VRTRasterBand",
        dataType=_GDAL_TYPES[np.dtype(dtype).name],
        band=str(number),
    )


def _add_source(band: ET.Element, kind: str, source: BandSource) -> ET.Element:
    part = ET.SubElement(band, kind)
    name = ET.SubElement(part, "SourceFilename", relativeToVRT="0")
    name.text = source.file.as_posix()
    ET.SubElement(part, "SourceBand").text = str(source.index)
    return part


def _write(root: ET.Element, file: Path) -> Path:
    ET.indent(root)
    ET.ElementTree(root).write(file, encoding="utf-8")
    return file
