from pathlib import Path

import pytest
from tests.builders import write_sen12ms_patch

from sentinel_fusion.data.patches import MissingRastersError
from sentinel_fusion.data.rasters import read_strips
from sentinel_fusion.data.sources.sen12ms import list_patches, prepare

SAMPLE = Path(__file__).resolve().parents[4] / "shared" / "sample" / "sen12ms"


def test_patches_are_in_order_of_season_scene_and_number(tmp_path: Path) -> None:
    for season, scene, patch in (
        ("winter", 2, 1),
        ("fall", 10, 5),
        ("fall", 9, 30),
        ("fall", 9, 4),
    ):
        write_sen12ms_patch(
            tmp_path, season=season, scene=scene, patch=patch, size_px=8
        )
    names = [patch.patch_id for patch in list_patches(tmp_path, with_labels=False)]
    assert names == ["fall-9-p4", "fall-9-p30", "fall-10-p5", "winter-2-p1"]


def test_place_is_season_and_scene(tmp_path: Path) -> None:
    write_sen12ms_patch(tmp_path, season="spring", scene=7, patch=1, size_px=8)
    write_sen12ms_patch(tmp_path, season="spring", scene=7, patch=2, size_px=8)
    write_sen12ms_patch(tmp_path, season="summer", scene=7, patch=1, size_px=8)
    places = [patch.place_id for patch in list_patches(tmp_path, with_labels=False)]
    assert places == ["spring-7", "spring-7", "summer-7"]


def test_patch_holds_its_rasters_season_and_scheme(tmp_path: Path) -> None:
    write_sen12ms_patch(tmp_path, season="spring", scene=1, patch=30, size_px=8)
    (patch,) = list_patches(tmp_path, with_labels=True)
    top = tmp_path / "ROIs1158_spring"
    assert patch.s1 == top / "s1_1" / "ROIs1158_spring_s1_1_p30.tif"
    assert patch.s2 == top / "s2_1" / "ROIs1158_spring_s2_1_p30.tif"
    assert patch.label == top / "lc_1" / "ROIs1158_spring_lc_1_p30.tif"
    assert (patch.group, patch.season, patch.label_scheme) == (*["spring"] * 2, "igbp")


@pytest.mark.parametrize(("role", "has_label"), [("pretrain", 0), ("labelled", 1)])
def test_only_the_labelled_role_reads_labels(
    tmp_path: Path, role: str, has_label: int
) -> None:
    write_sen12ms_patch(tmp_path, size_px=8)
    raw = tmp_path / "raw"
    (patch,) = prepare(tmp_path, raw, role=role, seed=0, seasons=(), fetch={})
    assert (patch.label is not None) == bool(has_label)
    assert not (tmp_path / "raw").exists()


@pytest.mark.parametrize("kind", ["s2", "lc"])
def test_missing_partner_is_refused_with_its_path(tmp_path: Path, kind: str) -> None:
    write_sen12ms_patch(tmp_path, size_px=8)
    name = f"ROIs1158_spring_{kind}_1_p30.tif"
    (tmp_path / "ROIs1158_spring" / f"{kind}_1" / name).unlink()
    with pytest.raises(MissingRastersError, match=f"no partner .*{kind}_1/{name}"):
        list_patches(tmp_path, with_labels=True)


def test_missing_labels_do_not_matter_where_none_are_wanted(tmp_path: Path) -> None:
    write_sen12ms_patch(tmp_path, size_px=8)
    next(tmp_path.rglob("*_lc_*.tif")).unlink()
    assert len(list_patches(tmp_path, with_labels=False)) == 1


def test_empty_folder_is_refused_with_the_layout(tmp_path: Path) -> None:
    with pytest.raises(MissingRastersError, match=r"no SEN12MS .*sources\.<role>\.pat"):
        list_patches(tmp_path, with_labels=False)


def test_raster_of_another_name_is_refused(tmp_path: Path) -> None:
    write_sen12ms_patch(tmp_path, size_px=8)
    (tmp_path / "ROIs1158_spring" / "s1_1" / "copy of p30.tif").touch()
    with pytest.raises(MissingRastersError, match=r"copy of p30\.tif is not a SEN12MS"):
        list_patches(tmp_path, with_labels=False)


@pytest.mark.skipif(not SAMPLE.is_dir(), reason=f"{SAMPLE} is not there")
def test_real_sample_is_found_and_readable() -> None:
    (patch,) = list_patches(SAMPLE, with_labels=False)
    grid, strips = read_strips(patch, size_px=256, stride_px=256)
    assert (patch.patch_id, grid.crs) == ("fall-139-p839", "EPSG:32650")
    assert [strip.s2.shape for strip in strips] == [(256, 256, 13)]
