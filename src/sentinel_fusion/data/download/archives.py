"""Archives of the public data sets: names, addresses, sizes and checksums as data.

The rows stand in ``archives.csv``. ``bytes``, ``md5`` and ``sha256`` are empty where
none is published; ``about_mb`` is a rounded size, good enough to plan the disk. A token
goes to ``token_host`` alone; without that column it goes nowhere. A zip in parts has a
row a part, ``x.z01``, ``x.z02`` ... ``x.zip``. Kind "list" is a text, not an archive.

SEN12MS publishes no sizes. Its ``about_mb`` follow from 180,662 triplets in 510 GB of
rasters, of which a patch of 256 px has 0.524 MB in S1 (2 bands of float32), 1.704 MB in
S2 (13 of uint16) and the rest in land cover. An archive counts for half of its rasters,
as the disk check takes them for twice the archive.

Source: SEN12MS, doi 10.14459/2019mp1474000; DFC2020, doi 10.21227/rha7-m332.
"""

import csv
import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

TABLE = Path(__file__).with_name("archives.csv")
_MB = 10**6
_PART_OF_ZIP = re.compile(r"\.z\d+$")


@dataclass(frozen=True)
class Archive:
    """One file to download.

    Args:
        dataset: Data set, as the source is called in params.
        part: Season or group; "hold-out" for lists.
        kind: Rasters inside: "s1", "s2", "lc" or "dfc"; "list" of patches as it is.
        file: File name.
        urls: Mirrors in the order they are tried.
        size_bytes: Published length; None where there is none.
        about_bytes: Rounded length to plan the disk with; None where unknown.
        md5: Published MD5 in hexadecimal, or "".
        sha256: Published SHA-256 in hexadecimal, or "".
        page: Page where a person finds the file.
        needs_login: Whether that page lets in registered users only.
        token_host: The only host that a token is sent to; "" for none.
    """

    dataset: str
    part: str
    kind: str
    file: str
    urls: tuple[str, ...]
    size_bytes: int | None = None
    about_bytes: int | None = None
    md5: str = ""
    sha256: str = ""
    page: str = ""
    needs_login: bool = False
    token_host: str = ""

    @property
    def whole(self) -> str:
        """Name of the archive: its own, or the last part's where it is in parts."""
        return whole_name(self.file)

    @property
    def algorithm(self) -> str:
        """Hash to compute: of the strongest published checksum, else SHA-256."""
        return "md5" if self.md5 and not self.sha256 else "sha256"

    @property
    def checksum(self) -> str:
        """The strongest published checksum, "" where there is none."""
        return self.sha256 or self.md5


@dataclass(frozen=True)
class Wanted:
    """Which archives of a data set.

    Args:
        dataset: Data set in the table.
        parts: Seasons or groups of it.
        kinds: Kinds of raster.
        mirrors: Addresses to try before the table's, in this order; each is completed
            by the file name, so it ends in "/" or in "=".
        table: CSV with the columns of ``archives.csv``.
    """

    dataset: str
    parts: Sequence[str]
    kinds: Sequence[str]
    mirrors: Sequence[str] = ()
    table: Path = TABLE


def whole_name(file: str) -> str:
    """Name of the archive that a file belongs to.

    Args:
        file: File name, ``x.z01`` say.

    Returns:
        ``x.zip``, or the name as it is where the file is no part of a zip.
    """
    return _PART_OF_ZIP.sub(".zip", file)


def archives(wanted: Wanted) -> list[Archive]:
    """Archives of the chosen parts and kinds.

    A name that is not in the table is refused, as are an address that is not safe and
    a zip without its last part.

    Args:
        wanted: The choice.

    Returns:
        The archives in the order of its parts, then of its kinds, then of the table.
    """
    table = _read_table(wanted.table)
    _check_names("data set", [wanted.dataset], [row.dataset for row in table])
    rows = [row for row in table if row.dataset == wanted.dataset]
    _check_names(f"{wanted.dataset} part", wanted.parts, [row.part for row in rows])
    _check_names(f"{wanted.dataset} kind", wanted.kinds, [row.kind for row in rows])
    chosen = [
        row
        for part in wanted.parts
        for kind in wanted.kinds
        for row in _rows_of(part, kind, rows)
    ]
    _check_parts(chosen, wanted.table)
    chosen = [
        replace(row, urls=(*(m + row.file for m in wanted.mirrors), *row.urls))
        for row in chosen
    ]
    for row in chosen:
        for url in row.urls:
            check_address(url)
    return chosen


def check_address(url: str) -> None:
    """Refuse addresses that anybody on the way can read or change.

    Args:
        url: Address of a mirror or of a file on it.

    Raises:
        ValueError: If it is not https (plain http is left for this machine itself) or
            holds a user name or password.
    """
    place = urlsplit(url)
    if place.username is not None or place.password is not None:
        raise ValueError(
            f"mirror on {place.hostname} must hold no user name or password; name an "
            "environment variable in token_variable instead"
        )
    if place.scheme == "https" and place.hostname:
        return
    if place.scheme != "http" or not _is_this_machine(place.hostname or ""):
        raise ValueError(f"mirror must be an https address, got {url}")


def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _check_names(what: str, names: Sequence[str], valid: Sequence[str]) -> None:
    for name in names:
        if name not in valid:
            choice = ", ".join(dict.fromkeys(valid))
            raise ValueError(f"{what} must be one of {choice}, got {name}")


def _rows_of(part: str, kind: str, rows: Sequence[Archive]) -> list[Archive]:
    found = [row for row in rows if (row.part, row.kind) == (part, kind)]
    if not found:
        raise ValueError(f"{rows[0].dataset} part {part} has no {kind}; choose another")
    return found


def _check_parts(rows: Sequence[Archive], table: Path) -> None:
    files = {row.file for row in rows}
    for row in rows:
        if row.whole not in files:
            raise ValueError(
                f"{row.file} is a part of {row.whole}, which must have a row of the "
                f"same part and kind; add it to {table}"
            )


def _read_table(table: Path) -> list[Archive]:
    with table.open(newline="", encoding="utf-8") as file:
        return [
            Archive(
                dataset=row["dataset"],
                part=row["part"],
                kind=row["kind"],
                file=row["file"],
                urls=tuple(row["urls"].split()),
                size_bytes=int(row["bytes"]) if row["bytes"] else None,
                about_bytes=int(row["about_mb"]) * _MB if row["about_mb"] else None,
                md5=row["md5"],
                sha256=row["sha256"],
                page=row["page"],
                needs_login=row["login"] == "yes",
                token_host=row.get("token_host") or "",
            )
            for row in csv.DictReader(file)
        ]
