import io
import shutil
import stat
import struct
import subprocess
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath

import pytest
from tests.fetching import cut

from sentinel_fusion.data.download.extract import (
    Extracted,
    ExtractError,
    Limits,
    extract,
)

FILES = {"s1_1/a.tif": b"first" * 50, "s2_1/b.tif": b"second" * 50}
Writer = Callable[[Path, Mapping[str, bytes]], Path]


def last_two(path: PurePosixPath) -> PurePosixPath | None:
    """Layout of these tests: rasters in their own folder, whatever lies around it."""
    return PurePosixPath(*path.parts[-2:]) if path.suffix == ".tif" else None


def write_zip(folder: Path, files: Mapping[str, bytes]) -> Path:
    file = folder / "archive.zip"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return file


def write_tar(folder: Path, files: Mapping[str, bytes]) -> Path:
    file = folder / "archive.tar.gz"
    with tarfile.open(file, "w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return file


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file()
    }


def unpack(archive: Path, limits: Limits | None = None) -> Extracted:
    folder = archive.parent / "out"
    return extract(archive, folder, layout=last_two, limits=limits or Limits())


def refused(archive: Path, message: str, limits: Limits | None = None) -> None:
    with pytest.raises(ExtractError, match=message):
        unpack(archive, limits)
    assert contents(archive.parent / "out") == {}


both = pytest.mark.parametrize("write", [write_zip, write_tar])


@both
def test_members_go_to_their_places(write: Writer, tmp_path: Path) -> None:
    found = unpack(write(tmp_path, FILES))
    assert contents(tmp_path / "out") == FILES
    assert found == Extracted({"s1_1": 1, "s2_1": 1}, litter=0, others=0)


@both
def test_wrapping_folders_do_not_matter(write: Writer, tmp_path: Path) -> None:
    unpack(write(tmp_path, {f"./data/v 2/{name}": b"x" for name in FILES}))
    assert set(contents(tmp_path / "out")) == set(FILES)


@both
def test_litter_and_others_are_skipped_and_counted(
    write: Writer, tmp_path: Path
) -> None:
    litter = {"__MACOSX/s1_1/._a.tif": b"", "s1_1/.DS_Store": b"", "._a.tif": b""}
    found = unpack(write(tmp_path, FILES | litter | {"readme.txt": b""}))
    assert contents(tmp_path / "out") == FILES
    assert (found.files, found.litter, found.others) == (2, 3, 1)


@both
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("../a.tif", r"'\.\./a\.tif' has a path that leaves the folder"),
        ("s1_1/../../../a.tif", "a path that leaves the folder"),
        ("..\\..\\a.tif", "a path that leaves the folder"),
        ("/etc/a.tif", "'/etc/a.tif' has an absolute path"),
        ("C:\\s1_1\\a.tif", "an absolute path"),
        ("__MACOSX/../../a.tif", "a path that leaves the folder"),
    ],
)
def test_members_that_leave_the_folder_are_refused(
    write: Writer, tmp_path: Path, name: str, message: str
) -> None:
    refused(write(tmp_path, FILES | {name: b"x"}), message)


def test_backslashes_are_folders(tmp_path: Path) -> None:
    unpack(write_zip(tmp_path, {"data\\s1_1\\a.tif": b"x"}))
    assert contents(tmp_path / "out") == {"s1_1/a.tif": b"x"}


@both
def test_two_members_of_one_place_are_refused(write: Writer, tmp_path: Path) -> None:
    twice = {"x/s1_1/a.tif": b"1", "y/s1_1/a.tif": b"2"}
    refused(write(tmp_path, twice), "'y/s1_1/a.tif' has the place of another member")


@both
def test_absurd_sizes_are_refused_before_they_are_written(
    write: Writer, tmp_path: Path
) -> None:
    bomb = write(tmp_path, {"s1_1/bomb.tif": bytes(2**20)})
    refused(bomb, r"'s1_1/bomb.tif' has an absurd size", Limits(member_bytes=2**19))


@both
def test_many_small_members_are_an_absurd_size_together(
    write: Writer, tmp_path: Path
) -> None:
    bomb = write(tmp_path, {f"s1_1/{n}.tif": bytes(10**5) for n in range(10)})
    refused(bomb, "absurd size", Limits(ratio=50))


def test_a_zip_that_lies_about_a_size_is_refused(tmp_path: Path) -> None:
    file = write_zip(tmp_path, {"s1_1/a.tif": bytes(10**5)})
    lie = file.read_bytes().replace(struct.pack("<L", 10**5), struct.pack("<L", 9))
    file.write_bytes(lie)
    refused(file, "cannot be unpacked")


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (tarfile.SYMTYPE, "has a link to '/etc/passwd'"),
        (tarfile.LNKTYPE, "has a link to '/etc/passwd'"),
        (tarfile.CHRTYPE, "has a device in it"),
        (tarfile.FIFOTYPE, "has a device in it"),
    ],
)
def test_links_and_devices_in_a_tar_are_refused(
    tmp_path: Path, kind: bytes, message: str
) -> None:
    file = tmp_path / "archive.tar.gz"
    with tarfile.open(file, "w:gz") as archive:
        info = tarfile.TarInfo("s1_1/a.tif")
        info.type, info.linkname = kind, "/etc/passwd"
        archive.addfile(info)
    refused(file, f"'s1_1/a.tif' {message}")


@pytest.mark.parametrize(
    ("kind", "message"), [(stat.S_IFLNK, "a link"), (stat.S_IFIFO, "a device")]
)
def test_links_and_devices_in_a_zip_are_refused(
    tmp_path: Path, kind: int, message: str
) -> None:
    file = tmp_path / "archive.zip"
    with zipfile.ZipFile(file, "w") as archive:
        info = zipfile.ZipInfo("s1_1/a.tif")
        info.external_attr = (kind | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    refused(file, f"'s1_1/a.tif' has {message} in it")


def test_a_locked_zip_is_refused(tmp_path: Path) -> None:
    file = write_zip(tmp_path, FILES)
    content = bytearray(file.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    file.write_bytes(content)
    refused(file, "has a password")


@both
def test_a_cut_off_archive_is_named(write: Writer, tmp_path: Path) -> None:
    file = write(tmp_path, FILES)
    file.write_bytes(file.read_bytes()[:-60])
    refused(file, f"{file} cannot be unpacked .* remove it and run `dvc repro` again")


def test_a_changed_byte_is_found(tmp_path: Path) -> None:
    file = write_zip(tmp_path, {"s1_1/a.tif": bytes(range(256))})
    content = bytearray(file.read_bytes())
    content[100] ^= 255
    file.write_bytes(content)
    refused(file, "cannot be unpacked")


@pytest.mark.parametrize("name", ["archive.zip", "archive.tar.gz"])
def test_what_is_no_archive_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"<html>please log in</html>")
    refused(tmp_path / name, "cannot be unpacked")


def test_other_endings_are_refused(tmp_path: Path) -> None:
    refused(tmp_path / "archive.rar", r"must be a \.zip, \.tar\.gz or \.tgz file")


@both
def test_an_archive_of_other_things_is_refused(write: Writer, tmp_path: Path) -> None:
    refused(write(tmp_path, {"readme.txt": b""}), "none of the expected files")


def test_what_a_killed_run_left_is_not_used(tmp_path: Path) -> None:
    side = tmp_path / "out" / ".archive.zip.partial" / "s1_1"
    side.mkdir(parents=True)
    (side / "half.tif").write_bytes(b"ha")
    unpack(write_zip(tmp_path, FILES))
    assert contents(tmp_path / "out") == FILES


def test_unpacking_twice_ends_the_same(tmp_path: Path) -> None:
    file = write_zip(tmp_path, FILES)
    assert unpack(file) == unpack(file)
    assert contents(tmp_path / "out") == FILES


MANY = {f"s1_{n}/{n}.tif": bytes([n]) * 97 + bytes(range(250)) for n in range(30)}


@pytest.mark.parametrize("is_wide", [False, True])
@pytest.mark.parametrize("part_bytes", [500, 1717, 4000])
def test_a_zip_in_parts_is_one_archive(
    tmp_path: Path, part_bytes: int, is_wide: bool
) -> None:
    file = write_zip(tmp_path, MANY)
    cut(file, part_bytes, is_wide=is_wide)
    assert (tmp_path / "archive.z02").is_file()
    unpack(file)
    assert contents(tmp_path / "out") == MANY


def test_a_missing_part_is_named(tmp_path: Path) -> None:
    file = write_zip(tmp_path, MANY)
    cut(file, 2000, is_wide=False)
    (tmp_path / "archive.z02").unlink()
    refused(file, r"archive\.z02 is missing")


def test_parts_in_the_wrong_order_are_damage(tmp_path: Path) -> None:
    file = write_zip(tmp_path, MANY)
    cut(file, 2000, is_wide=False)
    shutil.copy(tmp_path / "archive.z01", tmp_path / "archive.z02")
    refused(file, "cannot be unpacked")


@pytest.mark.skipif(not shutil.which("zip"), reason="needs Info-ZIP's zip")
def test_what_info_zip_cuts_is_one_archive(tmp_path: Path) -> None:
    folder = tmp_path / "in" / "s1_1"
    folder.mkdir(parents=True)
    # 64 KiB is the shortest part that zip makes; -0 packs nothing
    (folder / "a.tif").write_bytes(bytes(range(256)) * 700)
    command = ["zip", "-q", "-0", "-r", "-s", "64k", str(tmp_path / "archive.zip")]
    subprocess.run([*command, "s1_1"], cwd=tmp_path / "in", check=True)
    assert (tmp_path / "archive.z02").is_file()
    unpack(tmp_path / "archive.zip")
    assert contents(tmp_path / "out") == contents(tmp_path / "in")
