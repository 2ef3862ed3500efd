import json
from pathlib import Path

import numpy as np
import pytest
from tests.builders import write_raster, write_sen12ms_patch

from sentinel_fusion.data.patches import MissingRastersError, Patch
from sentinel_fusion.data.rasters import read_strips
from sentinel_fusion.data.sources.sen12ms import list_patches, prepare
from sentinel_fusion.data.tiles import TileRules, write_tiles

SAMPLE = Path(__file__).resolve().parents[4] / "shared" / "sample" / "sen12ms"


def _prepare(
    folder: Path, *, role: str, raw: Path = Path("unused"), hold_out: str = "none"
) -> list[Patch]:
    return prepare(
        folder, raw, role=role, seed=0, seasons=(), hold_out=hold_out, fetch={}
    )


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
    (patch,) = _prepare(tmp_path, role=role, raw=raw)
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


@pytest.fixture
def three_scenes(tmp_path: Path) -> Path:
    """Patches 1 and 2 of the spring scenes 1, 2 and 3."""
    for scene in (1, 2, 3):
        for number in (1, 2):
            write_sen12ms_patch(tmp_path, scene=scene, patch=number, size_px=8)
    return tmp_path


@pytest.mark.parametrize(
    "listed",
    [
        "ROIs1158_spring/s1_2",
        "ROIs1158_spring_s2_2_p1.tif\nROIs1158_spring_lc_2_p2.tif",
    ],
)
def test_held_out_patches_are_the_labelled_group_test(
    three_scenes: Path, listed: str
) -> None:
    (three_scenes / "test_list.txt").write_text(listed)
    patches = _prepare(three_scenes, role="labelled", hold_out="published")
    groups = {patch.place_id: patch.group for patch in patches}
    assert groups == {"spring-1": "train", "spring-2": "test", "spring-3": "train"}
    assert {patch.season for patch in patches} == {"spring"}


def test_held_out_patches_are_no_part_of_the_pre_training(three_scenes: Path) -> None:
    (three_scenes / "test_list.txt").write_text("ROIs1158_spring/s1_2")
    patches = _prepare(three_scenes, role="pretrain", hold_out="published")
    assert {patch.place_id for patch in patches} == {"spring-1", "spring-3"}
    assert len(_prepare(three_scenes, role="pretrain")) == 6


def test_missing_list_is_refused_with_its_home(three_scenes: Path) -> None:
    with pytest.raises(
        MissingRastersError, match=r"test_list\.txt must exist .*26 scen.*have it fetch"
    ):
        _prepare(three_scenes, role="pretrain", hold_out="published")


@pytest.mark.parametrize(
    ("listed", "count"),
    [
        ("ROIs1868_summer/s1_2", 0),
        ("\n".join(f"ROIs1158_spring/s1_{n}" for n in (1, 2, 3)), 6),
    ],
    ids=["nothing", "everything"],
)
def test_list_that_holds_out_no_part_is_refused(
    three_scenes: Path, listed: str, count: int
) -> None:
    (three_scenes / "test_list.txt").write_text(listed)
    with pytest.raises(
        MissingRastersError, match=f"a part of the 6 patches, got {count}"
    ):
        _prepare(three_scenes, role="labelled", hold_out="published")


def test_the_known_bad_patch_is_rejected_by_reason_and_name(tmp_path: Path) -> None:
    for number in (201, 202):
        write_sen12ms_patch(
            tmp_path / "raw", season="summer", scene=146, patch=number, size_px=16
        )
    patches = list_patches(tmp_path / "raw", with_labels=False)
    write_raster(patches[1].s1, np.full((2, 16, 16), np.nan, np.float32))
    rules = TileRules(16, 16, 0.01, 0.5, 0.1, 1)
    store = tmp_path / "store"
    write_tiles(patches, store, rules, with_labels=False, progress=lambda: None)
    stats = json.loads((store / "stats.json").read_text())
    assert (stats["tiles"], stats["rejected"]["s1_invalid"]) == (1, 1)
    assert stats["bad_patches"] == {"s1_invalid": ["summer-146-p202"]}


@pytest.mark.slow
def test_a_tenth_of_the_data_set_is_listed_without_opening_a_file(
    tmp_path: Path,
) -> None:
    """Files are empty, so that opening one would fail."""
    for scene in range(1, 26):
        for kind in ("s1", "s2", "lc"):
            folder = tmp_path / "ROIs1970_fall" / f"{kind}_{scene}"
            folder.mkdir(parents=True)
            for patch in range(720):
                (folder / f"ROIs1970_fall_{kind}_{scene}_p{patch}.tif").touch()
    patches = list_patches(tmp_path, with_labels=True)
    assert len(patches) == 18_000
    assert len({patch.place_id for patch in patches}) == 25


@pytest.mark.skipif(not SAMPLE.is_dir(), reason=f"{SAMPLE} is not there")
def test_real_sample_is_found_and_readable() -> None:
    (patch,) = list_patches(SAMPLE, with_labels=False)
    grid, strips = read_strips(patch, size_px=256, stride_px=256)
    assert (patch.patch_id, grid.crs) == ("fall-139-p839", "EPSG:32650")
    assert [strip.s2.shape for strip in strips] == [(256, 256, 13)]
