import re
from pathlib import Path

import pytest

from sentinel_fusion.data.download.archives import (
    TABLE,
    Archive,
    Wanted,
    archives,
    check_address,
)

SEASONS = ("spring", "summer", "fall", "winter")
KINDS = ("s1", "s2", "lc")


def test_sen12ms_has_an_archive_and_an_md5_for_each_season_and_kind() -> None:
    found = archives(Wanted("sen12ms", SEASONS, KINDS))
    assert len({a.file for a in found}) == 12
    assert len({a.md5 for a in found}) == 12
    assert all(re.fullmatch("[0-9a-f]{32}", a.md5) for a in found)


def test_only_the_chosen_seasons_and_kinds_come_in_their_order() -> None:
    found = archives(Wanted("sen12ms", ["winter", "spring"], ["s2", "s1"]))
    assert [a.file for a in found] == [
        "ROIs2017_winter_s2.tar.gz",
        "ROIs2017_winter_s1.tar.gz",
        "ROIs1158_spring_s2.tar.gz",
        "ROIs1158_spring_s1.tar.gz",
    ]


def test_sen12ms_addresses_end_in_the_file_name() -> None:
    (found,) = archives(Wanted("sen12ms", ["fall"], ["lc"]))
    assert found.urls == (
        "https://dataserv.ub.tum.de/s/m1474000/download?path=%2F&files="
        "ROIs1970_fall_lc.tar.gz",
    )


def test_sen12ms_lists_have_their_published_md5() -> None:
    found = archives(Wanted("sen12ms", ["hold-out"], ["list"]))
    assert {a.file: a.md5 for a in found} == {
        "train_list.txt": "0a68d4e1eb24f128fccdb930000b2546",
        "test_list.txt": "c7faad064001e646445c4c634169484d",
    }


def test_dfc2020_has_no_checksum_and_its_home_asks_for_a_login() -> None:
    found = archives(Wanted("dfc2020", ["validation", "test"], ["s1", "s2", "dfc"]))
    assert [a.file for a in found[:3]] == [
        "s1_validation.zip",
        "s2_validation.zip",
        "dfc_validation.zip",
    ]
    assert {a.checksum for a in found} == {""}
    assert {(a.page, a.needs_login) for a in found} == {
        ("https://doi.org/10.21227/rha7-m332", True)
    }


@pytest.mark.parametrize(
    ("dataset", "part", "host"),
    [
        ("sen12ms", "fall", "dataserv.ub.tum.de"),
        ("dfc2020", "test", "huggingface.co"),
    ],
)
def test_own_mirrors_do_not_change_the_host_of_the_token(
    dataset: str, part: str, host: str
) -> None:
    mirrors = ["https://my.mirror/"]
    (found,) = archives(Wanted(dataset, [part], ["s1"], mirrors))
    assert found.token_host == host


def test_about_bytes_count_millions() -> None:
    (found,) = archives(Wanted("dfc2020", ["validation"], ["s1"]))
    assert found.about_bytes == 948_000_000
    assert found.size_bytes is None


def test_sen12ms_sizes_follow_from_its_triplets_and_510_gb() -> None:
    triplets = {"spring": 40883, "summer": 45753, "fall": 62201, "winter": 31825}
    mb = {"s1": 256**2 * 2 * 4 / 1e6, "s2": 256**2 * 13 * 2 / 1e6}
    mb["lc"] = 510e3 / 180_662 - mb["s1"] - mb["s2"]
    for row in archives(Wanted("sen12ms", SEASONS, KINDS)):
        half = triplets[row.part] * mb[row.kind] / 2
        assert row.about_bytes == round(half) * 10**6
        assert row.size_bytes is None


def test_mirrors_go_before_the_table() -> None:
    mirrors = ("https://a.test/x/", "https://b.test/?files=")
    (found,) = archives(Wanted("sen12ms", ["fall"], ["lc"], mirrors))
    name = "ROIs1970_fall_lc.tar.gz"
    assert found.urls == (
        f"https://a.test/x/{name}",
        f"https://b.test/?files={name}",
        f"https://dataserv.ub.tum.de/s/m1474000/download?path=%2F&files={name}",
    )


def test_another_table_may_be_named(tmp_path: Path) -> None:
    lines = TABLE.read_text().splitlines()
    row = "sen12ms,spring,s1,x.tar.gz,5,,,ab,,,,https://a.test/x.tar.gz"
    table = tmp_path / "mine.csv"
    table.write_text(f"{lines[0]}\n{row}\n")
    (found,) = archives(Wanted("sen12ms", ["spring"], ["s1"], table=table))
    assert (found.file, found.size_bytes, found.checksum) == ("x.tar.gz", 5, "ab")


def test_a_part_of_a_zip_without_the_zip_is_refused(tmp_path: Path) -> None:
    header = TABLE.read_text().splitlines()[0]
    table = tmp_path / "mine.csv"
    table.write_text(f"{header}\ndfc2020,test,s1,x.z01,,,,,,,,\n")
    with pytest.raises(ValueError, match=r"x\.z01 is a part of x\.zip, which"):
        archives(Wanted("dfc2020", ["test"], ["s1"], table=table))


def test_a_kind_that_a_part_lacks_is_refused(tmp_path: Path) -> None:
    header = TABLE.read_text().splitlines()[0]
    table = tmp_path / "mine.csv"
    rows = "d,a,s1,x.zip,,,,,,,,\nd,b,s2,y.zip,,,,,,,,\n"
    table.write_text(f"{header}\n{rows}")
    with pytest.raises(ValueError, match="d part a has no s2"):
        archives(Wanted("d", ["a"], ["s2"], table=table))


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (Wanted("sen13", [], []), "data set must be one of sen12ms, dfc2020, got"),
        (Wanted("sen12ms", ["autumn"], ["s1"]), "part must be one of spring, summer"),
        (
            Wanted("sen12ms", ["fall"], ["dfc"]),
            "kind must be one of s1, s2, lc, list, got",
        ),
        (Wanted("sen12ms", ["fall"], ["s1"], ["ftp://a.test/"]), "https address"),
    ],
)
def test_unknown_choices_are_refused(wanted: Wanted, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        archives(wanted)


@pytest.mark.parametrize(
    "url", ["https://a.test/x", "http://127.0.0.1:8/x", "http://[::1]/x"]
)
def test_https_and_this_machine_are_safe(url: str) -> None:
    check_address(url)


@pytest.mark.parametrize("url", ["http://a.test/x", "ftp://a.test", "file:///x", "x"])
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match="must be an https address"):
        check_address(url)


def test_a_password_in_an_address_is_refused_and_not_shown() -> None:
    with pytest.raises(ValueError, match="token_variable") as error:
        check_address("https://me:secret@a.test/")
    assert "secret" not in str(error.value)


def test_sha256_goes_before_md5() -> None:
    archive = Archive("d", "p", "s1", "f", (), md5="m", sha256="s")
    assert (archive.algorithm, archive.checksum) == ("sha256", "s")
