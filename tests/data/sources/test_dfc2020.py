from pathlib import Path

import pytest
from tests.builders import write_dfc2020_patch

from sentinel_fusion.data.patches import MissingRastersError, Patch
from sentinel_fusion.data.rasters import read_strips
from sentinel_fusion.data.sources.dfc2020 import list_patches, prepare

SAMPLE = Path(__file__).resolve().parents[4] / "shared" / "sample" / "dfc2020"


def _list(folder: Path, block_patches: int = 16) -> list[Patch]:
    return list_patches(folder, with_labels=True, block_patches=block_patches)


def _write(folder: Path, numbers: list[int], scene: int = 0) -> None:
    for patch in numbers:
        write_dfc2020_patch(folder, scene=scene, patch=patch, size_px=8)


def test_patches_are_in_order_of_group_scene_and_number(tmp_path: Path) -> None:
    write_dfc2020_patch(tmp_path, group="test", patch=1, size_px=8)
    _write(tmp_path, [10, 9])
    names = [patch.patch_id for patch in _list(tmp_path)]
    assert names == ["validation-0-p9", "validation-0-p10", "test-0-p1"]


def test_single_scene_gives_blocks_of_successive_numbers(tmp_path: Path) -> None:
    _write(tmp_path, [0, 3, 4, 7, 8])
    places = [patch.place_id for patch in _list(tmp_path, block_patches=4)]
    assert places == [f"validation-b{block}" for block in (0, 0, 1, 1, 2)]


def test_several_scenes_are_the_places(tmp_path: Path) -> None:
    _write(tmp_path, [0, 40], scene=3)
    _write(tmp_path, [1], scene=12)
    places = [patch.place_id for patch in _list(tmp_path, block_patches=4)]
    assert places == ["validation-3", "validation-3", "validation-12"]


def test_groups_are_told_apart_one_by_one(tmp_path: Path) -> None:
    _write(tmp_path, [0], scene=1)
    _write(tmp_path, [1], scene=2)
    write_dfc2020_patch(tmp_path, group="test", patch=5, size_px=8)
    places = [(patch.group, patch.place_id) for patch in _list(tmp_path, 4)]
    assert places[0] == ("validation", "validation-1")
    assert places[2] == ("test", "test-b1")


def test_patch_holds_its_rasters_and_scheme(tmp_path: Path) -> None:
    write_dfc2020_patch(tmp_path, group="test", size_px=8)
    (patch,) = _list(tmp_path)
    top = tmp_path / "ROIs0000_test"
    assert patch.s1 == top / "s1_0" / "ROIs0000_test_s1_0_p0.tif"
    assert patch.s2 == top / "s2_0" / "ROIs0000_test_s2_0_p0.tif"
    assert patch.label == top / "dfc_0" / "ROIs0000_test_dfc_0_p0.tif"
    assert (patch.season, patch.label_scheme) == ("unknown", "dfc")


def test_validation_folders_named_by_number_are_understood(tmp_path: Path) -> None:
    _write(tmp_path, [0])
    for kind in ("s1", "s2", "dfc"):
        folder = tmp_path / "ROIs0000_validation" / f"{kind}_validation"
        folder.rename(folder.with_name(f"{kind}_0"))
    (patch,) = _list(tmp_path)
    assert patch.label is not None
    assert patch.label.parent.name == "dfc_0"


@pytest.mark.parametrize(("role", "has_label"), [("pretrain", 0), ("labelled", 1)])
def test_only_the_labelled_role_reads_labels(
    tmp_path: Path, role: str, has_label: int
) -> None:
    _write(tmp_path, [0])
    raw = tmp_path / "raw"
    (patch,) = prepare(
        tmp_path, raw, role=role, seed=0, groups=(), block_patches=1, fetch={}
    )
    assert (patch.label is not None) == bool(has_label)
    assert not raw.exists()


@pytest.mark.parametrize("kind", ["s2", "dfc"])
def test_missing_partner_is_refused_with_its_path(tmp_path: Path, kind: str) -> None:
    _write(tmp_path, [0])
    name = f"ROIs0000_validation_{kind}_0_p0.tif"
    next(tmp_path.rglob(name)).unlink()
    with pytest.raises(MissingRastersError, match=f"no partner .*{name}; restore"):
        _list(tmp_path)


def test_missing_labels_do_not_matter_where_none_are_wanted(tmp_path: Path) -> None:
    _write(tmp_path, [0])
    next(tmp_path.rglob("*_dfc_*.tif")).unlink()
    (patch,) = list_patches(tmp_path, with_labels=False, block_patches=1)
    assert patch.label is None


def test_empty_folder_is_refused_with_the_layout(tmp_path: Path) -> None:
    with pytest.raises(MissingRastersError, match=r"no DFC2020 .*sources\.<role>\.pat"):
        _list(tmp_path)


def test_raster_of_another_name_is_refused(tmp_path: Path) -> None:
    _write(tmp_path, [0])
    (tmp_path / "ROIs0000_validation" / "s1_validation" / "copy of p0.tif").touch()
    with pytest.raises(MissingRastersError, match=r"copy of p0\.tif is not a DFC2020"):
        _list(tmp_path)


@pytest.mark.skipif(not SAMPLE.is_dir(), reason=f"{SAMPLE} is not there")
def test_real_sample_is_found_and_readable() -> None:
    patches = _list(SAMPLE, block_patches=1)
    sizes = [read_strips(p, size_px=32, stride_px=32)[0].height_px for p in patches]
    assert sizes == [224, 224, 224]
    assert [p.place_id for p in patches] == [
        "validation-b0",
        "validation-b1",
        "test-b0",
    ]


@pytest.mark.skipif(not SAMPLE.is_dir(), reason=f"{SAMPLE} is not there")
def test_real_sample_has_labels_of_the_eight_classes() -> None:
    _, strips = read_strips(_list(SAMPLE)[0], size_px=224, stride_px=224)
    (strip,) = strips
    assert strip.label is not None
    assert (strip.label < 8).mean() > 0.5
