"""Writes one GeoTIFF at once or not at all."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from jaxtyping import Shaped
from rasterio import Affine

PIXEL_M = 10
TAGS = {"SYNTHETIC": "yes, simulated by sentinel-fusion"}


@dataclass(frozen=True)
class Georeference:
    """Place of a raster's upper left corner.

    Args:
        epsg: Code of the UTM zone.
        west: Easting of the left edge, in metres.
        north: Northing of the top edge, in metres.
    """

    epsg: int
    west: float
    north: float


def write_geotiff(
    path: Path,
    pixels: Shaped[np.ndarray, "bands height width"],
    band_names: tuple[str, ...],
    place: Georeference,
) -> None:
    """Writes under a temporary name, then renames.

    Args:
        path: File to write; an older one is replaced.
        pixels: Bands, rows, columns.
        band_names: Description of each band.
        place: Where the raster lies.
    """
    bands, height, width = pixels.shape
    partial = path.with_name(path.name + ".partial")
    with rasterio.open(
        partial,
        "w",
        driver="GTiff",
        height=height,
        width=width,
        count=bands,
        dtype=pixels.dtype,
        crs=f"EPSG:{place.epsg}",
        transform=Affine(PIXEL_M, 0, place.west, 0, -PIXEL_M, place.north),
        interleave="band",
    ) as raster:
        raster.update_tags(**TAGS)
        raster.descriptions = band_names
        raster.write(np.ascontiguousarray(pixels))
    partial.replace(path)
