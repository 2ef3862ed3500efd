"""A public data set on disk: what is missing is fetched, checked and unpacked."""

import json
import logging
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import requests

from sentinel_fusion.data.download.archives import Archive, Wanted, archives
from sentinel_fusion.data.download.extract import Extracted, Layout, extract
from sentinel_fusion.data.download.fetch import fetch_all, only_one
from sentinel_fusion.data.download.layouts import layout_of
from sentinel_fusion.data.download.room import Room
from sentinel_fusion.data.download.transfer import FetchRules

_LOG = logging.getLogger(__name__)
# for the disk check: DFC2020's 10.3 GB of zips hold 17.2 GB of pixels
_UNPACKED_PER_BYTE = 2.0
_LIST = "list"


@dataclass(frozen=True)
class Obtained:
    """What ``obtain`` did.

    Args:
        present: Archives unpacked by an earlier run.
        unpacked: Archives unpacked now.
        files: Rasters and lists brought by them.
        litter: Members left by operating systems, skipped.
        others: Members that are no rasters of the data set, skipped.
    """

    present: int
    unpacked: int = 0
    files: int = 0
    litter: int = 0
    others: int = 0


def fetch_parts(
    dataset: str,
    parts: tuple[str, ...],
    kinds: tuple[str, ...],
    folder: Path,
    **settings: Any,  # noqa: ANN401 - the fetch section of params.yaml
) -> None:
    """Fetch and unpack what is missing of a data set, as the fetch section says.

    Args:
        dataset: Name in the table.
        parts: Seasons or groups, or "hold-out".
        kinds: Kinds of raster, or "list".
        folder: The data set's top folder.
        **settings: "archives_folder", "archives" ("keep" or "remove"), "table",
            "mirrors", "token_variable" and what else ``FetchRules`` takes.
    """
    archives_folder = settings.pop("archives_folder") / dataset
    keep_archives = settings.pop("archives") == "keep"
    wanted = Wanted(
        dataset, parts, kinds, settings.pop("mirrors"), settings.pop("table")
    )
    done = obtain(
        wanted,
        folder,
        archives_folder=archives_folder,
        keep_archives=keep_archives,
        rules=FetchRules(**settings),
    )
    _LOG.info(
        "%s: %d archives were here, %d unpacked with %d files; left out: %d members "
        "that are no rasters of the data set, %d left by operating systems",
        dataset,
        done.present,
        done.unpacked,
        done.files,
        done.others,
        done.litter,
    )


def obtain(
    wanted: Wanted,
    folder: Path,
    *,
    archives_folder: Path,
    keep_archives: bool,
    rules: FetchRules,
    open_session: Callable[[], requests.Session] = requests.Session,
) -> Obtained:
    """Fetch and unpack what is missing of a data set.

    A marker in ``folder`` says that an archive is done; while it and the folders it
    names are there, nothing is asked of any server. An archive that the user put into
    ``archives_folder`` is checked and used. A zip in parts is one archive: unpacked
    when its last part is there. Two processes work one after the other.

    Args:
        wanted: Which archives.
        folder: The data set's top folder, made if need be.
        archives_folder: Folder of the archives, made if need be.
        keep_archives: Whether archives stay once unpacked.
        rules: How to fetch.
        open_session: Makes the session of one archive.

    Returns:
        Counts.
    """
    chosen = _wholes(archives(wanted))
    layout = layout_of(wanted.dataset)
    if not any(_is_missing(whole, folder) for whole in chosen):
        return Obtained(present=len(chosen))
    archives_folder.mkdir(parents=True, exist_ok=True)
    with only_one(archives_folder / "obtain"):
        missing = [whole for whole in chosen if _is_missing(whole, folder)]
        unpacking = _Unpacking(missing, folder, layout, keep_archives=keep_archives)
        fetch_all(
            [part for whole in missing for part in whole.parts],
            archives_folder,
            rules=rules,
            room=Room(folder, _UNPACKED_PER_BYTE, is_kept=keep_archives),
            then=unpacking.take,
            open_session=open_session,
        )
    found = unpacking.found
    return Obtained(
        present=len(chosen) - len(missing),
        unpacked=len(found),
        files=sum(each.files for each in found),
        litter=sum(each.litter for each in found),
        others=sum(each.others for each in found),
    )


@dataclass(frozen=True)
class _Whole:
    """An archive, in one file or in the parts of a zip."""

    name: str
    parts: tuple[Archive, ...]

    @property
    def checksum(self) -> str:
        return "+".join(part.checksum for part in self.parts if part.checksum)


def _wholes(rows: Sequence[Archive]) -> list[_Whole]:
    names = dict.fromkeys(row.whole for row in rows)
    return [
        _Whole(name, tuple(row for row in rows if row.whole == name)) for name in names
    ]


class _Unpacking:
    """Unpacks each archive as soon as its last part is there; for many threads."""

    def __init__(
        self,
        wholes: Sequence[_Whole],
        folder: Path,
        layout: Layout,
        *,
        keep_archives: bool,
    ) -> None:
        self.found: list[Extracted] = []
        self._wholes = {whole.name: whole for whole in wholes}
        self._to_come = {
            whole.name: {part.file for part in whole.parts} for whole in wholes
        }
        self._lock = Lock()
        self._folder = folder
        self._layout = layout
        self._keep_archives = keep_archives

    def take(self, archive: Archive, file: Path) -> None:
        """One part is there, checked."""
        with self._lock:
            to_come = self._to_come[archive.whole]
            to_come.remove(archive.file)
            is_whole = not to_come
        if is_whole:
            self._unpack(self._wholes[archive.whole], file.parent)

    def _unpack(self, whole: _Whole, archives_folder: Path) -> None:
        file = archives_folder / whole.name
        if whole.parts[0].kind == _LIST:
            found = _copy(file, self._folder)
        else:
            found = extract(file, self._folder, layout=self._layout)
        _mark(whole, self._folder, found)
        self.found.append(found)
        _LOG.info("%s: %d files unpacked", whole.name, found.files)
        if not self._keep_archives:
            for part in whole.parts:
                (archives_folder / part.file).unlink()


def _copy(file: Path, folder: Path) -> Extracted:
    """A list has no members: it goes into the data set's folder as it is."""
    side = folder / f".{file.name}.partial"
    shutil.copyfile(file, side)
    side.replace(folder / file.name)
    return Extracted({file.name: 1}, litter=0, others=0)


def _marker(whole: _Whole, folder: Path) -> Path:
    return folder / ".obtained" / f"{whole.name}.json"


def _mark(whole: _Whole, folder: Path, found: Extracted) -> None:
    # no time and no host: the folder is hashed by DVC
    content = {"checksum": whole.checksum, "folders": found.folders}
    marker = _marker(whole, folder)
    marker.parent.mkdir(exist_ok=True)
    side = marker.with_name(f"{marker.name}.partial")
    text = json.dumps(content, indent=1, sort_keys=True)
    side.write_text(f"{text}\n", encoding="utf-8")
    side.replace(marker)


def _is_missing(whole: _Whole, folder: Path) -> bool:
    try:
        marker = json.loads(_marker(whole, folder).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return True
    is_same = marker["checksum"] == whole.checksum
    return not is_same or not all(
        (folder / name).exists() for name in marker["folders"]
    )
