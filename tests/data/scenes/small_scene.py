"""Scenes of 40 x 40 px at 10 m in UTM zone 32; other rasters lie around them."""

from pathlib import Path

import numpy as np
from rasterio import Affine
from tests.builders import UTM, ground_plane, write_scene_raster

from sentinel_fusion.bands import S2_BANDS
from sentinel_fusion.data.patches import Patch
from sentinel_fusion.data.rasters import Strip, read_strips
from sentinel_fusion.data.scenes.align import Alignment, align_scene
from sentinel_fusion.data.scenes.bands import find_s1_bands, find_s2_bands

SIZE_PX = 40
HERE = Affine(10, 0, 500_000, 0, -10, 5_300_000)
WIDE = Affine(10, 0, 499_903, 0, -10, 5_300_096)
"""Origin of radar rasters of 60 x 60 px, off the optical grid by 3 and 4 m."""


def write_s1(
    folder: Path,
    pixels: np.ndarray,
    transform: Affine = HERE,
    **settings: str | float | None,
) -> None:
    layers = np.broadcast_to(pixels, (2, *pixels.shape[1:])).astype(np.float32)
    crs, nodata = settings.get("crs", UTM), settings.get("nodata")
    write_scene_raster(
        folder / "s1.tif",
        layers,
        transform,
        crs=None if crs is None else str(crs),
        nodata=None if nodata is None else float(nodata),
    )


def write_s2(folder: Path) -> None:
    plane = 1000 + ground_plane(HERE, SIZE_PX, SIZE_PX).round()
    stack = np.broadcast_to(plane, (13, SIZE_PX, SIZE_PX)).astype(np.uint16)
    write_scene_raster(folder / "s2.tif", stack, HERE, nodata=0)


def scene_in(folder: Path, scale: str = "db", *, label: bool = False) -> Patch:
    stack = folder / "s2.tif"
    return Patch(
        patch_id="p",
        place_id="p",
        group="folder",
        season="unknown",
        s1=folder / "s1.tif",
        s2=stack if stack.is_file() else folder,
        label=folder / "label.tif" if label else None,
        label_scheme="esri",
        s1_scale=scale,
    )


def align(scene: Patch, min_s1_cover: float = 0.5) -> Alignment:
    raw = scene.s1.parent / "raw"
    raw.mkdir(exist_ok=True)
    return align_scene(
        scene,
        find_s1_bands(scene.s1),
        find_s2_bands(scene.s2),
        raw,
        min_s1_cover=min_s1_cover,
    )


def read_strip(alignment: Alignment) -> Strip:
    (strip,) = read_strips(alignment.patch, size_px=SIZE_PX, stride_px=SIZE_PX)[1]
    return strip


def write_band_files(folder: Path, missing: tuple[str, ...] = ()) -> None:
    """B02 at 10 m, B01 at 60 m, all others at 20 m, on planes of 1000 * number."""
    for number, name in enumerate(S2_BANDS, start=1):
        if name in missing:
            continue
        pixel_m = {"B02": 10, "B01": 60}.get(name, 20)
        size_px = -(-SIZE_PX * 10 // pixel_m)
        place = Affine(pixel_m, 0, 500_000, 0, -pixel_m, 5_300_000)
        plane = 1000 * number + ground_plane(place, size_px, size_px).round()
        write_scene_raster(folder / f"T32_{name}.tif", plane.astype(np.uint16), place)
