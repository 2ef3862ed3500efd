from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio import Affine
from rasterio.enums import Resampling
from rasterio.windows import Window
from tests.builders import UTM, write_scene_raster

from sentinel_fusion.data.grids import Grid, grid_of, same_grid
from sentinel_fusion.data.scenes.bands import BandSource
from sentinel_fusion.data.scenes.vrt import (
    Layer,
    write_power,
    write_stack,
    write_warped,
)

HERE = Affine(10, 0, 500_000, 0, -10, 5_300_000)
GRID = Grid(2, 3, UTM, HERE)


def _read(file: Path) -> np.ndarray:
    with rasterio.open(file) as raster:
        return np.asarray(raster.read())


def test_stack_takes_bands_by_number_and_leaves_holes(tmp_path: Path) -> None:
    pixels = np.arange(12, dtype=np.uint16).reshape(2, 2, 3)
    source = write_scene_raster(tmp_path / "a.tif", pixels, HERE)
    layers = [
        Layer("second", BandSource(source, 2), 0),
        Layer("none", None, 0),
        Layer("first", BandSource(source, 1), 0),
    ]
    file = write_stack(tmp_path / "s.vrt", GRID, layers, dtype="uint16", nodata=0)
    stack = _read(file)
    np.testing.assert_array_equal(stack, [pixels[1], np.zeros((2, 3)), pixels[0]])
    with rasterio.open(file) as raster:
        assert raster.descriptions == ("second", "none", "first")
        assert (raster.nodata, raster.dtypes[0]) == (0, "uint16")
        assert same_grid(grid_of(raster), GRID)


@pytest.mark.parametrize("nodata", [-9999.0, np.nan, np.finfo(np.float32).min])
def test_stack_replaces_nodata(tmp_path: Path, nodata: float) -> None:
    pixels = np.array([[[1, nodata, 3], [4, 5, 6]]], np.float32)
    source = write_scene_raster(tmp_path / "a.tif", pixels, HERE)
    layers = [Layer("a", BandSource(source, 1), float(nodata))]
    file = write_stack(tmp_path / "s.vrt", GRID, layers, dtype="float32", nodata=-1)
    assert _read(file)[0].tolist() == [[1, -1, 3], [4, 5, 6]]


def test_stack_without_georeference_has_none(tmp_path: Path) -> None:
    bare = Grid(2, 3, None, Affine.identity())
    layers = [Layer("none", None, 0)]
    file = write_stack(tmp_path / "s.vrt", bare, layers, dtype="uint8", nodata=0)
    with rasterio.open(file) as raster:
        assert raster.crs is None


def test_power_of_decibels_by_hand(tmp_path: Path) -> None:
    decibels = np.array([[[0, -10, 3], [-20, -9999, -10_000]]], np.float32)
    source = write_scene_raster(tmp_path / "a.tif", decibels, HERE)
    power = _read(write_power(tmp_path / "p.vrt", source, GRID, bands=1))
    expected = [[[1, 0.1, 1.9952623], [0.01, 0, 0]]]
    np.testing.assert_allclose(power, expected, rtol=1e-6)


def _warp(source: Path, grid: Grid, resampling: Resampling) -> np.ndarray:
    file = source.with_name("w.vrt")
    write_warped(file, source, grid, resampling=resampling, src_nodata=0, nodata=0)
    return _read(file)


def test_half_pixel_shift_gives_means_of_neighbours(tmp_path: Path) -> None:
    pixels = np.array([[[10, 20, 60], [10, 20, 60]]], np.float32)
    source = write_scene_raster(tmp_path / "a.tif", pixels, HERE)
    shifted = Grid(2, 2, UTM, Affine(10, 0, 500_005, 0, -10, 5_300_000))
    assert _warp(source, shifted, Resampling.bilinear)[0, 0].tolist() == [15, 40]


def test_nodata_takes_no_part_in_means_of_its_own_band_only(tmp_path: Path) -> None:
    pixels = np.array([[[10, 0, 60]] * 2, [[10, 20, 60]] * 2], np.float32)
    source = write_scene_raster(tmp_path / "a.tif", pixels, HERE)
    shifted = Grid(2, 2, UTM, Affine(10, 0, 500_005, 0, -10, 5_300_000))
    warped = _warp(source, shifted, Resampling.bilinear)
    assert warped[:, 0].tolist() == [[10, 60], [15, 40]]


def test_ground_outside_of_the_source_has_no_data(tmp_path: Path) -> None:
    source = write_scene_raster(tmp_path / "a.tif", np.ones((1, 2, 3)), HERE)
    east = Grid(2, 3, UTM, Affine(10, 0, 500_020, 0, -10, 5_300_000))
    assert _warp(source, east, Resampling.nearest)[0].tolist() == [[1, 0, 0]] * 2


def test_paths_are_those_of_the_caller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DVC may link files into its cache, from where other paths lead astray."""
    monkeypatch.chdir(tmp_path)
    user, raw = Path("user"), Path("raw")
    raw.mkdir()
    source = write_scene_raster(user / "a & b.tif", np.ones((1, 2, 3)), HERE)
    file = write_warped(
        raw / "w.vrt",
        source,
        GRID,
        resampling=Resampling.bilinear,
        src_nodata=0,
        nodata=0,
    )
    assert 'relativeToVRT="0">user/a &amp; b.tif<' in file.read_text()
    cache = Path("cache/files")
    cache.mkdir(parents=True)
    file.rename(cache / "0f")
    file.symlink_to(Path("../cache/files/0f"))
    assert _read(file).min() == 1


def test_finer_pixels_are_averaged_not_skipped(tmp_path: Path) -> None:
    """Triangle over 2 x 2 target pixels; stripes of 1 px average to their mean."""
    stripes = np.where(np.arange(40) % 2, 30.0, 10.0)
    fine = Affine(2.5, 0, 500_000, 0, -2.5, 5_300_000)
    pixels = np.broadcast_to(stripes, (1, 40, 40)).astype(np.float32)
    source = write_scene_raster(tmp_path / "a.tif", pixels, fine)
    warped = _warp(source, Grid(10, 10, UTM, HERE), Resampling.bilinear)
    np.testing.assert_allclose(warped[0, 1:-1, 1:-1], 20, atol=1e-4)


def test_pixels_do_not_depend_on_the_window(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    pixels = rng.uniform(1, 2, (1, 90, 90)).astype(np.float32)
    near = Affine(11, 0, 499_943, 0, -9, 5_300_029)
    source = write_scene_raster(tmp_path / "a.tif", pixels, near, crs=UTM)
    whole = _warp(source, Grid(60, 60, UTM, HERE), Resampling.bilinear)
    with rasterio.open(tmp_path / "w.vrt") as raster:
        for row in (0, 7, 31):
            part = raster.read(window=Window(0, row, 60, 29))
            np.testing.assert_array_equal(part, whole[:, row : row + 29])
