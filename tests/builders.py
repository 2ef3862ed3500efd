"""Tiny rasters in the real folder layouts; pixels are formulas of row, col, band."""

import warnings
from pathlib import Path

import numpy as np
import rasterio
import torch
from rasterio import Affine
from rasterio.errors import NotGeoreferencedWarning
from torch import Tensor, nn

from sentinel_fusion.bands import BANDS, S1_BANDS, S2_BANDS
from sentinel_fusion.data.sources import dfc2020
from sentinel_fusion.data.stats import Normalisation
from sentinel_fusion.data.tiles import TileRules, write_tiles

UTM = "EPSG:32632"
DEFAULT_ORIGIN = (500_000.0, 5_300_000.0)


def s1_pixels(size_px: int, offset_db: float = 0.0) -> np.ndarray:
    """dB (band, row, col): -10 - 5 * band - row / 100 - col / 1000 + offset."""
    band, row, col = np.ogrid[: len(S1_BANDS), :size_px, :size_px]
    return -10.0 - 5.0 * band - row / 100 - col / 1000 + offset_db


def s2_pixels(size_px: int, offset: int = 0) -> np.ndarray:
    """Reflectance x 10000 (band, row, col): 1000 + 100 * band + row + col + offset."""
    band, row, col = np.ogrid[: len(S2_BANDS), :size_px, :size_px]
    return (1000 + 100 * band + row + col + offset).astype(np.uint16)


def label_pixels(size_px: int, codes: tuple[int, ...]) -> np.ndarray:
    """Vertical stripes of equal width, one a code."""
    col = np.arange(size_px) * len(codes) // size_px
    return np.broadcast_to(np.array(codes, np.uint8)[col], (1, size_px, size_px))


def write_raster(
    file: Path,
    pixels: np.ndarray,
    *,
    crs: str | None = UTM,
    origin: tuple[float, float] = DEFAULT_ORIGIN,
    nodata: float | None = None,
) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    west, north = origin
    grid = Affine(10, 0, west, 0, -10, north)
    place = {"crs": crs, "transform": grid} if crs else {}
    bands, height, width = pixels.shape
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(
            file,
            "w",
            driver="GTiff",
            count=bands,
            height=height,
            width=width,
            dtype=pixels.dtype,
            nodata=nodata,
            **place,
        ) as raster:
            raster.write(pixels)
    return file


def write_sen12ms_patch(
    folder: Path,
    *,
    season: str = "spring",
    scene: int = 1,
    patch: int = 30,
    size_px: int = 32,
) -> None:
    roi = {"spring": 1158, "summer": 1868, "fall": 1970, "winter": 2017}[season]
    top = f"ROIs{roi}_{season}"
    igbp = np.ones((4, size_px, size_px), np.uint8)
    layers = {
        "s1": s1_pixels(size_px).astype(np.float32),
        "s2": s2_pixels(size_px),
        "lc": igbp,
    }
    for kind, pixels in layers.items():
        name = f"{top}_{kind}_{scene}_p{patch}.tif"
        write_raster(folder / top / f"{kind}_{scene}" / name, pixels)


def write_dfc2020_patch(
    folder: Path,
    *,
    group: str = "validation",
    scene: int = 0,
    patch: int = 0,
    size_px: int = 32,
    codes: tuple[int, ...] = (1, 10),
    seed: int | None = None,
) -> None:
    """``seed`` adds noise around a level that depends on the first code."""
    suffix = {"validation": "validation", "test": "0"}[group]
    s1, s2 = s1_pixels(size_px), s2_pixels(size_px)
    if seed is not None:
        rng = np.random.default_rng(seed)
        s1 = s1 + codes[0] + rng.normal(size=s1.shape)
        s2 = s2 + (100 * codes[0] + rng.integers(50, size=s2.shape)).astype(np.uint16)
    layers = {"s1": s1, "s2": s2, "dfc": label_pixels(size_px, codes)}
    for kind, pixels in layers.items():
        name = f"ROIs0000_{group}_{kind}_{scene}_p{patch}.tif"
        top = folder / f"ROIs0000_{group}" / f"{kind}_{suffix}"
        write_raster(top / name, pixels, crs=None)


SMALL_TILES = TileRules(
    size_px=8,
    stride_px=8,
    max_invalid_share=0.0,
    min_label_share=0.5,
    min_class_share=0.1,
    shard_mib=1,
)


def write_labelled_store(folder: Path) -> Path:
    """Three patches of one class each, 16 tiles a patch; classes 0, 4 and 7."""
    for number, code in enumerate((1, 6, 10)):
        write_dfc2020_patch(
            folder / "raw", patch=number, size_px=32, codes=(code,), seed=number
        )
    patches = dfc2020.list_patches(folder / "raw", with_labels=True, block_patches=1)
    store = folder / "tiles"
    write_tiles(patches, store, SMALL_TILES, with_labels=True, progress=lambda: None)
    return store


def write_folder_scene(
    folder: Path, *, size_px: int = 32, codes: tuple[int, ...] | None = None
) -> None:
    write_raster(folder / "s1.tif", s1_pixels(size_px).astype(np.float32))
    write_raster(folder / "s2.tif", s2_pixels(size_px), nodata=0)
    if codes is not None:
        write_raster(folder / "label.tif", label_pixels(size_px, codes))


def ground_plane(transform: Affine, height_px: int, width_px: int) -> np.ndarray:
    """Value (1, row, col) = (10 m steps east) + 2 * (steps south) of the origin.

    Taken at pixel centres in the CRS of ``UTM``; bilinear interpolation keeps a plane.
    """
    rows, cols = np.mgrid[:height_px, :width_px] + 0.5
    x, y = transform @ np.stack([cols.ravel(), rows.ravel()])
    west, north = DEFAULT_ORIGIN
    plane = (x - west) / 10 + 2 * (north - y) / 10
    return np.asarray(plane.reshape(1, height_px, width_px))


def write_scene_raster(
    file: Path,
    pixels: np.ndarray,
    transform: Affine,
    *,
    crs: str | None = UTM,
    nodata: float | None = None,
    names: tuple[str, ...] = (),
    tags: dict[str, str] | None = None,
) -> Path:
    """A raster anywhere, its bands named and tagged as whole scenes have them."""
    file.parent.mkdir(parents=True, exist_ok=True)
    bands, height, width = pixels.shape
    with rasterio.open(
        file,
        "w",
        driver="GTiff",
        count=bands,
        height=height,
        width=width,
        dtype=pixels.dtype,
        crs=crs,
        transform=transform,
        nodata=nodata,
    ) as raster:
        raster.write(pixels)
        for number, name in enumerate(names, start=1):
            raster.set_band_description(number, name)
        raster.update_tags(**(tags or {}))
    return file


def unit_normalisation() -> Normalisation:
    """Mean 0 and deviation 1 in every band."""
    zeros, ones = ({s: [v] * len(b) for s, b in BANDS.items()} for v in (0.0, 1.0))
    return Normalisation(mean=zeros, sd=ones)


def band_images(tiles: int, size_px: int) -> dict[str, Tensor]:
    """Seeded noise for all bands of both sensors."""
    generator = torch.Generator().manual_seed(0)
    return {
        sensor: torch.randn(tiles, len(names), size_px, size_px, generator=generator)
        for sensor, names in BANDS.items()
    }


def no_decoder(*arguments: object, **options: object) -> nn.Module:
    """What a task on pooled features is given and must not call."""
    raise AssertionError


def open_residual_branches(network: nn.Module) -> None:
    """Undo timm's zero start of every residual branch, which stops its gradients."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.ones_(module.weight)
