from pathlib import Path

import numpy as np
import pytest
import rasterio.shutil
from rasterio import Affine
from tests.builders import ground_plane, write_scene_raster
from tests.data.scenes.small_scene import (
    HERE,
    SIZE_PX,
    align,
    read_strip,
    scene_in,
    write_band_files,
    write_s1,
)

from sentinel_fusion.bands import S2_BANDS
from sentinel_fusion.data.rasters import read_strips


def test_coarse_bands_are_interpolated_on_the_fine_grid(tmp_path: Path) -> None:
    write_s1(tmp_path, np.full((1, SIZE_PX, SIZE_PX), -10.0))
    write_band_files(tmp_path)
    s2 = read_strip(align(scene_in(tmp_path))).s2
    plane = ground_plane(HERE, SIZE_PX, SIZE_PX)[0]
    np.testing.assert_array_equal(s2[..., 1], 2000 + plane.round())
    # half a coarse pixel from the edge there is only one neighbour
    for band, edge_px in ((0, 3), (4, 1), (12, 1)):
        inner = s2[edge_px:-4, edge_px:-4, band].astype(float)
        expected = 1000 * (band + 1) + plane[edge_px:-4, edge_px:-4]
        np.testing.assert_allclose(inner, expected, atol=1)


def test_band_in_jpeg_2000_is_read_like_another(tmp_path: Path) -> None:
    write_s1(tmp_path, np.full((1, SIZE_PX, SIZE_PX), -10.0))
    write_band_files(tmp_path)
    expected = read_strip(align(scene_in(tmp_path))).s2
    band = tmp_path / "T32_B05.tif"
    lossless = {"driver": "JP2OpenJPEG", "QUALITY": "100", "REVERSIBLE": "YES"}
    rasterio.shutil.copy(band, band.with_suffix(".jp2"), **lossless)
    band.unlink()
    np.testing.assert_array_equal(read_strip(align(scene_in(tmp_path))).s2, expected)


def test_edge_of_a_coarse_band_holds_its_outermost_value(tmp_path: Path) -> None:
    write_s1(tmp_path, np.full((1, SIZE_PX, SIZE_PX), -10.0))
    write_band_files(tmp_path)
    assert read_strip(align(scene_in(tmp_path))).s2[0, 0, 4] == 5003


def test_missing_bands_are_stored_as_zero_and_named(tmp_path: Path) -> None:
    write_s1(tmp_path, np.full((1, SIZE_PX, SIZE_PX), -10.0))
    write_band_files(tmp_path, missing=("B09", "B10"))
    alignment = align(scene_in(tmp_path))
    strip = read_strip(alignment)
    assert alignment.patch.s2_missing == "B09 B10"
    assert not strip.s2[..., 9:11].any()
    assert (strip.s2[..., [0, 8, 11]] > 0).all()
    assert not strip.s2_invalid.any()


def test_optical_nodata_leaks_into_no_neighbour(tmp_path: Path) -> None:
    write_s1(tmp_path, np.full((1, SIZE_PX, SIZE_PX), -10.0))
    for name in S2_BANDS:
        pixel_m, size_px = (10, SIZE_PX) if name == "B02" else (20, SIZE_PX // 2)
        level = np.full((1, size_px, size_px), 3000, np.uint16)
        level[:, : size_px // 2] = 65535
        place = Affine(pixel_m, 0, 500_000, 0, -pixel_m, 5_300_000)
        write_scene_raster(tmp_path / f"{name}.tif", level, place, nodata=65535)
    strip = read_strip(align(scene_in(tmp_path)))
    assert set(np.unique(strip.s2)) == {0, 3000}
    assert strip.s2_invalid[:19].all()
    assert not strip.s2_invalid[20:].any()


def test_stack_in_another_order_is_put_right(tmp_path: Path) -> None:
    write_s1(tmp_path, np.full((1, 4, 4), -10.0))
    pixels = np.arange(1, 15, dtype=np.uint16)[:, None, None] * np.ones(
        (1, 4, 4), np.uint16
    )
    names = ("SCL", *S2_BANDS[::-1])
    write_scene_raster(tmp_path / "s2.tif", pixels, HERE, names=names)
    alignment = align(scene_in(tmp_path))
    (strip,) = read_strips(alignment.patch, size_px=4, stride_px=4)[1]
    assert strip.s2[0, 0].tolist() == list(range(14, 1, -1))


def test_negative_reflectance_is_still_refused(tmp_path: Path) -> None:
    write_s1(tmp_path, np.full((1, 4, 4), -10.0))
    pixels = np.full((13, 4, 4), -5, np.int16)
    names = S2_BANDS[::-1]
    write_scene_raster(tmp_path / "s2.tif", pixels, HERE, names=names)
    alignment = align(scene_in(tmp_path))
    with pytest.raises(ValueError, match="must be >= 0, got -5"):
        list(read_strips(alignment.patch, size_px=4, stride_px=4)[1])


def test_band_file_of_another_tile_is_refused(tmp_path: Path) -> None:
    write_s1(tmp_path, np.full((1, SIZE_PX, SIZE_PX), -10.0))
    write_band_files(tmp_path)
    place = Affine(20, 0, 500_200, 0, -20, 5_300_000)
    pixels = np.ones((1, SIZE_PX // 2, SIZE_PX // 2), np.uint16)
    write_scene_raster(tmp_path / "T32_B05.tif", pixels, place)
    with pytest.raises(ValueError, match=r"T32_B05\.tif must cover 99% .* only 50%"):
        align(scene_in(tmp_path))
