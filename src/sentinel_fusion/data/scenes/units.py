"""Tell the units of a scene from its metadata and pixels, or refuse to guess."""

import re
from pathlib import Path
from typing import Literal

import numpy as np
import rasterio
from jaxtyping import Float

from sentinel_fusion.bands import S2_NODATA
from sentinel_fusion.data.grids import open_raster
from sentinel_fusion.data.scenes.bands import BandSource, S2Bands

S1Scale = Literal["auto", "db", "linear"]
S2Offset = Literal["auto", 0, 1000]
N0400_OFFSET = 1000
"""What processing baseline N0400 and later add to every measured value.

Source: Sentinel-2 products specification, BOA_ADD_OFFSET and RADIO_ADD_OFFSET.
"""

_SAMPLE_PX = 512
_PRODUCT = re.compile(r"_N(\d{4})_R\d{3}_")
_BASELINE = re.compile(r"N?(\d{1,2})\.?(\d{2})")
_FIRST_OFFSET_BASELINE = 400
_TOOLBOX_BASELINE = 9900
"""From here on (99.99) the number only says that a user ran the processor."""
_WATER_BANDS = ("B8A", "B11", "B12")
"""Water and deep shade reflect next to nothing here."""


def find_s1_scale(
    file: Path, indices: tuple[int, int], wanted: S1Scale
) -> tuple[str, str]:
    """Whether a radar raster holds dB or linear power.

    Power is never negative and mostly below 1; dB is mostly negative. Amplitude below 1
    cannot be told from power.

    Args:
        file: Radar raster.
        indices: Its bands to judge by.
        wanted: What params say; "auto" looks at pixels spread over the raster.

    Returns:
        "db" or "linear", and why.

    Raises:
        ValueError: If the pixels fit neither.
    """
    if wanted != "auto":
        return wanted, "set in params"
    with open_raster(file) as raster:
        pixels = np.concatenate([_sample(raster, index) for index in indices])
    pixels = pixels[pixels != 0]
    if not pixels.size:
        raise ValueError(
            f"{file}: no radar pixel has a value; remove the scene or set its nodata"
        )
    negative, median = float((pixels < 0).mean()), float(np.median(pixels))
    facts = f"{negative:.1%} of the pixels negative, median {median:.4g}"
    if negative >= 0.8:
        return "db", facts
    if negative <= 0.02 and median < 1:
        return "linear", facts
    raise ValueError(
        f"{file}: radar must be sigma nought in dB or as power, got {facts}; calibrate "
        "it, or set download.folder.s1_scale to db or linear"
    )


def find_s2_offset(bands: S2Bands, wanted: S2Offset) -> tuple[int, str]:
    """What to subtract from the optical pixels of a scene.

    Metadata and pixels are both asked: copies of a product often keep its metadata
    after the offset was removed.

    Args:
        bands: The bands of the scene.
        wanted: What params say; "auto" looks at metadata and pixels.

    Returns:
        0 or ``N0400_OFFSET``, and why.

    Raises:
        ValueError: If metadata and pixels disagree, or neither tells.
    """
    if wanted != "auto":
        return wanted, "set in params"
    said = _offset_in_metadata(bands)
    seen = _offset_in_cirrus(bands) or _offset_in_dark_pixels(bands)
    where = bands.sources["B02"].file
    remedy = f"set download.folder.s2_offset to 0 or {N0400_OFFSET}"
    if said and seen and said[0] != seen[0]:
        raise ValueError(
            f"{where}: the offset is {said[0]} by metadata ({said[1]}) but {seen[0]} "
            f"by pixels ({seen[1]}); {remedy}"
        )
    known = said or seen
    if known is None:
        raise ValueError(
            f"{where}: neither metadata nor dark pixels tell whether values have the "
            f"offset of baseline N0400; {remedy}"
        )
    return known


def _sample(raster: rasterio.DatasetReader, index: int) -> Float[np.ndarray, " pixels"]:
    """Valid pixels of a band, spread over it; from overviews where there are any."""
    shape = (min(raster.height, _SAMPLE_PX), min(raster.width, _SAMPLE_PX))
    pixels = raster.read(index, out_shape=shape).ravel()
    valid = np.isfinite(pixels)
    if raster.nodata is not None:
        valid &= pixels != raster.nodata
    return np.asarray(pixels[valid], np.float64)


def _percentile(source: BandSource, percent: float) -> float | None:
    with open_raster(source.file) as raster:
        pixels = _sample(raster, source.index)
    measured = pixels[pixels != S2_NODATA]
    return float(np.percentile(measured, percent)) if measured.size else None


def _offset_in_cirrus(bands: S2Bands) -> tuple[int, str] | None:
    """No ground shows in B10: clear air leaves some 10 and the offset."""
    low = _percentile(bands.sources["B10"], 10) if "B10" in bands.sources else None
    if low is None or not (low < 300 or 950 <= low <= 1400):
        return None
    return 0 if low < 300 else N0400_OFFSET, f"B10, 10th percentile {low:.0f}"


def _offset_in_dark_pixels(bands: S2Bands) -> tuple[int, str] | None:
    """Nothing is darker than the offset; water is hardly brighter where there is one.

    A scene with neither water nor shade is not judged: dry ground without the offset
    has the values of forest with it.
    """
    found = {
        name: _percentile(source, 1)
        for name, source in bands.sources.items()
        if name != "B10"
    }
    low = {name: value for name, value in found.items() if value is not None}
    if not low:
        return None
    darkest = min(low, key=lambda name: low[name])
    facts = f"{darkest}, 1st percentile {low[darkest]:.0f}"
    if low[darkest] < 700:
        return 0, facts
    water = all(low.get(name, np.inf) <= 1300 for name in _WATER_BANDS)
    return (N0400_OFFSET, facts) if water and low[darkest] >= 900 else None


def _offset_in_metadata(bands: S2Bands) -> tuple[int, str] | None:
    """From an offset that a tag names, else from the processing baseline."""
    named: set[int] = set()
    baselines: set[int] = set()
    for file in bands.files:
        with open_raster(file) as raster:
            tags = [*raster.tags().items()]
            for index, scale, offset in zip(
                raster.indexes, raster.scales, raster.offsets, strict=True
            ):
                tags += raster.tags(index).items()
                named |= {round(offset / scale)} if offset and scale else set()
        for key, value in tags:
            if "ADD_OFFSET" in key.upper():
                named |= {round(float(n)) for n in re.findall(r"-?\d+\.?\d*", value)}
            elif "PROCESSING_BASELINE" in key.upper():
                parts = _BASELINE.fullmatch(value.strip())
                baselines |= {int("".join(parts.groups()))} if parts else set()
            baselines |= {int(number) for number in _PRODUCT.findall(value)}
        baselines |= {int(number) for number in _PRODUCT.findall(str(file.resolve()))}
    known = {n for n in baselines if n < _TOOLBOX_BASELINE}
    values = {-offset for offset in named} or {
        N0400_OFFSET if number >= _FIRST_OFFSET_BASELINE else 0 for number in known
    }
    facts = (
        f"offsets {sorted(named)}" if named else f"processing baselines {sorted(known)}"
    )
    if len(values) > 1 or not values <= {0, N0400_OFFSET}:
        raise ValueError(
            f"{bands.files[0].parent}: metadata must name one offset, 0 or "
            f"{-N0400_OFFSET}, got {facts}; set download.folder.s2_offset"
        )
    return (values.pop(), facts) if values else None
