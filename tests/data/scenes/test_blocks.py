"""Blocks of a scene of 40 x 40 px whose radar lies on a grid of its own."""

from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from rasterio import Affine
from tests.builders import ground_plane, write_scene_raster
from tests.data.scenes.small_scene import (
    HERE,
    SIZE_PX,
    WIDE,
    align,
    scene_in,
    write_s1,
    write_s2,
)

from sentinel_fusion.data.grids import grid_of, open_raster
from sentinel_fusion.data.patches import Patch
from sentinel_fusion.data.rasters import read_strips
from sentinel_fusion.data.scenes.blocks import cut_into_blocks
from sentinel_fusion.data.scenes.vrt import write_window
from sentinel_fusion.data.tiles import TileRules, write_tiles

TILE_PX = 4


@pytest.fixture
def scene(tmp_path: Path) -> Patch:
    write_s1(tmp_path, -20 + ground_plane(WIDE, 60, 60) / 100, WIDE)
    write_s2(tmp_path)
    codes = np.arange(SIZE_PX**2).reshape(1, SIZE_PX, SIZE_PX) % 7 + 1
    write_scene_raster(tmp_path / "label.tif", codes.astype(np.uint8), HERE)
    return scene_in(tmp_path, label=True)


def _cut(scene: Patch, block_px: int) -> list[Patch]:
    aligned = align(scene)
    raw = scene.s1.parent / "raw"
    return cut_into_blocks(aligned.patch, aligned.grid, block_px, raw)


@pytest.mark.parametrize(
    ("block_px", "edges"),
    [
        pytest.param(16, [16, 16, 8], id="half a block stands alone"),
        pytest.param(12, [12, 12, 16], id="less joins its neighbour"),
        pytest.param(20, [20, 20], id="even"),
        pytest.param(30, [40], id="one block and a bit"),
        pytest.param(100, [40], id="larger than the scene"),
        pytest.param(0, [40], id="off"),
    ],
)
def test_blocks_cover_the_scene(scene: Patch, block_px: int, edges: list[int]) -> None:
    sizes = []
    for block in _cut(scene, block_px):
        with open_raster(block.s2) as raster:
            sizes.append((raster.height, raster.width))
    assert sizes == [(height, width) for height in edges for width in edges]


def test_a_scene_of_one_block_stays_as_it_is(scene: Patch) -> None:
    assert _cut(scene, 30) == [align(scene).patch]


def test_each_block_is_a_place_named_by_row_and_column(scene: Patch) -> None:
    blocks = _cut(scene, 20)
    names = ["p-r0c0", "p-r0c1", "p-r1c0", "p-r1c1"]
    assert [block.place_id for block in blocks] == names
    assert [block.patch_id for block in blocks] == names


def _tiles(patches: list[Patch], store: Path) -> dict[tuple[float, ...], bytes]:
    """Corner on the ground -> pixels of all rasters."""
    rules = TileRules(TILE_PX, TILE_PX, 1.0, 0.0, 0.1, 1)
    write_tiles(patches, store, rules, with_labels=True, progress=lambda: None)
    index = gpd.read_parquet(store / "index.parquet")
    pixels = [np.load(store / f"{kind}-00000.npy") for kind in ("s1", "s2", "label")]
    corners = index.geometry.bounds[["minx", "maxy"]].round(7)
    return {
        tuple(corner): b"".join(layer[row].tobytes() for layer in pixels)
        for row, corner in enumerate(corners.to_numpy().tolist())
    }


def test_tiles_of_blocks_are_those_of_the_scene(scene: Patch, tmp_path: Path) -> None:
    whole = _tiles(_cut(scene, 0), tmp_path / "whole")
    assert len(whole) == (SIZE_PX // TILE_PX) ** 2
    assert _tiles(_cut(scene, 12), tmp_path / "blocks") == whole


def test_a_scene_without_labels_is_cut_too(scene: Patch) -> None:
    (block, *_) = cut_into_blocks(
        Patch(**{**vars(align(scene).patch), "label": None}),
        align(scene).grid,
        20,
        scene.s1.parent / "raw",
    )
    assert block.label is None


@pytest.mark.parametrize(
    ("dtype", "nodata"),
    [
        ("int16", -7),
        ("int64", -9999),
        ("uint64", 255),
        ("float32", -9999.5),
    ],
)
def test_a_window_keeps_values_types_and_nodata(
    tmp_path: Path, dtype: str, nodata: float
) -> None:
    pixels = np.arange(24).astype(dtype).reshape(2, 3, 4)
    source = write_scene_raster(tmp_path / "a.tif", pixels, HERE, nodata=nodata)
    with open_raster(source) as raster:
        whole = grid_of(raster)
    part = type(whole)(2, 2, whole.crs, HERE @ Affine.translation(1, 1))
    file = write_window(tmp_path / "w.vrt", source, part, first_row=1, first_col=1)
    with rasterio.open(file) as raster:
        np.testing.assert_array_equal(raster.read(), pixels[:, 1:3, 1:3])
        assert (raster.nodata, raster.dtypes) == (nodata, (dtype, dtype))
        assert grid_of(raster) == part


def test_a_window_keeps_the_smallest_64_bit_nodata(tmp_path: Path) -> None:
    """rasterio cannot write it, GDAL can: the digits stand in a VRT."""
    pixels = np.arange(24).reshape(2, 3, 4)
    write_scene_raster(tmp_path / "a.tif", pixels, HERE)
    with open_raster(tmp_path / "a.tif") as raster:
        whole = grid_of(raster)
    places = {"first_row": 0, "first_col": 0}
    source = write_window(tmp_path / "a.vrt", tmp_path / "a.tif", whole, **places)
    value = f"<NoDataValue>{-(2**63)}</NoDataValue>"
    text = source.read_text().replace('band="1">', f'band="1">{value}')
    source.write_text(text)
    file = write_window(tmp_path / "w.vrt", source, whole, **places)
    assert value in file.read_text()


@pytest.mark.parametrize("dtype", ["int64", "uint64"])
def test_labels_of_64_bits_are_cut_as_others(
    scene: Patch, tmp_path: Path, dtype: str
) -> None:
    expected = _tiles(_cut(scene, 20), tmp_path / "store")
    assert scene.label is not None
    with open_raster(scene.label) as raster:
        codes = raster.read().astype(dtype)
    write_scene_raster(scene.label, codes, HERE, nodata=99)
    assert _tiles(_cut(scene, 20), tmp_path / "other") == expected


def test_rows_of_a_block_are_read_in_strips(scene: Patch) -> None:
    block = _cut(scene, 20)[-1]
    (strip,) = read_strips(block, size_px=20, stride_px=20)[1]
    plane = 1000 + ground_plane(HERE, SIZE_PX, SIZE_PX).round()[0, 20:, 20:]
    np.testing.assert_array_equal(strip.s2[..., 0], plane)
