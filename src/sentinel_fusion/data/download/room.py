"""Room on the disks for archives and what they hold."""

import logging
import shutil
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sentinel_fusion.data.download.archives import whole_name

_LOG = logging.getLogger(__name__)
_GIB = 2**30


class NoRoomError(OSError):
    """A disk cannot take what is to come."""


@dataclass(frozen=True)
class Room:
    """What the disk must hold besides the archives.

    Args:
        folder: Folder they are unpacked into; None if they are not.
        factor: Bytes there for each byte of an archive.
        is_kept: Whether an archive stays after ``then``.
    """

    folder: Path | None = None
    factor: float = 0.0
    is_kept: bool = True


def check_room(
    lengths: Mapping[str, int | None], folder: Path, room: Room, jobs: int
) -> int:
    """Compare what is to come with what is free on each disk.

    Args:
        lengths: Bytes of each file by its name; None where unknown.
        folder: Folder of the archives.
        room: What else is needed.
        jobs: Archives at once.

    Returns:
        Bytes of the archives that have come already.

    Raises:
        NoRoomError: If a disk is too small.
    """
    missing, present_bytes = Counter[str](), 0
    for name, length in lengths.items():
        if length is None:
            _LOG.warning("%s: length unknown, left out of the disk check", name)
        files = (folder / name, folder / f"{name}.part")
        present = max(file.stat().st_size if file.is_file() else 0 for file in files)
        present_bytes += present
        # parts of a zip stay until the last of them is here
        missing[whole_name(name)] += max(0, (length or 0) - present)
    # archives that go once unpacked lie there a few at a time
    at_once = sorted(missing.values())
    fetched = sum(at_once if room.is_kept else at_once[-jobs:])
    unpacked = int(room.factor * sum(length or 0 for length in lengths.values()))
    needs: dict[int, int] = {}
    places: dict[int, Path] = {}
    for place, need in ((folder, fetched), (room.folder, unpacked)):
        if place is not None:
            place.mkdir(parents=True, exist_ok=True)
            disk = place.stat().st_dev
            places[disk] = place
            needs[disk] = needs.get(disk, 0) + need
    for disk, need in needs.items():
        free = shutil.disk_usage(places[disk]).free
        if need > free:
            raise NoRoomError(
                f"{places[disk]} needs {need / _GIB:.2f} GiB for {', '.join(lengths)} "
                f"and what they hold, its disk has {free / _GIB:.2f} GiB free; free "
                "some space or choose fewer parts"
            )
    return present_bytes
