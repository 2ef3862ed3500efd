from dataclasses import replace
from pathlib import Path

import pytest

from sentinel_fusion.data.patches import (
    Folders,
    MissingRastersError,
    Patch,
    name_some,
    paired_raster,
    read_manifest,
    write_manifest,
)

PATCH = Patch(
    patch_id="spring-1-p30",
    place_id="NA",
    group="spring",
    season="spring",
    s1=Path("raw/s1.tif"),
    s2=Path("raw/with, comma/s2.tif"),
    label=Path("raw/label.tif"),
    label_scheme="igbp",
)


def test_manifest_gives_back_what_was_written(tmp_path: Path) -> None:
    write_manifest([PATCH], tmp_path / "patches.csv")
    assert read_manifest(tmp_path / "patches.csv") == [PATCH]


def test_units_of_a_scene_come_back(tmp_path: Path) -> None:
    scene = replace(PATCH, s1_scale="linear", s2_offset=1000, s2_missing="B09 B10")
    write_manifest([scene], tmp_path / "patches.csv")
    assert read_manifest(tmp_path / "patches.csv") == [scene]


def test_patch_is_in_decibels_without_offset_unless_said() -> None:
    assert (PATCH.s1_scale, PATCH.s2_offset, PATCH.s2_missing) == ("db", 0, "")


def test_patch_without_labels_comes_back_without(tmp_path: Path) -> None:
    write_manifest([replace(PATCH, label=None)], tmp_path / "patches.csv")
    assert read_manifest(tmp_path / "patches.csv")[0].label is None


def test_manifest_is_sorted_by_patch_id_whatever_the_order(tmp_path: Path) -> None:
    patches = [replace(PATCH, patch_id=name) for name in ("b", "c", "a")]
    write_manifest(iter(patches), tmp_path / "patches.csv")
    names = [patch.patch_id for patch in read_manifest(tmp_path / "patches.csv")]
    assert names == ["a", "b", "c"]


def test_manifest_without_patches_is_refused(tmp_path: Path) -> None:
    message = r"patches\.csv needs at least 1 patch, got 0; put rasters below sources"
    with pytest.raises(ValueError, match=message):
        write_manifest([], tmp_path / "patches.csv")


def test_two_patches_of_one_name_are_refused(tmp_path: Path) -> None:
    other = replace(PATCH, s1=Path("other.tif"))
    message = (
        "must be unique, got spring-1-p30 for raw/s1.tif and other.tif; rename a file "
    )
    with pytest.raises(ValueError, match=message):
        write_manifest([PATCH, other], tmp_path / "patches.csv")
    assert not (tmp_path / "patches.csv").exists()


def test_partner_that_exists_is_given_back(tmp_path: Path) -> None:
    partner = tmp_path / "s2.tif"
    partner.touch()
    assert paired_raster(tmp_path / "s1.tif", partner) == partner


def test_missing_partner_is_refused_with_its_path_and_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(MissingRastersError, match=r"no partner .*s2\.tif; restore"):
        paired_raster(tmp_path / "s1.tif", tmp_path / "s2.tif")


def test_a_partner_is_found_among_the_files_of_its_folder(tmp_path: Path) -> None:
    (tmp_path / "s2.tif").touch()
    found = Folders().partner(tmp_path / "s1.tif", tmp_path, "s2.tif")
    assert found == tmp_path / "s2.tif"


@pytest.mark.parametrize("folder", [".", "nowhere"])
def test_a_partner_that_is_not_among_the_files_is_refused(
    tmp_path: Path, folder: str
) -> None:
    with pytest.raises(MissingRastersError, match=r"s1\.tif has no partner .*s2\.tif;"):
        Folders().partner(tmp_path / "s1.tif", tmp_path / folder, "s2.tif")


def test_a_folder_is_read_once(tmp_path: Path) -> None:
    folders = Folders()
    assert not folders.files(tmp_path)
    (tmp_path / "late.tif").touch()
    assert not folders.files(tmp_path)


@pytest.mark.parametrize(
    ("count", "text"), [(1, "0"), (10, "8, 9"), (11, "9 and 1 more")]
)
def test_the_first_ten_names_are_shown(count: int, text: str) -> None:
    assert name_some([str(number) for number in range(count)]).endswith(text)
