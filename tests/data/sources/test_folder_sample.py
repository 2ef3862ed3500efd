"""Whole scenes made of the real sample."""

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio import Affine
from rasterio.enums import Resampling
from rasterio.warp import reproject
from tests.builders import write_scene_raster

from sentinel_fusion.bands import S2_SPECTRUM
from sentinel_fusion.data.patches import Patch
from sentinel_fusion.data.rasters import Strip, read_strips
from sentinel_fusion.data.sources.folder import list_patches, prepare

SAMPLE = Path(__file__).resolve().parents[4] / "shared" / "sample" / "scene"
pytestmark = pytest.mark.skipif(not SAMPLE.is_dir(), reason=f"{SAMPLE} is not there")


def _prepare(folder: Path, raw: Path) -> list[Patch]:
    return prepare(
        folder,
        raw,
        role="pretrain",
        seed=0,
        label_scheme="esri",
        s1_scale="auto",
        s2_offset="auto",
        min_s1_cover=0.5,
        block_px=0,
    )


def _read(patch: Patch) -> Strip:
    (strip,) = read_strips(patch, size_px=REAL_PX, stride_px=REAL_PX)[1]
    return strip


def test_real_sample_in_degrees_is_left_as_it_is(tmp_path: Path) -> None:
    (patch,) = _prepare(SAMPLE, tmp_path)
    assert patch == list_patches(SAMPLE, with_labels=False, label_scheme="esri")[0]
    report = json.loads((tmp_path / "scene/scene.json").read_text())
    assert (report["s1"]["scale"], report["s2"]["offset"]) == ("db", 0)


ZONE, REAL_PX = "EPSG:32630", 360
REAL_PLACE = Affine(10, 0, 694_700, 0, -10, 4_222_200)
"""A square of whole 60 m pixels inside of the sample."""


def _warp(
    pixels: np.ndarray, source: tuple[str, Affine], target: tuple[str, Affine], px: int
) -> np.ndarray:
    moved = np.zeros((len(pixels), px, px), np.float32)
    reproject(
        pixels.astype(np.float32),
        moved,
        src_crs=source[0],
        src_transform=source[1],
        dst_crs=target[0],
        dst_transform=target[1],
        resampling=Resampling.bilinear,
    )
    return moved


def _write_real_scenes(folder: Path) -> None:
    """The sample on one UTM grid, and as products come: with the offset of N0400, one
    file a band at its own pixel size, radar as power in the next zone at 12 m.
    """
    here, next_zone = (ZONE, REAL_PLACE), "EPSG:32631"
    with rasterio.open(SAMPLE / "s1.tif") as raster:
        origin = (raster.crs.to_string(), raster.transform)
        power = _warp(10 ** (raster.read() / 10), origin, here, REAL_PX)
    with rasterio.open(SAMPLE / "s2.tif") as raster:
        s2 = _warp(raster.read(), origin, here, REAL_PX).round().astype(np.uint16)
    whole, parts = folder / "whole", folder / "parts"
    decibels = (10 * np.log10(power)).astype(np.float32)
    write_scene_raster(whole / "s1.tif", decibels, REAL_PLACE, crs=ZONE)
    write_scene_raster(whole / "s2.tif", s2, REAL_PLACE, crs=ZONE, nodata=0)
    there = Affine(12, 0, 168_000, 0, -12, 4_227_000)
    moved = _warp(power, here, (next_zone, there), 460)
    write_scene_raster(parts / "s1.tif", moved, there, crs=next_zone, nodata=0)
    for band, pixels in zip(S2_SPECTRUM, s2, strict=True):
        step, edge = band.pixel_m // 10, REAL_PX * 10 // band.pixel_m
        blocks = pixels.reshape(edge, step, edge, step).mean(axis=(1, 3))
        write_scene_raster(
            parts / f"T30SXH_{band.name}.tif",
            1000 + blocks[None].round().astype(np.uint16),
            REAL_PLACE @ Affine.scale(step),
            crs=ZONE,
            tags={"PROCESSING_BASELINE": "05.09"},
        )


def test_real_sample_in_pieces_gives_nearly_its_own_tiles(tmp_path: Path) -> None:
    _write_real_scenes(tmp_path)
    parts, whole = _prepare(tmp_path, tmp_path / "raw")
    assert (parts.s1_scale, parts.s2_offset) == ("linear", 1000)
    assert (whole.s1_scale, whole.s2_offset) == ("db", 0)
    ours, real = _read(parts), _read(whole)
    for i, band in enumerate(S2_SPECTRUM):
        pair = [strip.s2[..., i].astype(float).ravel() for strip in (ours, real)]
        # whole numbers around 11 in B10: a mean of 36 rounds away half of the texture
        least = {10: 1, 20: 0.99, 60: 0.85}[band.pixel_m]
        assert np.corrcoef(pair)[0, 1] >= least - 1e-9
        np.testing.assert_allclose(pair[0].mean(), pair[1].mean(), rtol=2e-3)
    power = [10 ** (strip.s1 / 10) for strip in (ours, real)]
    np.testing.assert_allclose(power[0].mean(), power[1].mean(), rtol=0.01)
    decibels = [strip.s1.ravel() for strip in (ours, real)]
    assert np.corrcoef(decibels)[0, 1] > 0.98
