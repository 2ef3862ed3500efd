"""A public data set on disk: what is missing is fetched, checked and unpacked."""

import json
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import requests

from sentinel_fusion.data.download.archives import Archive, Wanted, archives
from sentinel_fusion.data.download.extract import Extracted, Layout, extract
from sentinel_fusion.data.download.fetch import fetch_all, only_one
from sentinel_fusion.data.download.room import Room
from sentinel_fusion.data.download.transfer import FetchRules

_LOG = logging.getLogger(__name__)
# for the disk check: DFC2020's 10.3 GB of zips hold 17.2 GB of pixels
_UNPACKED_PER_BYTE = 2.0
_SEN12MS_FILE = re.compile(
    r"(?P<top>ROIs\d+_(?:spring|summer|fall|winter))"
    r"_(?P<kind>s1|s2|lc)_(?P<scene>\d+)_p\d+\.tif"
)
_DFC2020_FILE = re.compile(
    r"(?P<top>ROIs0000_(?P<group>validation|test))"
    r"_(?P<kind>s1|s2|lc|dfc)_(?P<scene>\d+)_p\d+\.tif"
)


@dataclass(frozen=True)
class Obtained:
    """What ``obtain`` did.

    Args:
        present: Archives unpacked by an earlier run.
        unpacked: Archives unpacked now.
        files: Rasters unpacked now.
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
        parts: Seasons or groups.
        kinds: Kinds of raster.
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
        "%s: %d archives were here, %d unpacked with %d rasters; left out: %d members "
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
    ``archives_folder`` is checked and used. Two processes work one after the other.

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
    chosen = archives(wanted)
    layout = layout_of(wanted.dataset)
    if not any(_is_missing(archive, folder) for archive in chosen):
        return Obtained(present=len(chosen))
    archives_folder.mkdir(parents=True, exist_ok=True)
    unpacked: list[Extracted] = []

    def unpack(archive: Archive, file: Path) -> None:
        found = extract(file, folder, layout=layout)
        _mark(archive, folder, found)
        unpacked.append(found)
        _LOG.info("%s: %d rasters unpacked", archive.file, found.files)
        if not keep_archives:
            file.unlink()

    with only_one(archives_folder / "obtain"):
        missing = [archive for archive in chosen if _is_missing(archive, folder)]
        fetch_all(
            missing,
            archives_folder,
            rules=rules,
            room=Room(folder, _UNPACKED_PER_BYTE, is_kept=keep_archives),
            then=unpack,
            open_session=open_session,
        )
    return Obtained(
        present=len(chosen) - len(missing),
        unpacked=len(unpacked),
        files=sum(found.files for found in unpacked),
        litter=sum(found.litter for found in unpacked),
        others=sum(found.others for found in unpacked),
    )


def layout_of(dataset: str) -> Layout:
    """Where the rasters of a data set go, by their names alone.

    So wrapping folders do not matter, nor whether a copy calls DFC2020's validation
    folders ``s1_validation`` or ``s1_0``: here it is always the former.

    Args:
        dataset: "sen12ms" or "dfc2020".

    Returns:
        The layout.

    Raises:
        ValueError: If the data set has none.
    """
    layouts: dict[str, Layout] = {"sen12ms": _sen12ms, "dfc2020": _dfc2020}
    if dataset not in layouts:
        raise ValueError(
            f"data set must be one of {', '.join(layouts)} to be unpacked, "
            f"got {dataset}"
        )
    return layouts[dataset]


def _sen12ms(path: PurePosixPath) -> PurePosixPath | None:
    found = _SEN12MS_FILE.fullmatch(path.name)
    if found is None:
        return None
    return PurePosixPath(found["top"], f"{found['kind']}_{found['scene']}", path.name)


def _dfc2020(path: PurePosixPath) -> PurePosixPath | None:
    found = _DFC2020_FILE.fullmatch(path.name)
    if found is None:
        return None
    last = "validation" if found["group"] == "validation" else found["scene"]
    return PurePosixPath(found["top"], f"{found['kind']}_{last}", path.name)


def _marker(archive: Archive, folder: Path) -> Path:
    return folder / ".obtained" / f"{archive.file}.json"


def _mark(archive: Archive, folder: Path, found: Extracted) -> None:
    # no time and no host: the folder is hashed by DVC
    content = {"checksum": archive.checksum, "folders": found.folders}
    marker = _marker(archive, folder)
    marker.parent.mkdir(exist_ok=True)
    side = marker.with_name(f"{marker.name}.partial")
    text = json.dumps(content, indent=1, sort_keys=True)
    side.write_text(f"{text}\n", encoding="utf-8")
    side.replace(marker)


def _is_missing(archive: Archive, folder: Path) -> bool:
    try:
        marker = json.loads(_marker(archive, folder).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return True
    is_same = marker["checksum"] == archive.checksum
    return not is_same or not all(
        (folder / name).is_dir() for name in marker["folders"]
    )
