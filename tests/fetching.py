"""A file of known bytes, archives that name it, and a server that fails on request."""

import hashlib
import threading
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
