"""Put the rasters of a scene on one grid, as VRTs where they are not on it already.

S1 and S2 are bilinear. Nearest pixels would keep every value, but repeat those of 20
and 60 m in squares of 2 and 6 px, and take radar pixels twice or not at all; cubic can
leave the range of its inputs. Radar is interpolated as power, since the mean of dB is
not the dB of the mean. Label codes are nearest.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from rasterio.enums import Resampling

from sentinel_fusion.bands import S1_BANDS, S2_BANDS, S2_NODATA
from sentinel_fusion.classes import IGNORE_INDEX
from sentinel_fusion.data.grids import (
    Grid,
    check_kind,
    cover_share,
    footprint_text,
    grid_of,
    open_raster,
    same_grid,
    ten_metre_grid,
)
from sentinel_fusion.data.patches import Patch
from sentinel_fusion.data.scenes.bands import BandSource, S2Bands
from sentinel_fusion.data.scenes.vrt import (
    Layer,
    write_power,
    write_stack,
    write_warped,
)

_S2_COVER = 0.99
"""Band files of one product share its outline; less is another product's file."""
_NO_DB = -10_000.0
"""As power it is 0, beyond the smallest float32."""


@dataclass(frozen=True)
class Alignment:
    """A scene whose rasters lie on one grid.

    Args:
        patch: The scene with rasters that are read together.
        grid: Their grid.
        s1_cover: Share of the optical raster's ground that the radar raster covers.
        warped: Names of the rasters that lay on another grid.
    """

    patch: Patch
    grid: Grid
    s1_cover: float
    warped: tuple[str, ...]


def align_scene(
    patch: Patch,
    s1_bands: tuple[int, int],
    s2_bands: S2Bands,
    folder: Path,
    *,
    min_s1_cover: float,
) -> Alignment:
    """Put the rasters of a scene on one grid.

    Rasters that lie on one grid stay there, even if its pixels are degrees. Otherwise
    all are put on that of the blue band, or on 10 m pixels of a UTM zone where it has
    none in metres. A raster that needs no change stays the user's file. One that has
    no CRS then, lies elsewhere or covers too little is refused.

    Args:
        patch: The scene as the user left it, with the scale of its radar raster.
        s1_bands: Numbers of VV and VH.
        s2_bands: Where the optical bands lie.
        folder: Existing folder for VRTs.
        min_s1_cover: Smallest share of the optical raster's ground that the radar
            raster must cover.

    Returns:
        The scene on one grid; ``s1_scale`` is "linear" where radar was interpolated.
    """
    labels = [] if patch.label is None else [patch.label]
    grids = {file: _grid(file) for file in (patch.s1, *s2_bands.files, *labels)}
    reference = _reference(grids, s2_bands)
    least = {file: 0.0 for file in labels}
    least |= dict.fromkeys(s2_bands.files, _S2_COVER) | {patch.s1: min_s1_cover}
    blue = s2_bands.sources["B02"].file
    covers = {file: _check_cover(file, blue, grids, least[file]) for file in grids}
    s1, scale = _align_s1(patch, s1_bands, grids[patch.s1], reference, folder)
    on_grid = replace(
        patch,
        s1=s1,
        s1_scale=scale,
        s2=_align_s2(s2_bands, grids, reference, folder),
        s2_missing=" ".join(s2_bands.missing),
        label=_align_label(patch.label, grids, reference, folder),
    )
    warped = (file.name for file in grids if not same_grid(grids[file], reference))
    return Alignment(on_grid, reference, covers[patch.s1], tuple(warped))


def _grid(file: Path) -> Grid:
    with open_raster(file) as raster:
        return grid_of(raster)


def _reference(grids: dict[Path, Grid], s2_bands: S2Bands) -> Grid:
    first, *others = grids.values()
    if all(same_grid(first, other) for other in others):
        return first
    for file, grid in grids.items():
        if grid.crs is None:
            raise ValueError(
                f"{file} has no CRS, and the rasters of its scene lie on different "
                "grids; georeference it (radar: terrain-correct it) or put all on one"
            )
    return ten_metre_grid(grids[s2_bands.sources["B02"].file])


def _check_cover(
    file: Path, blue: Path, grids: dict[Path, Grid], least: float
) -> float:
    layer, footprint = grids[file], grids[blue]
    share = 1.0 if same_grid(layer, footprint) else cover_share(layer, footprint)
    if share == 0 or share < least:
        amount = f"only {share:.0%} of" if share else "nothing of"
        raise ValueError(
            f"{file} must cover {max(least, 0.01):.0%} of {blue}, covers {amount} it: "
            f"it lies at {footprint_text(layer)}, the other at "
            f"{footprint_text(footprint)}; give rasters of one place"
        )
    return share


def _align_s1(
    patch: Patch, indices: tuple[int, int], here: Grid, reference: Grid, folder: Path
) -> tuple[Path, str]:
    with open_raster(patch.s1) as raster:
        as_stored = raster.count == len(S1_BANDS) and indices == (1, 2)
        nodata, dtype = raster.nodata, raster.dtypes[0]
    stays = same_grid(here, reference)
    if as_stored and stays:
        return patch.s1, patch.s1_scale
    in_db = patch.s1_scale == "db"
    stack = write_stack(
        folder / "s1-bands.vrt",
        here,
        [
            Layer(name, BandSource(patch.s1, i), np.nan if nodata is None else nodata)
            for name, i in zip(S1_BANDS, indices, strict=True)
        ],
        dtype=dtype,
        nodata=_NO_DB if in_db else 0,
    )
    if stays:
        return stack, patch.s1_scale
    power = folder / "s1-power.vrt"
    warped = write_warped(
        folder / "s1.vrt",
        write_power(power, stack, here, bands=len(S1_BANDS)) if in_db else stack,
        reference,
        resampling=Resampling.bilinear,
        src_nodata=0,
        nodata=0,
    )
    return warped, "linear"


def _align_s2(
    bands: S2Bands, grids: dict[Path, Grid], reference: Grid, folder: Path
) -> Path:
    placed: dict[Path, tuple[Path, float]] = {}
    dtypes = set()
    for file in bands.files:
        with open_raster(file) as raster:
            nodata = S2_NODATA if raster.nodata is None else raster.nodata
            dtypes |= set(raster.dtypes)
        if same_grid(grids[file], reference):
            placed[file] = file, nodata
            continue
        warped = write_warped(
            folder / f"s2-{file.stem}.vrt",
            file,
            reference,
            resampling=Resampling.bilinear,
            src_nodata=nodata,
            nodata=S2_NODATA,
        )
        placed[file] = warped, S2_NODATA
    first = bands.files[0]
    order = [source.index for source in bands.sources.values()]
    as_stored = order == list(range(1, len(S2_BANDS) + 1)) and not bands.left_out
    if as_stored and placed[first][0] == first:
        return first
    layers = []
    for name in S2_BANDS:
        layer = Layer(name, None, S2_NODATA)
        if name in bands.sources:
            source = bands.sources[name]
            file, nodata = placed[source.file]
            layer = Layer(name, BandSource(file, source.index), nodata)
        layers.append(layer)
    # wider where negative values could hide: the reader then refuses them
    dtype = "uint16" if dtypes <= {"uint8", "uint16"} else "int32"
    return write_stack(
        folder / "s2.vrt", reference, layers, dtype=dtype, nodata=S2_NODATA
    )


def _align_label(
    label: Path | None, grids: dict[Path, Grid], reference: Grid, folder: Path
) -> Path | None:
    if label is None or same_grid(grids[label], reference):
        return label
    with open_raster(label) as raster:
        check_kind(raster, label, "iu", "land-cover codes")
        declared, dtype = raster.nodata, np.dtype(raster.dtypes[0])
    # a code that no scheme gives a class
    nodata = min(IGNORE_INDEX, int(np.iinfo(dtype).max))
    return write_warped(
        folder / "label.vrt",
        label,
        reference,
        resampling=Resampling.nearest,
        src_nodata=nodata if declared is None else declared,
        nodata=nodata,
    )
