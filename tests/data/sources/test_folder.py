from pathlib import Path

import numpy as np
import pytest
from tests.builders import write_folder_scene

from sentinel_fusion.data.patches import MissingRastersError, Patch
from sentinel_fusion.data.rasters import read_strips
from sentinel_fusion.data.sources.folder import list_patches, prepare

SAMPLE = Path(__file__).resolve().parents[4] / "shared" / "sample" / "scene"


def _list(folder: Path, *, with_labels: bool = False) -> list[Patch]:
    return list_patches(folder, with_labels=with_labels, label_scheme="dfc")


def test_nested_scenes_are_found_in_order_and_named_by_their_folders(
    tmp_path: Path,
) -> None:
    for name in ("north/b", "north/a", "east"):
        write_folder_scene(tmp_path / name, size_px=8)
    names = [patch.patch_id for patch in _list(tmp_path)]
    assert names == ["east", "north-a", "north-b"]


def test_each_scene_is_a_place_of_its_own(tmp_path: Path) -> None:
    write_folder_scene(tmp_path / "a", size_px=8)
    write_folder_scene(tmp_path / "b", size_px=8)
    assert [patch.place_id for patch in _list(tmp_path)] == ["a", "b"]


def test_scene_folder_itself_is_named_after_it(tmp_path: Path) -> None:
    write_folder_scene(tmp_path / "river", size_px=8)
    (patch,) = _list(tmp_path / "river")
    assert (patch.patch_id, patch.place_id) == ("river", "river")


def test_scene_in_the_working_folder_has_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_folder_scene(tmp_path, size_px=8)
    monkeypatch.chdir(tmp_path)
    assert _list(Path())[0].patch_id


def test_scene_holds_its_rasters_and_scheme(tmp_path: Path) -> None:
    write_folder_scene(tmp_path / "a", size_px=8, codes=(1, 2))
    (patch,) = list_patches(tmp_path, with_labels=True, label_scheme="igbp")
    assert patch.s1 == tmp_path / "a" / "s1.tif"
    assert patch.s2 == tmp_path / "a" / "s2.tif"
    assert patch.label == tmp_path / "a" / "label.tif"
    facts = (patch.group, patch.season, patch.label_scheme)
    assert facts == ("folder", "unknown", "igbp")


@pytest.mark.parametrize(("role", "has_label"), [("pretrain", 0), ("labelled", 1)])
def test_only_the_labelled_role_reads_labels(
    tmp_path: Path, role: str, has_label: int
) -> None:
    write_folder_scene(tmp_path, size_px=8, codes=(1,))
    raw = tmp_path / "raw"
    (patch,) = prepare(tmp_path, raw, role=role, seed=0, label_scheme="dfc")
    assert (patch.label is not None) == bool(has_label)
    assert not raw.exists()


def test_missing_optical_raster_is_refused_with_its_path(tmp_path: Path) -> None:
    write_folder_scene(tmp_path / "a", size_px=8)
    (tmp_path / "a" / "s2.tif").unlink()
    with pytest.raises(MissingRastersError, match=r"no partner .*/a/s2\.tif; restore"):
        _list(tmp_path)


def test_missing_labels_are_refused_with_their_path(tmp_path: Path) -> None:
    write_folder_scene(tmp_path / "a", size_px=8)
    with pytest.raises(MissingRastersError, match=r"no partner .*/a/label\.tif"):
        _list(tmp_path, with_labels=True)


def test_empty_folder_is_refused_with_the_layout(tmp_path: Path) -> None:
    with pytest.raises(MissingRastersError, match=r"no s1\.tif; put each scene in a"):
        _list(tmp_path)


@pytest.mark.skipif(not SAMPLE.is_dir(), reason=f"{SAMPLE} is not there")
def test_real_sample_is_found_and_readable() -> None:
    (patch,) = _list(SAMPLE)
    grid, strips = read_strips(patch, size_px=512, stride_px=512)
    assert (patch.patch_id, grid.height_px, grid.width_px) == ("scene", 512, 512)
    assert [np.isfinite(strip.s1).mean() > 0.5 for strip in strips] == [True]
