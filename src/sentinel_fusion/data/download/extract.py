"""Unpack zip, multi-part zip and tar.gz archives without trusting them.

Each member is checked before a byte of it is written, and a layout says where it goes,
so that wrapping folders do not matter. Everything lands in a side folder and is moved
when the archive is done: a killed run leaves no half raster in place.
"""

import re
import shutil
import stat
import tarfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from gzip import BadGzipFile
from pathlib import Path, PurePosixPath
from zipfile import BadZipFile, ZipFile, ZipInfo

from sentinel_fusion.data.download.split_zip import open_zip
from sentinel_fusion.folders import make_empty

Layout = Callable[[PurePosixPath], PurePosixPath | None]
"""Place of a member under the data set's folder; None where it is not wanted."""

_LITTER_FOLDERS = {"__MACOSX"}
_LITTER_FILES = {".DS_Store", "Thumbs.db", "desktop.ini"}
_DRIVE = re.compile(r"[A-Za-z]:")
_ENCRYPTED = 1
_COPY_BYTES = 2**20
_DAMAGE = (
    BadGzipFile,
    BadZipFile,
    EOFError,
    NotImplementedError,  # a way of packing that zipfile does not know
    tarfile.TarError,
    zlib.error,
)


class ExtractError(ValueError):
    """An archive that is damaged or not to be trusted; the message names the member."""


@dataclass(frozen=True)
class Limits:
    """Sizes beyond which an archive is taken for a bomb.

    Args:
        member_bytes: Longest member; a raster of 256 px with 13 bands of 8 bytes has
            less than 7 MB.
        ratio: Bytes unpacked for each byte of the archive. A raster of one value packs
            several hundred times, so the limit lies near what deflate can do at all.
    """

    member_bytes: int = 2**28
    ratio: float = 1000.0


_LIMITS = Limits()


@dataclass(frozen=True)
class Extracted:
    """What an archive held.

    Args:
        folders: Files by the folder they went to, relative to the target.
        litter: Members left by operating systems, skipped.
        others: Members that the layout does not want, skipped.
    """

    folders: dict[str, int]
    litter: int
    others: int

    @property
    def files(self) -> int:
        """Files unpacked."""
        return sum(self.folders.values())


@dataclass(frozen=True)
class _Member:
    name: str
    size: int
    is_folder: bool
    fault: str
    write: Callable[[Path], object]


def extract(
    archive: Path, folder: Path, *, layout: Layout, limits: Limits = _LIMITS
) -> Extracted:
    """Unpack an archive into a data set's own layout.

    Args:
        archive: ``.zip`` (with ``.z01`` ... beside it if split), ``.tar.gz``, ``.tgz``.
        folder: Target; files there are replaced by files of the same place.
        layout: Where members go.
        limits: Sizes beyond which a member is refused.

    Returns:
        Counts.

    Raises:
        ExtractError: If a member is refused, the archive is damaged, or nothing in it
            belongs to the layout.
    """
    # hidden, so that no source takes it for a folder of rasters
    side = make_empty(folder / f".{archive.name}.partial")
    try:
        with _open(archive) as members:
            found = _unpack(archive, members, side, layout, limits)
        if not found.files:
            raise ExtractError(
                f"{archive} holds none of the expected files "
                f"({found.others} others, {found.litter} of litter); is it the right "
                "archive?"
            )
        _move(side, folder)
    except _DAMAGE as error:
        raise ExtractError(
            f"{archive} cannot be unpacked ({error}); remove it and run `dvc repro` "
            "again to fetch it anew"
        ) from error
    finally:
        shutil.rmtree(side, ignore_errors=True)
    return found


def _unpack(
    archive: Path,
    members: Iterator[_Member],
    side: Path,
    layout: Layout,
    limits: Limits,
) -> Extracted:
    folders: Counter[str] = Counter()
    litter = others = written = 0
    most = limits.ratio * sum(part.stat().st_size for part in _parts(archive))
    for member in members:
        path = _checked_path(archive, member)
        if member.is_folder:
            continue
        if _is_litter(path):
            litter += 1
            continue
        target = layout(path)
        if target is None:
            others += 1
            continue
        written += member.size
        if member.size > limits.member_bytes or written > most:
            raise _refused(archive, member, f"an absurd size ({member.size} bytes)")
        place = side / target
        if place.exists():
            raise _refused(archive, member, f"the place of another member ({target})")
        place.parent.mkdir(parents=True, exist_ok=True)
        member.write(place)
        folders[str(target.parent)] += 1
    return Extracted(dict(folders), litter, others)


def _checked_path(archive: Path, member: _Member) -> PurePosixPath:
    # some Windows tools write backslashes
    path = PurePosixPath(member.name.replace("\\", "/"))
    if path.is_absolute() or _DRIVE.match(member.name):
        raise _refused(archive, member, "an absolute path")
    if ".." in path.parts:
        raise _refused(archive, member, "a path that leaves the folder")
    if member.fault:
        raise _refused(archive, member, member.fault)
    return path


def _refused(archive: Path, member: _Member, what: str) -> ExtractError:
    return ExtractError(
        f"{archive} is refused: member {member.name!r} has {what}; nothing of the "
        "archive is used; get it from another source"
    )


def _is_litter(path: PurePosixPath) -> bool:
    return (
        not _LITTER_FOLDERS.isdisjoint(path.parts)
        or path.name in _LITTER_FILES
        or path.name.startswith("._")
    )


def _parts(archive: Path) -> list[Path]:
    return [archive, *archive.parent.glob(f"{archive.stem}.z[0-9]*")]


def _move(side: Path, folder: Path) -> None:
    for file in sorted(side.rglob("*")):
        if not file.is_dir():
            place = folder / file.relative_to(side)
            place.parent.mkdir(parents=True, exist_ok=True)
            file.replace(place)


@contextmanager
def _open(archive: Path) -> Iterator[Iterator[_Member]]:
    if archive.suffix == ".zip":
        with open_zip(archive) as zip_file:
            yield (_zip_member(zip_file, info) for info in zip_file.infolist())
    elif archive.name.endswith((".tar.gz", ".tgz")):
        with tarfile.open(archive, "r:gz") as tar:
            yield (_tar_member(tar, info) for info in tar)
    else:
        raise ExtractError(f"{archive} must be a .zip, .tar.gz or .tgz file")


def _zip_member(zip_file: ZipFile, info: ZipInfo) -> _Member:
    def write(place: Path) -> None:
        with zip_file.open(info) as packed, place.open("wb") as out:
            shutil.copyfileobj(packed, out, _COPY_BYTES)

    kind = stat.S_IFMT(info.external_attr >> 16)  # 0 where the tool kept no mode
    fault = ""
    if kind == stat.S_IFLNK:
        fault = "a link in it"
    elif kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        fault = "a device in it"
    elif info.flag_bits & _ENCRYPTED:
        fault = "a password"
    return _Member(info.filename, info.file_size, info.is_dir(), fault, write)


def _tar_member(tar: tarfile.TarFile, info: tarfile.TarInfo) -> _Member:
    def write(place: Path) -> None:
        named = info.replace(name=place.name, deep=False)
        tar.extract(named, place.parent, set_attrs=False, filter="data")

    fault = ""
    if info.issym() or info.islnk():
        fault = f"a link to {info.linkname!r}"
    elif info.issparse():
        fault = "holes, which hide its size"
    elif not (info.isreg() or info.isdir()):
        fault = "a device in it"
    return _Member(info.name, info.size, info.isdir(), fault, write)
