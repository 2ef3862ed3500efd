"""A file of known bytes, archives that name it, and a zip that is cut into parts."""

import hashlib
import struct
import threading
import zipfile
from dataclasses import replace
from pathlib import Path

import requests
from tests.servers import FileServer

from sentinel_fusion.data.download.archives import Archive
from sentinel_fusion.data.download.fetch import fetch_all
from sentinel_fusion.data.download.part import Part
from sentinel_fusion.data.download.transfer import FetchRules, Line, transfer

CONTENT = bytes(range(256)) * 40  # 10240 bytes
OTHER = CONTENT[::-1]
RULES = FetchRules(jobs=2, tries=3, backoff_s=0.0, timeout_s=5.0, chunk_bytes=1000)
ONE_TRY = replace(RULES, tries=1)
PAGE = "https://doi.org/10.21227/rha7-m332"


def archive_on(*servers: FileServer, name: str = "a.bin") -> Archive:
    return Archive(
        "d",
        "p",
        "s1",
        name,
        tuple(server.url + name for server in servers),
        size_bytes=len(CONTENT),
        md5=hashlib.md5(CONTENT).hexdigest(),
        page=PAGE,
        needs_login=True,
    )


def unpublished(archive: Archive) -> Archive:
    """The same without length and checksum."""
    return replace(archive, size_bytes=None, md5="")


def fetch_one(archive: Archive, folder: Path, rules: FetchRules = RULES) -> bytes:
    return fetch_all([archive], folder, rules=rules)[archive.file].read_bytes()


def ranges(server: FileServer) -> list[str | None]:
    return [request.headers.get("Range") for request in server.gets]


def names(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir() if file.suffix != ".lock"}


def receive(archive: Archive, folder: Path, stop: threading.Event) -> None:
    part = Part(folder / "a.bin.part", "md5")
    rules = replace(RULES, tries=9, backoff_s=20.0)
    with requests.Session() as session:
        line = Line(session, rules, "", "", int, stop)
        transfer(archive, archive.urls[0], part, line)
    part.move(folder / "a.bin")


def cut(file: Path, part_bytes: int, *, is_wide: bool) -> None:
    """Cut a zip into parts as PKWARE's specification says.

    ``is_wide`` writes every number of the directory in its 64-bit place.
    """
    with zipfile.ZipFile(file) as archive:
        infos, start = archive.infolist(), archive.start_dir
    body = b"PK\x07\x08" + file.read_bytes()[:start]
    entries = b""
    for info in infos:
        disk, offset = divmod(info.header_offset + 4, part_bytes)
        extra, sizes = b"", (info.compress_size, info.file_size)
        if is_wide:
            wide = struct.pack("<3QL", info.file_size, info.compress_size, offset, disk)
            extra = struct.pack("<2H", 99, 1) + b"x"  # another field stays
            extra += struct.pack("<2H", 1, len(wide)) + wide
            disk, offset, sizes = 0xFFFF, 0xFFFFFFFF, (0xFFFFFFFF, 0xFFFFFFFF)
        name = info.filename.encode()
        head = (b"PK\x01\x02", 20, 20, 0, info.compress_type, 0, 33, info.CRC, *sizes)
        rest = (len(name), len(extra), 0, disk, 0, 0, offset)
        entries += struct.pack("<4s6H3L5H2L", *head, *rest) + name + extra
    last, offset = divmod(len(body), part_bytes)
    count = len(infos)
    end = (last, last, count, count, len(entries), offset, 0)
    if is_wide:
        where = len(body) + len(entries)
        end64 = (b"PK\x06\x06", 44, 45, 45, last, last, count, count, len(entries))
        entries += struct.pack("<4sQ2H2L4Q", *end64, offset)
        at = where - last * part_bytes
        entries += struct.pack("<4sLQL", b"PK\x06\x07", last, at, last + 1)
        end = (0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    for number in range(last):
        part = file.with_suffix(f".z{number + 1:02d}")
        part.write_bytes(body[number * part_bytes : (number + 1) * part_bytes])
    tail = entries + struct.pack("<4s4H2LH", b"PK\x05\x06", *end)
    file.write_bytes(body[last * part_bytes :] + tail)
