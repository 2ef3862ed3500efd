from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
import rasterio.warp
from rasterio import Affine
from tests.builders import UTM, ground_plane, write_scene_raster
from tests.data.scenes.small_scene import (
    HERE,
    SIZE_PX,
    WIDE,
    align,
    read_strip,
    scene_in,
    write_s1,
    write_s2,
)

from sentinel_fusion.data.rasters import read_strips


def test_rasters_on_one_grid_stay_the_users_files(tmp_path: Path) -> None:
    write_s1(tmp_path, np.full((1, SIZE_PX, SIZE_PX), -10.0))
    write_s2(tmp_path)
    write_scene_raster(
        tmp_path / "label.tif", np.ones((1, SIZE_PX, SIZE_PX), np.uint8), HERE
    )
    scene = scene_in(tmp_path, label=True)
    alignment = align(scene)
    assert alignment.patch == scene
    assert (alignment.s1_cover, alignment.warped) == (1, ())
    assert not list((tmp_path / "raw").iterdir())


def test_rasters_without_crs_on_one_grid_stay(tmp_path: Path) -> None:
    for name, bands, dtype in (("s1", 2, np.float32), ("s2", 13, np.uint16)):
        pixels = np.ones((bands, 4, 4), dtype)
        write_scene_raster(tmp_path / f"{name}.tif", pixels, HERE, crs=None)
    assert align(scene_in(tmp_path)).patch == scene_in(tmp_path)


@pytest.mark.parametrize("scale", ["linear", "db"])
def test_radar_off_the_grid_is_interpolated_as_power(
    tmp_path: Path, scale: str
) -> None:
    power = 0.01 + ground_plane(WIDE, 60, 60) / 10_000 + 0.01
    write_s1(tmp_path, power if scale == "linear" else 10 * np.log10(power), WIDE)
    write_s2(tmp_path)
    alignment = align(scene_in(tmp_path, scale))
    expected = 10 * np.log10(0.02 + ground_plane(HERE, SIZE_PX, SIZE_PX)[0] / 10_000)
    np.testing.assert_allclose(read_strip(alignment).s1[..., 1], expected, atol=1e-4)
    assert alignment.patch.s1_scale == "linear"
    assert alignment.warped == ("s1.tif",)
    assert alignment.s1_cover == pytest.approx(1)


def test_mean_of_two_radar_pixels_is_that_of_their_power(tmp_path: Path) -> None:
    """Half a pixel off, 0 and -20 dB give (1 + 0.01) / 2, not -10 dB."""
    stripes = np.where(np.arange(60) % 2, 0.0, -20.0)
    half = Affine(10, 0, 499_905, 0, -10, 5_300_100)
    write_s1(tmp_path, np.broadcast_to(stripes, (1, 60, 60)), half)
    write_s2(tmp_path)
    s1 = read_strip(align(scene_in(tmp_path))).s1
    np.testing.assert_allclose(s1, 10 * np.log10(0.505), atol=1e-5)


@pytest.mark.parametrize(
    ("scale", "level", "fill", "nodata"),
    [
        ("db", -10.0, -9999.0, -9999.0),
        ("db", -10.0, 0.0, 0.0),
        ("db", -10.0, -9999.0, None),
        ("db", -10.0, np.nan, np.nan),
        ("db", -10.0, np.nan, None),
        ("linear", 0.1, 0.0, None),
        ("linear", 0.1, 0.0, 0.0),
        ("linear", 0.1, np.nan, None),
        ("linear", 0.1, -32768.0, -32768.0),
    ],
)
def test_radar_fill_leaks_into_no_neighbour(
    tmp_path: Path, scale: str, level: float, fill: float, nodata: float | None
) -> None:
    pixels = np.full((1, 60, 60), level)
    pixels[:, 25:35, 25:35] = fill
    write_s1(tmp_path, pixels, WIDE, nodata=nodata)
    write_s2(tmp_path)
    s1 = read_strip(align(scene_in(tmp_path, scale))).s1
    # the 100 m hole starts 153 m east and 154 m south of the optical corner
    assert np.isnan(s1[16:25, 16:25]).all()
    assert np.isnan(s1).sum() <= 2 * 11 * 11
    np.testing.assert_allclose(s1[np.isfinite(s1)], -10, atol=1e-5)


def test_radar_of_another_zone_and_pixel_size_lands_on_its_ground(
    tmp_path: Path,
) -> None:
    there = Affine(16, 0, 51_000, 0, -16, 5_317_800)
    cols, rows = np.meshgrid(np.arange(80) + 0.5, np.arange(80) + 0.5)
    x, y = there @ np.stack([cols.ravel(), rows.ravel()])
    east, north = map(np.array, rasterio.warp.transform("EPSG:32633", UTM, x, y))
    steps = (east - 500_000) / 10 + 2 * (5_300_000 - north) / 10
    power = 0.1 + steps.reshape(1, 80, 80) / 10_000
    write_s1(tmp_path, power, there, crs="EPSG:32633")
    write_s2(tmp_path)
    s1 = read_strip(align(scene_in(tmp_path, "linear"))).s1[..., 0]
    expected = 0.1 + ground_plane(HERE, SIZE_PX, SIZE_PX)[0] / 10_000
    # GDAL may be off by an eighth of a pixel: 3 steps of 1e-4 times 0.125
    np.testing.assert_allclose(10 ** (s1 / 10), expected, atol=4e-5)


def test_radar_that_covers_half_leaves_the_rest_unmeasured(tmp_path: Path) -> None:
    east = Affine(10, 0, 500_200, 0, -10, 5_300_000)
    write_s1(tmp_path, np.full((1, SIZE_PX, SIZE_PX), -10.0), east)
    write_s2(tmp_path)
    alignment = align(scene_in(tmp_path))
    s1 = read_strip(alignment).s1
    assert alignment.s1_cover == pytest.approx(0.5)
    assert np.isnan(s1[:, :20]).all()
    assert np.isfinite(s1[:, 20:]).all()


def test_polarisations_in_other_order_are_put_right(tmp_path: Path) -> None:
    pixels = np.stack([np.full((SIZE_PX, SIZE_PX), db) for db in (40.0, -17, -11)])
    write_scene_raster(
        tmp_path / "s1.tif",
        pixels.astype(np.float32),
        HERE,
        names=("angle", "VH", "VV"),
    )
    write_s2(tmp_path)
    alignment = align(scene_in(tmp_path))
    assert read_strip(alignment).s1[3, 4].tolist() == [-11, -17]
    assert alignment.patch.s1_scale == "db"


def test_optical_raster_in_degrees_is_put_on_metres(tmp_path: Path) -> None:
    degrees = Affine(1e-4, 0, 9.0, 0, -1e-4, 47.85)
    stack = np.full((13, 60, 60), 1500, np.uint16)
    write_scene_raster(tmp_path / "s2.tif", stack, degrees, crs="EPSG:4326", nodata=0)
    around = Affine(20, 0, 499_500, 0, -20, 5_300_500)
    write_s1(tmp_path, np.full((1, 100, 100), 0.1), around)
    alignment = align(scene_in(tmp_path, "linear"))
    strip = read_strip(alignment)
    assert (alignment.grid.crs, alignment.grid.transform.a) == (UTM, 10)
    assert set(np.unique(strip.s2)) <= {0, 1500}
    np.testing.assert_allclose(strip.s1, -10, atol=1e-5)


def _write_label(folder: Path, codes: np.ndarray, nodata: float | None) -> None:
    near = Affine(30, 0, 499_990, 0, -30, 5_300_010)
    write_scene_raster(folder / "label.tif", codes, near, nodata=nodata)


@pytest.mark.parametrize(
    ("dtype", "nodata"),
    [
        *((np.uint8, None), (np.uint8, 0), (np.uint8, 255), (np.int16, -1)),
        *((np.int8, -1), (np.int64, -1), (np.uint64, 255)),
    ],
)
def test_labels_take_the_nearest_code(
    tmp_path: Path, dtype: type[np.integer], nodata: float | None
) -> None:
    """Code 0 stays without class, be it nodata or not."""
    write_s1(tmp_path, np.full((1, SIZE_PX, SIZE_PX), -10.0))
    write_s2(tmp_path)
    codes = np.full((1, 10, 20), 5, dtype)
    codes[0, :, 3:] = 2
    codes[0, :, 6:] = 0 if nodata is None else nodata
    codes[0, 5:, 6:] = 0
    _write_label(tmp_path, codes, nodata)
    label = read_strip(align(scene_in(tmp_path, label=True))).label
    assert label is not None
    assert label[0, :18].tolist() == [4] * 8 + [0] * 9 + [255]
    assert (label[:, 17:] == 255).all()
    assert (label[29:] == 255).all()


def test_raster_without_crs_off_the_grid_is_refused(tmp_path: Path) -> None:
    write_s1(tmp_path, np.full((1, 60, 60), -10.0), WIDE, crs=None)
    write_s2(tmp_path)
    with pytest.raises(ValueError, match=r"s1\.tif has no CRS, .*; georeference it"):
        align(scene_in(tmp_path))


def _move_s1(folder: Path) -> None:
    far = Affine(10, 0, 600_000, 0, -10, 5_300_000)
    write_s1(folder, np.full((1, SIZE_PX, SIZE_PX), -10.0), far)


def _move_label(folder: Path) -> None:
    far = Affine(10, 0, 600_000, 0, -10, 5_300_000)
    write_scene_raster(folder / "label.tif", np.ones((1, 40, 40), np.uint8), far)


@pytest.mark.parametrize(("move", "name"), [(_move_s1, "s1"), (_move_label, "label")])
def test_raster_of_another_place_is_refused_with_both_footprints(
    tmp_path: Path, move: Callable[[Path], None], name: str
) -> None:
    write_s1(tmp_path, np.full((1, SIZE_PX, SIZE_PX), -10.0))
    write_s2(tmp_path)
    _write_label(tmp_path, np.ones((1, 20, 20), np.uint8), None)
    move(tmp_path)
    message = rf"{name}\.tif must .* nothing of it: .* at 10\.3.* the other at 9\.0000"
    with pytest.raises(ValueError, match=message):
        align(scene_in(tmp_path, label=True))


def test_radar_that_covers_too_little_is_refused(tmp_path: Path) -> None:
    east = Affine(10, 0, 500_200, 0, -10, 5_300_000)
    write_s1(tmp_path, np.full((1, SIZE_PX, SIZE_PX), -10.0), east)
    write_s2(tmp_path)
    with pytest.raises(ValueError, match=r"must cover 60% of .*s2\.tif, .* only 50%"):
        align(scene_in(tmp_path), min_s1_cover=0.6)


def test_tall_scene_gives_the_same_pixels_whatever_the_strips(tmp_path: Path) -> None:
    write_s1(tmp_path, 0.1 + ground_plane(WIDE, 800, 60) / 1e4, WIDE)
    stack = np.full((13, 700, SIZE_PX), 1500, np.uint16)
    write_scene_raster(tmp_path / "s2.tif", stack, HERE, nodata=0)
    patch = align(scene_in(tmp_path, "linear")).patch
    whole = rasterio.open(patch.s1).read()
    for stride_px in (40, 33):
        for strip in read_strips(patch, size_px=40, stride_px=stride_px)[1]:
            rows = slice(strip.row_px, strip.row_px + len(strip.s1))
            expected = 10 * np.log10(np.moveaxis(whole[:, rows], 0, -1))
            np.testing.assert_array_equal(strip.s1, expected)


def test_alignment_keeps_the_rest_of_the_patch(tmp_path: Path) -> None:
    write_s1(tmp_path, np.full((1, 60, 60), -10.0), WIDE)
    write_s2(tmp_path)
    scene = replace(scene_in(tmp_path), s2_offset=1000, place_id="river")
    patch = align(scene).patch
    assert (patch.s2_offset, patch.place_id, patch.s2) == (1000, "river", scene.s2)
