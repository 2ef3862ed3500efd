import errno
import io
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fetching import (
    CONTENT,
    ONE_TRY,
    archive_on,
    fetch_one,
    ranges,
    unpublished,
)
from tests.servers import FileServer

from sentinel_fusion.data.download.fetch import FetchError
from sentinel_fusion.data.download.part import Part
from sentinel_fusion.data.download.room import NoRoomError, Room, check_room


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture
def server() -> Iterator[FileServer]:
    with FileServer({"a.bin": CONTENT}) as running:
        yield running


class Usage:
    def __init__(self, free: int) -> None:
        self.free = free


def test_a_small_disk_is_refused_before_the_first_byte(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(len(CONTENT) - 1))
    with pytest.raises(NoRoomError, match="free some space or choose fewer parts"):
        fetch_one(archive_on(server), tmp_path)
    assert server.seen == []


def test_an_unknown_length_is_asked_for_and_counted(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(len(CONTENT) - 1))
    with pytest.raises(NoRoomError):
        fetch_one(unpublished(archive_on(server)), tmp_path)
    assert [request.method for request in server.seen] == ["HEAD"]


def test_bytes_that_came_need_no_room(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.drops = [3500]
    with pytest.raises(FetchError):
        fetch_one(archive_on(server), tmp_path, ONE_TRY)
    free = len(CONTENT) - 3500
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(free))
    assert fetch_one(archive_on(server), tmp_path) == CONTENT


@pytest.mark.parametrize(("is_kept", "need"), [(True, 5), (False, 4)])
def test_archives_that_go_count_a_few_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_kept: bool, need: int
) -> None:
    more = Room(tmp_path, 2.0 / 3, is_kept=is_kept)
    lengths = {name: 1 for name in "abc"}
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(need))
    check_room(lengths, tmp_path, more, 2)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(need - 1))
    with pytest.raises(NoRoomError):
        check_room(lengths, tmp_path, more, 2)


def test_parts_of_a_zip_count_as_one_archive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = Room(tmp_path, 0.0, is_kept=False)
    lengths = {"x.z01": 3, "x.zip": 2, "y.zip": 4}
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(5))
    check_room(lengths, tmp_path, more, 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(4))
    with pytest.raises(NoRoomError):
        check_room(lengths, tmp_path, more, 1)


def test_a_disk_that_fills_on_the_way_keeps_what_came(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append = Part.append

    def full(part: Part, chunk: bytes, out: io.BufferedWriter) -> None:
        if part.length >= 3000:
            raise OSError(errno.ENOSPC, "No space left on device")
        append(part, chunk, out)

    with monkeypatch.context() as patch:
        patch.setattr(Part, "append", full)
        with pytest.raises(NoRoomError, match="what has come is kept"):
            fetch_one(archive_on(server), tmp_path)
    assert fetch_one(archive_on(server), tmp_path) == CONTENT
    assert ranges(server) == [None, "bytes=3000-"]
