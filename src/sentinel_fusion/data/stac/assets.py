"""Which file of an item holds which band, and which offset its pixels have.

Catalogues name files by band ("B02", "B02_10m") or by colour ("blue").

Source: STAC extensions eo (common names), raster, processing; the item layouts of
Earth Search, Planetary Computer and Copernicus Data Space.
"""

import math
from collections.abc import Iterable
from typing import Any

from sentinel_fusion.bands import S1_BANDS, S2_BANDS
from sentinel_fusion.data.scenes.bands import OPTIONAL_BANDS, band_name
from sentinel_fusion.data.stac.catalogue import StacItem

BAND_OF = {
    "coastal": "B01",
    "blue": "B02",
    "green": "B03",
    "red": "B04",
    "rededge1": "B05",
    "rededge071": "B05",
    "rededge2": "B06",
    "rededge075": "B06",
    "rededge3": "B07",
    "rededge078": "B07",
    "nir": "B08",
    "nir08": "B8A",
    "nir09": "B09",
    "cirrus": "B10",
    "swir16": "B11",
    "swir22": "B12",
}
"""Band by name of a colour; "rededge" is left out, for three bands share it."""

_NO_PIXELS = {"thumbnail", "overview", "metadata"}

Asset = dict[str, Any]


def s1_assets(item: StacItem) -> dict[str, str]:
    """Addresses of the radar bands of an item.

    Args:
        item: Item with one file a polarisation.

    Returns:
        Address by "VV" and "VH"; less where the item lacks one.
    """
    found: dict[str, str] = {}
    for key, asset in sorted(item.assets.items()):
        for text in _names(key, asset):
            if text.upper() in S1_BANDS:
                found.setdefault(text.upper(), str(asset["href"]))
    return {name: found[name] for name in S1_BANDS if name in found}


def s2_assets(item: StacItem) -> dict[str, str]:
    """Addresses of the optical bands of an item.

    Of a band in several files the one with the finest pixels is taken, and a COG
    before JPEG 2000, of which more must be fetched for a window.

    Args:
        item: Item with one file a band.

    Returns:
        Address by band name, in storage order.

    Raises:
        ValueError: If a band is missing that every product has.
    """
    files: dict[str, list[tuple[float, bool, str]]] = {}
    for key, asset in item.assets.items():
        name = _s2_band(key, asset)
        if name is not None:
            is_cog = "tiff" in str(asset.get("type", "tiff"))
            files.setdefault(name, []).append((_pixel_m(asset), not is_cog, key))
    lacking = [n for n in S2_BANDS if n not in files and n not in OPTIONAL_BANDS]
    if lacking:
        raise ValueError(
            f"item {item.item_id} must hold every band but "
            f"{', '.join(OPTIONAL_BANDS)}, lacks {', '.join(lacking)} among its assets "
            f"{', '.join(sorted(item.assets)) or '(none)'}; give a Sentinel-2 "
            "collection in download.stac.s2_collection"
        )
    return {
        name: str(item.assets[min(files[name])[2]]["href"])
        for name in S2_BANDS
        if name in files
    }


def offset_tags(item: StacItem) -> dict[str, str]:
    """What an item tells of the offset, as tags that the folder source reads.

    Earth Search keeps the baseline's number and the raster extension's offset after it
    took the offset out of the pixels, so its flag goes first. The baseline goes before
    the raster extension, which is also filled in for products without any offset.

    Args:
        item: Optical item.

    Returns:
        One tag, or none where nothing is told.
    """
    told = item.properties
    if told.get("earthsearch:boa_offset_applied") is True:
        return {"BOA_ADD_OFFSET": "0"}
    baseline = told.get("s2:processing_baseline") or told.get("processing:version")
    if baseline:
        return {"PROCESSING_BASELINE": str(baseline)}
    for key, asset in sorted(item.assets.items()):
        if _s2_band(key, asset) is not None:
            raster = asset | _first(asset, "raster:bands") | _first(asset, "bands")
            offset = raster.get("offset", raster.get("raster:offset"))
            scale = raster.get("scale", raster.get("raster:scale"))
            if offset is not None and scale:
                return {"BOA_ADD_OFFSET": str(round(offset / scale))}
    return {}


def _first(asset: Asset, key: str) -> Asset:
    bands = asset.get(key) or [{}]
    return dict(bands[0])


def _names(key: str, asset: Asset) -> Iterable[str]:
    """Names to go by, the surest first; none for a file without or of many bands."""
    bands = asset.get("eo:bands") or asset.get("bands") or [{}]
    if len(bands) > 1 or _NO_PIXELS & set(asset.get("roles") or ()):
        return ()
    (band,) = bands
    told = (band.get("name"), band.get("eo:common_name"), band.get("common_name"))
    return [key, *(str(text) for text in told if text)]


def _s2_band(key: str, asset: Asset) -> str | None:
    names = _names(key, asset)
    found = (band_name(text) or BAND_OF.get(text.lower()) for text in names)
    return next((name for name in found if name), None)


def _pixel_m(asset: Asset) -> float:
    transform = asset.get("proj:transform")
    if transform:
        return abs(float(transform[0]))
    raster = _first(asset, "raster:bands") | _first(asset, "bands")
    size = raster.get("spatial_resolution", asset.get("gsd"))
    return math.inf if size is None else float(size)
