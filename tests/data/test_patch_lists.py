from pathlib import Path

import pytest

from sentinel_fusion.data.patch_lists import (
    PatchListError,
    is_listed,
    patch_key,
    read_list,
    read_split_lists,
)


def _write(file: Path, *lines: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(lines) + "\n")
    return file


@pytest.mark.parametrize(
    "line",
    [
        "ROIs1158_spring_s1_63_p4.tif",
        "ROIs1158_spring_s2_63_p4.tif",
        "ROIs1158_spring_lc_63_p4",
        "ROIs1158_spring/s2_63/ROIs1158_spring_s2_63_p4.tif",
    ],
)
def test_every_name_of_a_patch_stands_for_it(line: str) -> None:
    assert patch_key(line) == "ROIs1158_spring/63/p4"


@pytest.mark.parametrize(
    "line",
    ["ROIs1158_spring/s1_63", "data/ROIs1158_spring/lc_63", "ROIs1158_spring_s1_63"],
)
def test_every_folder_of_a_scene_stands_for_it(line: str) -> None:
    assert patch_key(line) == "ROIs1158_spring/63"


def test_labels_of_dfc2020_stand_for_their_patch() -> None:
    keys = {patch_key(f"ROIs0000_test_{kind}_0_p7.tif") for kind in ("s1", "dfc")}
    assert keys == {"ROIs0000_test/0/p7"}


@pytest.mark.parametrize("line", ["p4.tif", "fname", "ROIs1158_spring_s3_63_p4.tif"])
def test_a_line_that_names_nothing_is_refused(line: str) -> None:
    with pytest.raises(PatchListError, match=rf"expected a raster such as .* '{line}'"):
        patch_key(line)


def test_a_patch_is_listed_by_itself_or_by_its_scene() -> None:
    keys = {"ROIs1158_spring/63", "ROIs1158_spring/7/p1"}
    patches = ["63/p4", "7/p1", "7/p2", "6/p3"]
    listed = [is_listed(f"ROIs1158_spring/{patch}", keys) for patch in patches]
    assert listed == [True, True, False, False]


def test_blank_lines_and_further_columns_are_not_read(tmp_path: Path) -> None:
    lines = ("ROIs1158_spring_s2_63_p4.tif,forest", "", "  ROIs1158_spring/s1_7 ")
    found = read_list(_write(tmp_path / "list.csv", *lines))
    assert found == {"ROIs1158_spring/63/p4", "ROIs1158_spring/7"}


def test_a_bad_line_is_named_by_file_and_number(tmp_path: Path) -> None:
    file = _write(tmp_path / "list.csv", "ROIs1158_spring/s1_7", "name")
    with pytest.raises(PatchListError, match=r"list\.csv, line 2: .* 'name'; mend it"):
        read_list(file)


def test_an_empty_list_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PatchListError, match=r"list\.csv must name at least 1 patch"):
        read_list(_write(tmp_path / "list.csv"))


def test_file_names_tell_the_split(tmp_path: Path) -> None:
    for name, scene in (("dfc-train-new", 1), ("dfc-val-new", 2), ("dfc-test-new", 3)):
        _write(tmp_path / f"{name}.csv", f"ROIs0000_test_dfc_{scene}_p0.tif")
    _write(tmp_path / "notes.txt", "not a list")
    lists = read_split_lists(tmp_path)
    assert lists == {
        name: {f"ROIs0000_test/{scene}/p0"}
        for scene, name in enumerate(("train", "val", "test"), start=1)
    }


@pytest.mark.parametrize(
    ("names", "found"), [([], "nothing"), (["train.txt"], r"train\.txt")]
)
def test_a_folder_without_a_test_list_is_refused(
    tmp_path: Path, names: list[str], found: str
) -> None:
    for name in names:
        _write(tmp_path / "mine" / name, "ROIs1158_spring/s1_7")
    with pytest.raises(
        PatchListError, match=rf"mine must hold .*, got {found}; lists/"
    ):
        read_split_lists(tmp_path / "mine")


def test_a_patch_in_two_lists_is_refused(tmp_path: Path) -> None:
    for name in ("train", "test"):
        _write(tmp_path / f"{name}.txt", "ROIs1158_spring/s1_7")
    with pytest.raises(
        PatchListError, match=r"spring/7 stands in .* train and test; rem"
    ):
        read_split_lists(tmp_path)
