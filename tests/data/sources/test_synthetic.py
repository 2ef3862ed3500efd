from pathlib import Path

import pytest

from sentinel_fusion.data.patches import Patch
from sentinel_fusion.data.sources.synthetic import prepare

SIZES = {
    "patch_px": 32,
    "patches_per_place": 2,
    "pretrain_places": 2,
    "validation_places": 2,
    "test_places": 2,
    "workers": 1,
}


def _prepare(raw: Path, role: str, **sizes: int) -> list[Patch]:
    return prepare(Path("unused"), raw, role=role, seed=0, **{**SIZES, **sizes})


def test_pretraining_patches_have_no_labels(tmp_path: Path) -> None:
    patches = _prepare(tmp_path, "pretrain")
    assert [patch.label for patch in patches] == [None] * 4


def test_pretraining_places_hold_their_patches(tmp_path: Path) -> None:
    places = [patch.place_id for patch in _prepare(tmp_path, "pretrain")]
    assert len(places) == 4
    assert len(set(places)) == 2


def test_labelled_patches_lie_in_both_groups(tmp_path: Path) -> None:
    groups = [patch.group for patch in _prepare(tmp_path, "labelled")]
    assert groups == ["validation"] * 2 * 2 + ["test"] * 2 * 2


def test_labelled_places_hold_their_patches(tmp_path: Path) -> None:
    places = [patch.place_id for patch in _prepare(tmp_path, "labelled")]
    assert places == [f"{g}-{n}" for g in ("validation", "test") for n in (0, 0, 1, 1)]


def test_patches_of_the_only_place_stay_together(tmp_path: Path) -> None:
    patches = _prepare(tmp_path, "labelled", validation_places=1, test_places=1)
    assert len({patch.place_id for patch in patches}) == 2


def test_rasters_are_written_below_raw(tmp_path: Path) -> None:
    for patch in _prepare(tmp_path / "raw", "labelled"):
        assert patch.label is not None
        for file in (patch.s1, patch.s2, patch.label):
            assert file.is_relative_to(tmp_path / "raw")


def test_unknown_size_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="colour"):
        _prepare(tmp_path, "pretrain", colour=1)
