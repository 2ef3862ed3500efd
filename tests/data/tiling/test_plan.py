from dataclasses import replace
from pathlib import Path

import pytest
import rasterio
from tests.builders import s1_pixels, write_raster

from sentinel_fusion.data.grids import open_raster
from sentinel_fusion.data.patches import Patch
from sentinel_fusion.data.tiling import plan
from sentinel_fusion.data.tiling.plan import plan_blocks
from sentinel_fusion.data.tiling.rules import TileRules

RULES = TileRules(
    size_px=16,
    stride_px=4,
    max_invalid_share=0.0,
    min_label_share=0.5,
    min_class_share=0.1,
    shard_mib=1,
)
"""157 tiles of 16 px fill a shard; a patch of 40 px gives 7 x 7 of them."""


def _patch(folder: Path, name: str, size_px: int = 40, place: str = "place") -> Patch:
    s1 = folder / f"{name}.tif"
    write_raster(s1, s1_pixels(size_px).astype("float32"))
    return Patch(name, place, "folder", "unknown", s1, s1, None, "dfc")


def _names(patches: list[Patch], rules: TileRules = RULES) -> list[str]:
    return ["".join(p.patch_id for p in block) for block in plan_blocks(patches, rules)]


def test_a_block_ends_where_its_tiles_would_overflow_a_shard(tmp_path: Path) -> None:
    patches = [_patch(tmp_path, name) for name in "abcdefg"]
    assert _names(patches) == ["abc", "def", "g"]


def test_larger_shards_make_larger_blocks(tmp_path: Path) -> None:
    patches = [_patch(tmp_path, name) for name in "abcdefg"]
    assert _names(patches, replace(RULES, shard_mib=2)) == ["abcdef", "g"]


def test_patch_of_more_tiles_than_a_shard_is_alone(tmp_path: Path) -> None:
    patches = [
        _patch(tmp_path, "a", place="small"),
        _patch(tmp_path, "b", 80, place="large"),
        _patch(tmp_path, "c", place="small"),
    ]
    assert _names(patches) == ["a", "b", "c"]


def test_patches_too_small_for_a_tile_share_a_block(tmp_path: Path) -> None:
    assert _names([_patch(tmp_path, name, 8) for name in "abc"]) == ["abc"]


def test_one_raster_of_a_place_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    patches = [_patch(tmp_path, name, place=name.upper()) for name in "ab"]
    patches += [_patch(tmp_path, name, place="A") for name in "cd"]
    opened = []

    def opens(file: Path) -> rasterio.DatasetReader:
        opened.append(file.stem)
        return open_raster(file)

    monkeypatch.setattr(plan, "open_raster", opens)
    plan_blocks(patches, RULES)
    assert opened == ["a", "b"]


def test_size_comes_from_the_next_patch_where_the_first_cannot_be_read(
    tmp_path: Path,
) -> None:
    patches = [_patch(tmp_path, name) for name in "abcdefg"]
    patches[0].s1.unlink()
    assert _names(patches) == ["abcd", "efg"]
