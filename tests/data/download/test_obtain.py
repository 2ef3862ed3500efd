import csv
import hashlib
import io
import json
import shutil
import tarfile
import threading
import zipfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path, PurePosixPath
from types import SimpleNamespace

import pytest
from tests.fetching import cut
from tests.servers import FileServer

from sentinel_fusion.data.download import obtain as module
from sentinel_fusion.data.download.archives import TABLE, Wanted
from sentinel_fusion.data.download.extract import ExtractError
from sentinel_fusion.data.download.fetch import FetchError
from sentinel_fusion.data.download.layouts import layout_of
from sentinel_fusion.data.download.obtain import Obtained, obtain
from sentinel_fusion.data.download.room import NoRoomError
from sentinel_fusion.data.download.transfer import FetchRules
from sentinel_fusion.data.sources import dfc2020, sen12ms

RULES = FetchRules(jobs=2, tries=2, backoff_s=0.0, timeout_s=5.0)
SEASONS = {"spring": 1158, "summer": 1868}
KINDS = ("s1", "s2", "lc")


def tar_of(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def zip_of(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def season_archives() -> dict[str, bytes]:
    """Two scenes of two patches for each season and kind, in the true layout."""
    found = {}
    for season, roi in SEASONS.items():
        top = f"ROIs{roi}_{season}"
        for kind in KINDS:
            names = [
                f"{top}/{kind}_{scene}/{top}_{kind}_{scene}_p{patch}.tif"
                for scene in (1, 12)
                for patch in (30, 31)
            ]
            found[f"{top}_{kind}.tar.gz"] = tar_of({n: n.encode() for n in names})
    return found


def group_archives() -> dict[str, bytes]:
    """DFC2020 as copies of it differ: wrapped, renamed, littered, bare."""

    def names(group: str, kind: str) -> list[str]:
        return [f"ROIs0000_{group}_{kind}_0_p{patch}.tif" for patch in (0, 7)]

    tops = {
        "s1_validation.zip": ("validation", "s1", "ROIs0000_validation/s1_validation"),
        "s2_validation.zip": ("validation", "s2", "DFC/ROIs0000_validation/s2_0"),
        "dfc_validation.zip": ("validation", "dfc", "dfc_validation"),
        "s1_0.zip": ("test", "s1", "ROIs0000_test/s1_0"),
        "s2_0.zip": ("test", "s2", "a/b/ROIs0000_test/s2_0"),
        "dfc_0.zip": ("test", "dfc", "."),
    }
    found = {}
    for file, (group, kind, top) in tops.items():
        rasters = {f"{top}/{name}": b"x" for name in names(group, kind)}
        litter = {f"__MACOSX/{top}/._{name}": b"" for name in names(group, kind)}
        found[file] = zip_of(rasters | litter)
    return found


def write_table(
    files: Mapping[str, bytes], *, has_md5: bool, folder: Path, has_size: bool = False
) -> Path:
    """The package's table with these archives' checksums and without an address."""
    rows = list(csv.DictReader(TABLE.read_text().splitlines()))
    for row in rows:
        row["urls"] = ""
        row["about_mb"] = row["about_mb"] if has_size else ""
        digest = hashlib.md5(files.get(row["file"], b"")).hexdigest()
        row["md5"] = digest if has_md5 else ""
    table = folder / "table.csv"
    with table.open("w", newline="") as out:
        writer = csv.DictWriter(out, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return table


def write_own_table(files: Mapping[str, bytes], folder: Path) -> Path:
    """A table whose files all hold DFC2020's radar test group."""
    table = folder / "table.csv"
    with table.open("w", newline="") as out:
        columns = TABLE.read_text().splitlines()[0].split(",")
        writer = csv.DictWriter(out, columns, restval="")
        writer.writeheader()
        row = {"dataset": "dfc2020", "part": "test", "kind": "s1"}
        for file, content in files.items():
            md5 = hashlib.md5(content).hexdigest()
            writer.writerow(row | {"file": file, "md5": md5})
    return table


class Site:
    """A server with a data set, and where a run puts it."""

    def __init__(self, server: FileServer, wanted: Wanted, tmp_path: Path) -> None:
        self.server = server
        self.wanted = replace(wanted, mirrors=[server.url])
        self.folder = tmp_path / "set"
        self.archives = tmp_path / "archives"

    def obtain(self, *, keep_archives: bool = False, **change: object) -> Obtained:
        return obtain(
            replace(self.wanted, **change),  # type: ignore[arg-type]
            self.folder,
            archives_folder=self.archives,
            keep_archives=keep_archives,
            rules=RULES,
        )

    def asked(self) -> list[str]:
        return sorted(request.name for request in self.server.gets)

    def kept(self) -> set[str]:
        return {f.name for f in self.archives.iterdir() if f.suffix != ".lock"}


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture
def seasons(tmp_path: Path) -> Iterator[Site]:
    files = season_archives()
    table = write_table(files, has_md5=True, folder=tmp_path)
    with FileServer(files) as server:
        wanted = Wanted("sen12ms", ["spring"], ["s1", "s2"], table=table)
        yield Site(server, wanted, tmp_path)


@pytest.fixture
def groups(tmp_path: Path) -> Iterator[Site]:
    files = group_archives()
    table = write_table(files, has_md5=False, folder=tmp_path)
    kinds = ["s1", "s2", "dfc"]
    with FileServer(files) as server:
        wanted = Wanted("dfc2020", ["validation", "test"], kinds, table=table)
        yield Site(server, wanted, tmp_path)


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Site]:
    """The radar test group of 9 patches as x.z01, x.z02, x.z03 and x.zip."""
    names = [f"ROIs0000_test_s1_0_p{patch}.tif" for patch in range(9)]
    made = tmp_path / "made"
    made.mkdir()
    (made / "x.zip").write_bytes(zip_of({n: n.encode() * 12 for n in names}))
    cut(made / "x.zip", 1000, is_wide=False)
    files = {file.name: file.read_bytes() for file in sorted(made.iterdir())}
    table = write_own_table(files, tmp_path)
    with FileServer(files) as server:
        wanted = Wanted("dfc2020", ["test"], ["s1"], table=table)
        yield Site(server, wanted, tmp_path)


def rasters(site: Site) -> list[str]:
    return sorted(f.stem for f in site.folder.glob("ROIs0000_test/s1_0/*"))


def test_a_zip_in_parts_is_unpacked_once_and_its_parts_removed(parts: Site) -> None:
    assert parts.obtain() == Obtained(present=0, unpacked=1, files=9)
    assert parts.asked() == ["x.z01", "x.z02", "x.z03", "x.zip"]
    assert rasters(parts) == [f"ROIs0000_test_s1_0_p{patch}" for patch in range(9)]
    assert parts.kept() == set()


def test_a_zip_in_parts_waits_for_the_part_that_failed(parts: Site) -> None:
    held = parts.server.files.pop("x.z02")
    with pytest.raises(FetchError, match=r"no mirror gave x\.z02"):
        parts.obtain()
    assert rasters(parts) == []
    assert parts.kept() == {"x.z01", "x.z03", "x.zip"}
    parts.server.files["x.z02"] = held
    parts.server.seen.clear()
    assert parts.obtain() == Obtained(present=0, unpacked=1, files=9)
    assert parts.asked() == ["x.z02"]
    assert parts.obtain() == Obtained(present=1)


def test_another_checksum_of_one_part_is_another_archive(parts: Site) -> None:
    parts.obtain(keep_archives=True)
    old = hashlib.md5(parts.server.files["x.z01"]).hexdigest()
    table = parts.wanted.table
    table.write_text(table.read_text().replace(old, "0" * 32))
    with pytest.raises(FetchError, match=r"x\.z01: wrong md5"):
        parts.obtain()


@pytest.fixture
def lists(tmp_path: Path) -> Iterator[Site]:
    files = {"train_list.txt": b"a\n", "test_list.txt": b"b\n"}
    table = write_table(files, has_md5=True, folder=tmp_path)
    with FileServer(files) as server:
        wanted = Wanted("sen12ms", ["hold-out"], ["list"], table=table)
        yield Site(server, wanted, tmp_path)


def test_lists_are_copied_into_the_folder(lists: Site) -> None:
    assert lists.obtain() == Obtained(present=0, unpacked=2, files=2)
    for name, content in lists.server.files.items():
        assert (lists.folder / name).read_bytes() == content
    assert lists.kept() == set()


def test_a_list_of_another_md5_is_refused(lists: Site) -> None:
    lists.server.files["test_list.txt"] = b"c\n"
    with pytest.raises(FetchError, match=r"test_list\.txt: wrong md5"):
        lists.obtain()
    assert not (lists.folder / "test_list.txt").exists()


def test_a_list_that_was_removed_is_brought_back(lists: Site) -> None:
    lists.obtain()
    (lists.folder / "test_list.txt").unlink()
    assert lists.obtain() == Obtained(present=1, unpacked=1, files=1)


def prepared(site: Site) -> list[str]:
    """Patches of the spring that are not held out."""
    fetch = {
        "archives_folder": site.archives,
        "archives": "remove",
        "table": site.wanted.table,
        "mirrors": site.wanted.mirrors,
        **vars(RULES),
    }
    patches = sen12ms.prepare(
        site.folder,
        site.folder / "raw",
        role="pretrain",
        seed=0,
        seasons=("spring",),
        hold_out="published",
        fetch=fetch,
    )
    return [patch.patch_id for patch in patches]


@pytest.fixture
def held_out(tmp_path: Path) -> Iterator[Site]:
    """Two seasons, and lists that hold out the spring's scene 12."""
    files = season_archives() | {
        "train_list.txt": b"ROIs1158_spring/s1_1\n",
        "test_list.txt": b"ROIs1158_spring/s1_12\n",
    }
    table = write_table(files, has_md5=True, folder=tmp_path)
    with FileServer(files) as server:
        wanted = Wanted("sen12ms", ["spring"], ["s1", "s2"], table=table)
        yield Site(server, wanted, tmp_path)


def test_the_published_hold_out_comes_with_its_seasons(held_out: Site) -> None:
    assert prepared(held_out) == ["spring-1-p30", "spring-1-p31"]
    assert "test_list.txt" in held_out.asked()


def test_a_list_of_the_user_is_not_replaced(held_out: Site) -> None:
    held_out.folder.mkdir()
    (held_out.folder / "test_list.txt").write_text("ROIs1158_spring/s1_1\n")
    assert prepared(held_out) == ["spring-12-p30", "spring-12-p31"]
    assert "test_list.txt" not in held_out.asked()


def test_the_chosen_season_is_there_for_the_reader(seasons: Site) -> None:
    assert seasons.obtain() == Obtained(present=0, unpacked=2, files=8)
    patches = sen12ms.list_patches(seasons.folder, with_labels=False)
    assert [p.patch_id for p in patches] == [
        "spring-1-p30",
        "spring-1-p31",
        "spring-12-p30",
        "spring-12-p31",
    ]
    assert patches[0].s1.read_bytes().endswith(b"s1_1_p30.tif")


def test_only_the_chosen_archives_are_asked_for(seasons: Site) -> None:
    seasons.obtain()
    names = ["ROIs1158_spring_s1.tar.gz", "ROIs1158_spring_s2.tar.gz"]
    assert seasons.asked() == names


def test_a_second_call_does_nothing_and_asks_nothing(seasons: Site) -> None:
    seasons.obtain()
    seen = len(seasons.server.seen)
    before = {f: f.stat().st_mtime_ns for f in seasons.folder.rglob("*")}
    assert seasons.obtain() == Obtained(present=2)
    assert len(seasons.server.seen) == seen
    assert {f: f.stat().st_mtime_ns for f in seasons.folder.rglob("*")} == before


def test_more_seasons_fetch_only_what_they_add(seasons: Site) -> None:
    seasons.obtain()
    seasons.server.seen.clear()
    found = seasons.obtain(parts=["spring", "summer"], kinds=KINDS)
    assert found == Obtained(present=2, unpacked=4, files=16)
    assert len(seasons.asked()) == 4
    assert len(sen12ms.list_patches(seasons.folder, with_labels=True)) == 8


@pytest.mark.parametrize("keep", [True, False])
def test_archives_are_kept_or_removed(seasons: Site, keep: bool) -> None:
    seasons.obtain(keep_archives=keep)
    assert seasons.kept() == (set(seasons.asked()) if keep else set())


def test_copies_of_dfc2020_that_differ_end_in_one_layout(groups: Site) -> None:
    found = groups.obtain()
    assert found == Obtained(present=0, unpacked=6, files=12, litter=12)
    patches = dfc2020.list_patches(groups.folder, with_labels=True, block_patches=16)
    assert [p.patch_id for p in patches] == [
        "validation-0-p0",
        "validation-0-p7",
        "test-0-p0",
        "test-0-p7",
    ]


def test_a_wrong_checksum_on_the_first_mirror_is_recovered(seasons: Site) -> None:
    wrong = {name: tar_of({"x": b"x"}) for name in seasons.server.files}
    with FileServer(wrong) as first:
        seasons.obtain(mirrors=[first.url, seasons.server.url])
    assert len(sen12ms.list_patches(seasons.folder, with_labels=False)) == 4
    assert len(seasons.kept()) == 2
    assert all(".wrong-" in name for name in seasons.kept())


def test_a_failed_run_is_continued(seasons: Site) -> None:
    held = seasons.server.files.pop("ROIs1158_spring_s2.tar.gz")
    with pytest.raises(FetchError, match=r"no mirror gave ROIs1158_spring_s2\.tar\.gz"):
        seasons.obtain()
    seasons.server.files["ROIs1158_spring_s2.tar.gz"] = held
    assert seasons.obtain() == Obtained(present=1, unpacked=1, files=4)
    assert seasons.asked().count("ROIs1158_spring_s1.tar.gz") == 1


def test_a_killed_extraction_is_redone_without_a_download(
    seasons: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module, "extract", killed)
        with pytest.raises(KeyboardInterrupt):
            seasons.obtain(kinds=["s1"])
    seasons.server.seen.clear()
    assert seasons.obtain(kinds=["s1"]).files == 4
    assert seasons.server.seen == []


def test_a_scene_that_was_removed_is_brought_back(seasons: Site) -> None:
    seasons.obtain(keep_archives=True)
    shutil.rmtree(seasons.folder / "ROIs1158_spring" / "s1_12")
    seasons.server.seen.clear()
    assert seasons.obtain() == Obtained(present=1, unpacked=1, files=4)
    assert seasons.server.seen == []


def test_another_checksum_in_the_table_is_another_archive(seasons: Site) -> None:
    seasons.obtain()
    name = "ROIs1158_spring_s1.tar.gz"
    old = hashlib.md5(seasons.server.files[name]).hexdigest()
    raster = "ROIs1158_spring_s1_1_p30.tif"
    seasons.server.files[name] = tar_of({raster: b"new"})
    new = hashlib.md5(seasons.server.files[name]).hexdigest()
    table = seasons.wanted.table
    table.write_text(table.read_text().replace(old, new))
    assert seasons.obtain() == Obtained(present=1, unpacked=1, files=1)
    file = seasons.folder / "ROIs1158_spring" / "s1_1" / raster
    assert file.read_bytes() == b"new"


def test_archives_put_there_by_hand_are_used(groups: Site) -> None:
    groups.archives.mkdir()
    for name, content in groups.server.files.items():
        (groups.archives / name).write_bytes(content)
    assert groups.obtain(mirrors=["http://127.0.0.1:9/"], kinds=["s1"]).files == 4


def test_a_log_in_source_says_where_to_put_what(groups: Site) -> None:
    groups.server.files.clear()
    with pytest.raises(FetchError) as error:
        groups.obtain(parts=["test"], kinds=["s1", "dfc"])
    assert (
        "get s1_0.zip, dfc_0.zip by hand from https://doi.org/10.21227/rha7-m332 (log "
        f"in there first), put into {groups.archives}"
    ) in str(error.value)


def test_a_damaged_archive_without_checksum_is_named(groups: Site) -> None:
    groups.server.files["s1_0.zip"] = b"PK" + bytes(99)
    with pytest.raises(ExtractError, match=r"s1_0\.zip cannot be unpacked .* remove"):
        groups.obtain(parts=["test"], kinds=["s1"])
    assert not (groups.folder / ".obtained").exists()


def test_room_for_the_rasters_is_counted(
    seasons: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = seasons.server.files
    longest = max(len(files[f"ROIs1158_spring_{kind}.tar.gz"]) for kind in ("s1", "s2"))
    free = SimpleNamespace(free=2 * longest)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: free)
    with pytest.raises(NoRoomError, match="and what they hold"):
        seasons.obtain()
    assert seasons.asked() == []


def test_a_season_without_a_stated_length_is_too_long_for_a_small_disk(
    seasons: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = seasons.server.files
    write_table(files, has_md5=True, folder=tmp_path, has_size=True)
    seasons.server.has_length = False
    # 40,883 patches of 0.524 and 1.704 MB, and their archives of about half of that
    free = SimpleNamespace(free=135 * 10**9)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: free)
    with pytest.raises(NoRoomError, match=r"needs 127\.26 GiB"):
        seasons.obtain()
    assert seasons.asked() == []


def test_the_tables_addresses_come_after_the_users(seasons: Site) -> None:
    table = seasons.wanted.table
    rows = list(csv.DictReader(table.read_text().splitlines()))
    for row in rows:
        row["urls"] = seasons.server.url + row["file"]
    with table.open("w", newline="") as out:
        writer = csv.DictWriter(out, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    with FileServer({}) as empty:
        assert seasons.obtain(mirrors=[empty.url]).unpacked == 2
    assert len(empty.gets) == 2


def test_two_at_once_fetch_and_unpack_once(seasons: Site) -> None:
    seasons.server.gate = threading.Event()
    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(seasons.obtain) for _ in range(2)]
        seasons.server.gate.set()
        found = [run.result() for run in runs]
    assert sorted(run.unpacked for run in found) == [0, 2]
    assert len(seasons.asked()) == 2


def test_markers_hold_nothing_that_changes(seasons: Site) -> None:
    seasons.obtain(kinds=["s1"])
    (marker,) = (seasons.folder / ".obtained").iterdir()
    assert json.loads(marker.read_text()) == {
        "checksum": hashlib.md5(seasons.server.files[marker.stem]).hexdigest(),
        "folders": {"ROIs1158_spring/s1_1": 2, "ROIs1158_spring/s1_12": 2},
    }


@pytest.mark.parametrize(
    ("dataset", "name", "place"),
    [
        ("sen12ms", "ROIs2017_winter_lc_9_p1.tif", "ROIs2017_winter/lc_9"),
        ("dfc2020", "ROIs0000_test_lc_0_p1.tif", "ROIs0000_test/lc_0"),
        ("dfc2020", "ROIs0000_validation_s2_0_p1.tif", "ROIs0000_validation/s2_"),
    ],
)
def test_a_name_tells_the_place(dataset: str, name: str, place: str) -> None:
    target = layout_of(dataset)(PurePosixPath("any", "where", name))
    assert str(target).startswith(place)
    assert target is not None
    assert target.name == name


@pytest.mark.parametrize("name", ["readme.txt", "ROIs1158_spring_s3_1_p1.tif"])
@pytest.mark.parametrize("dataset", ["sen12ms", "dfc2020"])
def test_other_names_have_no_place(dataset: str, name: str) -> None:
    assert layout_of(dataset)(PurePosixPath(name)) is None


def test_a_data_set_without_layout_is_refused() -> None:
    with pytest.raises(ValueError, match="must be one of sen12ms, dfc2020 to be"):
        layout_of("folder")
