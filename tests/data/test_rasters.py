from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.builders import UTM, label_pixels, s1_pixels, s2_pixels, write_raster

from sentinel_fusion.data.patches import Patch
from sentinel_fusion.data.rasters import Strip, read_strips

SIZE_PX = 16
Pixels = np.ndarray


def _write_patch(folder: Path, s1: Pixels, s2: Pixels) -> Patch:
    return Patch(
        patch_id="p",
        place_id="p",
        group="folder",
        season="unknown",
        s1=write_raster(folder / "s1.tif", s1),
        s2=write_raster(folder / "s2.tif", s2),
        label=None,
        label_scheme="dfc",
    )


def _patch(folder: Path) -> Patch:
    s1 = s1_pixels(SIZE_PX).astype(np.float32)
    return _write_patch(folder, s1, s2_pixels(SIZE_PX))


def _rows_patch(folder: Path, height_px: int) -> Patch:
    """Every pixel of a raster that is 8 pixels wide holds its row."""
    rows = np.arange(1, height_px + 1)[:, None].repeat(8, axis=1)
    s1 = np.broadcast_to(-rows / 100, (2, height_px, 8)).astype(np.float32)
    s2 = np.broadcast_to(rows, (13, height_px, 8)).astype(np.uint16)
    return _write_patch(folder, s1, s2)


def _read(patch: Patch, size_px: int = SIZE_PX, stride_px: int = 16) -> list[Strip]:
    return list(read_strips(patch, size_px=size_px, stride_px=stride_px)[1])


@pytest.mark.parametrize(
    ("height_px", "size_px", "stride_px"),
    [
        (32, 32, 32),
        (600, 32, 32),
        (1100, 64, 16),
        (1100, 64, 100),
        (700, 600, 50),
        (513, 256, 200),
        (1025, 512, 512),
    ],
)
def test_strips_hold_every_row_of_tiles_once(
    tmp_path: Path, height_px: int, size_px: int, stride_px: int
) -> None:
    tops = []
    for strip in _read(_rows_patch(tmp_path, height_px), size_px, stride_px):
        first_rows = strip.s2[: len(strip.s2) - size_px + 1 : stride_px, 0, 0]
        tops += [int(row) - 1 for row in first_rows]
        assert tops[-len(first_rows)] == strip.row_px
    assert tops == list(range(0, height_px - size_px + 1, stride_px))


def test_strips_of_a_high_patch_stay_low(tmp_path: Path) -> None:
    strips = _read(_rows_patch(tmp_path, 1100), 64, 64)
    assert max(len(strip.s1) for strip in strips) <= 512


@pytest.mark.parametrize("stride_px", [4, 16, 64])
def test_patch_lower_than_a_tile_gives_no_strip(tmp_path: Path, stride_px: int) -> None:
    assert _read(_patch(tmp_path), size_px=17, stride_px=stride_px) == []


def test_strip_holds_the_pixels_of_all_rasters(tmp_path: Path) -> None:
    label = write_raster(tmp_path / "label.tif", label_pixels(SIZE_PX, (1, 3)))
    (strip,) = _read(replace(_patch(tmp_path), label=label))
    np.testing.assert_allclose(strip.s1, np.moveaxis(s1_pixels(SIZE_PX), 0, -1), 1e-6)
    np.testing.assert_array_equal(strip.s2, np.moveaxis(s2_pixels(SIZE_PX), 0, -1))
    assert strip.label is not None
    assert strip.label[3].tolist() == [0] * 8 + [255] * 8


def test_patch_without_labels_gives_none(tmp_path: Path) -> None:
    assert _read(_patch(tmp_path))[0].label is None


def test_grid_tells_size_and_place(tmp_path: Path) -> None:
    grid, _ = read_strips(_patch(tmp_path), size_px=16, stride_px=16)
    assert (grid.height_px, grid.width_px, grid.crs) == (16, 16, UTM)
    assert (grid.transform.c, grid.transform.f, grid.transform.a) == (5e5, 5.3e6, 10)


def test_grid_without_georeference_has_no_crs(tmp_path: Path) -> None:
    s1 = s1_pixels(SIZE_PX).astype(np.float32)
    bare = write_raster(tmp_path / "bare.tif", s1, crs=None)
    grid, _ = read_strips(replace(_patch(tmp_path), s1=bare), size_px=16, stride_px=16)
    assert grid.crs is None


def test_patch_without_georeference_is_read_without_a_warning(tmp_path: Path) -> None:
    patch = _patch(tmp_path)
    write_raster(patch.s1, s1_pixels(SIZE_PX).astype(np.float32), crs=None)
    write_raster(patch.s2, s2_pixels(SIZE_PX), crs=None)
    assert len(_read(patch)) == 1


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, -9999.0, -100.5, 60.5])
def test_radar_value_that_is_no_backscatter_becomes_nan(
    tmp_path: Path, value: float
) -> None:
    s1 = s1_pixels(SIZE_PX).astype(np.float32)
    s1[1, 2, 3] = value
    (strip,) = _read(_write_patch(tmp_path, s1, s2_pixels(SIZE_PX)))
    assert np.argwhere(np.isnan(strip.s1)).tolist() == [[2, 3, 1]]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_radar_nodata_becomes_nan(tmp_path: Path, dtype: type[np.floating]) -> None:
    s1 = s1_pixels(SIZE_PX).astype(dtype)
    s1[0, 5, 6] = -33.3
    patch = _patch(tmp_path)
    write_raster(patch.s1, s1, nodata=-33.3)
    assert np.argwhere(np.isnan(_read(patch)[0].s1)).tolist() == [[5, 6, 0]]


@pytest.mark.parametrize(("nodata", "fill"), [(None, 0), (0, 0), (65535, 65535)])
def test_optical_pixel_of_nodata_in_all_bands_is_invalid(
    tmp_path: Path, nodata: float | None, fill: int
) -> None:
    s2 = s2_pixels(SIZE_PX)
    s2[:, 2, 3] = fill
    patch = _patch(tmp_path)
    write_raster(patch.s2, s2, nodata=nodata)
    (strip,) = _read(patch)
    assert np.argwhere(strip.s2_invalid).tolist() == [[2, 3]]
    assert not strip.s2[2, 3].any()


def test_optical_pixel_of_nodata_in_one_band_is_valid(tmp_path: Path) -> None:
    s2 = s2_pixels(SIZE_PX)
    s2[10, 2, 3] = 0
    (strip,) = _read(_write_patch(tmp_path, s1_pixels(SIZE_PX).astype(np.float32), s2))
    assert not strip.s2_invalid.any()


def _zeros(bands: int, dtype: type[np.number], size_px: int = SIZE_PX) -> Pixels:
    return np.zeros((bands, size_px, size_px), dtype)


@pytest.mark.parametrize(
    ("sensor", "pixels", "message"),
    [
        ("s1", _zeros(3, np.float32), r"s1\.tif: expected 2 bands \(VV.*\), got 3"),
        ("s2", _zeros(12, np.uint16), r"s2\.tif: expected 13 bands .*, got 12"),
        ("s1", _zeros(2, np.int16), r"s1\.tif: expected floating-point .* got int16"),
        ("s2", _zeros(13, np.float32), r"s2\.tif: expected whole-number .* float32"),
        ("s2", _zeros(13, np.uint16, 8), r"s2\.tif must lie .*s1\.tif, got 8x8 .* 16"),
    ],
)
def test_raster_of_other_bands_type_or_size_is_refused_by_name(
    tmp_path: Path, sensor: str, pixels: Pixels, message: str
) -> None:
    patch = _patch(tmp_path)
    write_raster(tmp_path / f"{sensor}.tif", pixels)
    with pytest.raises(ValueError, match=message):
        _read(patch)


@pytest.mark.parametrize(
    "move",
    [
        lambda file: write_raster(file, _zeros(13, np.uint16), origin=(5e5, 5.3e6 + 1)),
        lambda file: write_raster(file, _zeros(13, np.uint16), crs="EPSG:32633"),
        lambda file: write_raster(file, _zeros(13, np.uint16), crs=None),
    ],
    ids=["origin", "zone", "no crs"],
)
def test_raster_elsewhere_is_refused_by_name(
    tmp_path: Path, move: Callable[[Path], Path]
) -> None:
    patch = _patch(tmp_path)
    move(patch.s2)
    with pytest.raises(ValueError, match=r"s2\.tif must lie on the grid .*; reproject"):
        _read(patch)


def test_labels_elsewhere_are_refused_by_name(tmp_path: Path) -> None:
    pixels = label_pixels(SIZE_PX, (1,))
    label = write_raster(tmp_path / "label.tif", pixels, origin=(0.0, 0.0))
    with pytest.raises(ValueError, match=r"label\.tif must lie on the grid"):
        _read(replace(_patch(tmp_path), label=label))


@pytest.mark.parametrize("code", [-1, 256])
def test_label_code_that_is_no_byte_is_refused_by_name(
    tmp_path: Path, code: int
) -> None:
    label = write_raster(tmp_path / "label.tif", _zeros(1, np.int16) + np.int16(code))
    with pytest.raises(ValueError, match=rf"label\.tif: .* 0\.\.255, got {code}"):
        _read(replace(_patch(tmp_path), label=label))


@pytest.mark.parametrize(
    ("dtype", "nodata"), [(np.int16, -1), (np.int8, -1), (np.uint8, 2)]
)
def test_label_nodata_has_no_class(
    tmp_path: Path, dtype: type[np.integer], nodata: int
) -> None:
    codes = np.ones((1, SIZE_PX, SIZE_PX), dtype)
    codes[0, :, 3:] = nodata
    label = write_raster(tmp_path / "label.tif", codes, nodata=nodata)
    (strip,) = _read(replace(_patch(tmp_path), label=label))
    assert strip.label is not None
    assert strip.label[5].tolist() == [0] * 3 + [255] * 13


@pytest.mark.parametrize("code", [1.7, np.nan])
def test_fractional_label_codes_are_refused(tmp_path: Path, code: float) -> None:
    pixels = np.full((1, SIZE_PX, SIZE_PX), code, np.float32)
    label = write_raster(tmp_path / "label.tif", pixels)
    with pytest.raises(ValueError, match=r"label\.tif: expected whole-number"):
        _read(replace(_patch(tmp_path), label=label))


def test_linear_radar_becomes_decibels(tmp_path: Path) -> None:
    db = s1_pixels(SIZE_PX)
    patch = _write_patch(
        tmp_path, (10 ** (db / 10)).astype(np.float32), s2_pixels(SIZE_PX)
    )
    (strip,) = _read(replace(patch, s1_scale="linear"))
    np.testing.assert_allclose(strip.s1, np.moveaxis(db, 0, -1), atol=1e-5)


@pytest.mark.parametrize("value", [0.0, -0.001, np.nan, np.inf, 1e-11, 1e7])
def test_power_that_is_no_backscatter_becomes_nan(tmp_path: Path, value: float) -> None:
    s1 = np.full((2, SIZE_PX, SIZE_PX), 0.05, np.float32)
    s1[1, 2, 3] = value
    patch = _write_patch(tmp_path, s1, s2_pixels(SIZE_PX))
    (strip,) = _read(replace(patch, s1_scale="linear"))
    assert np.argwhere(np.isnan(strip.s1)).tolist() == [[2, 3, 1]]


def test_nodata_of_linear_radar_becomes_nan(tmp_path: Path) -> None:
    s1 = np.full((2, SIZE_PX, SIZE_PX), 0.05, np.float32)
    s1[0, 5, 6] = 1.5
    patch = _patch(tmp_path)
    write_raster(patch.s1, s1, nodata=1.5)
    (strip,) = _read(replace(patch, s1_scale="linear"))
    assert np.argwhere(np.isnan(strip.s1)).tolist() == [[5, 6, 0]]


def test_offset_is_subtracted_from_measured_values(tmp_path: Path) -> None:
    s2 = s2_pixels(SIZE_PX, offset=1000)
    (strip,) = _read(replace(_with_s2(tmp_path, s2), s2_offset=1000))
    np.testing.assert_array_equal(strip.s2, np.moveaxis(s2_pixels(SIZE_PX), 0, -1))
    assert strip.s2.dtype == np.uint16


def _with_s2(folder: Path, s2: Pixels) -> Patch:
    return _write_patch(folder, s1_pixels(SIZE_PX).astype(np.float32), s2)


@pytest.mark.parametrize(
    ("stored", "expected"), [(1, 1), (900, 1), (1000, 1), (1001, 1), (1002, 2), (0, 0)]
)
def test_value_below_the_offset_stays_measured(
    tmp_path: Path, stored: int, expected: int
) -> None:
    s2 = s2_pixels(SIZE_PX, offset=1000)
    s2[10] = stored
    (strip,) = _read(replace(_with_s2(tmp_path, s2), s2_offset=1000))
    assert (strip.s2[..., 10] == expected).all()
    assert not strip.s2_invalid.any()


def test_pixel_as_dark_as_the_offset_is_not_taken_for_a_hole(tmp_path: Path) -> None:
    s2 = np.full((13, SIZE_PX, SIZE_PX), 1000, np.uint16)
    s2[:, 4, 5] = 0
    (strip,) = _read(replace(_with_s2(tmp_path, s2), s2_offset=1000))
    assert np.argwhere(strip.s2_invalid).tolist() == [[4, 5]]
    assert np.argwhere(strip.s2[..., 0] == 0).tolist() == [[4, 5]]
