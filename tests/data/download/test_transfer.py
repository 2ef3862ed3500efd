import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fetching import (
    CONTENT,
    ONE_TRY,
    OTHER,
    RULES,
    archive_on,
    fetch_one,
    names,
    ranges,
    receive,
    unpublished,
)
from tests.servers import FileServer

from sentinel_fusion.data.download.archives import Archive
from sentinel_fusion.data.download.fetch import FetchError
from sentinel_fusion.data.download.part import Part


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture
def server() -> Iterator[FileServer]:
    with FileServer({"a.bin": CONTENT}) as running:
        yield running


@pytest.fixture
def second() -> Iterator[FileServer]:
    with FileServer({"a.bin": CONTENT}) as running:
        yield running


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, len(CONTENT) - 1), max_size=4), st.booleans())
def test_connections_dropped_at_any_byte_end_in_the_whole_file(
    drops: list[int], has_ranges: bool
) -> None:
    with (
        FileServer({"a.bin": CONTENT}, drops=drops, has_ranges=has_ranges) as server,
        tempfile.TemporaryDirectory() as folder,
    ):
        rules = replace(RULES, tries=6)
        assert fetch_one(archive_on(server), Path(folder), rules) == CONTENT


def test_a_dropped_connection_asks_for_the_rest_only(
    server: FileServer, tmp_path: Path
) -> None:
    server.drops = [3500]
    fetch_one(archive_on(server), tmp_path)
    assert ranges(server) == [None, "bytes=3500-"]
    assert server.gets[1].headers["If-Range"] == server.etag


@pytest.mark.parametrize("prepare", [archive_on, lambda s: unpublished(archive_on(s))])
def test_the_next_run_continues_a_broken_one(
    server: FileServer, tmp_path: Path, prepare: Callable[[FileServer], Archive]
) -> None:
    server.drops = [3500]
    with pytest.raises(FetchError, match="dropped after 3500 bytes"):
        fetch_one(prepare(server), tmp_path, ONE_TRY)
    assert not (tmp_path / "a.bin").exists()
    assert fetch_one(prepare(server), tmp_path, ONE_TRY) == CONTENT
    assert ranges(server) == [None, "bytes=3500-"]


def test_a_mirror_that_drops_without_a_new_byte_is_given_up(
    server: FileServer, tmp_path: Path
) -> None:
    server.has_ranges = False
    server.drops = [500] * 9
    with pytest.raises(FetchError, match="3 times in a row"):
        fetch_one(archive_on(server), tmp_path)
    assert len(server.gets) == 3


def test_a_server_without_range_starts_over(server: FileServer, tmp_path: Path) -> None:
    server.has_ranges, server.drops = False, [3500]
    assert fetch_one(archive_on(server), tmp_path) == CONTENT
    assert ranges(server) == [None, "bytes=3500-"]


def test_a_server_that_caps_ranges_is_asked_again(
    server: FileServer, tmp_path: Path
) -> None:
    server.drops, server.range_bytes = [3500], 3000
    assert fetch_one(unpublished(archive_on(server)), tmp_path) == CONTENT
    assert ranges(server)[1:] == ["bytes=3500-", "bytes=6500-", "bytes=9500-"]


def test_a_file_changed_on_the_server_starts_over(
    server: FileServer, tmp_path: Path
) -> None:
    server.files["a.bin"], server.drops = OTHER, [3500]
    archive = unpublished(archive_on(server))
    with pytest.raises(FetchError):
        fetch_one(archive, tmp_path, ONE_TRY)
    server.files["a.bin"], server.etag = CONTENT, '"v2"'
    assert fetch_one(archive, tmp_path, ONE_TRY) == CONTENT


def test_bytes_of_another_version_are_found_and_fetched_again(
    server: FileServer, tmp_path: Path
) -> None:
    server.files["a.bin"], server.drops, server.etag = OTHER, [3500], ""
    with pytest.raises(FetchError):
        fetch_one(archive_on(server), tmp_path, ONE_TRY)
    server.files["a.bin"] = CONTENT
    assert fetch_one(archive_on(server), tmp_path, ONE_TRY) == CONTENT
    assert ranges(server)[1:] == ["bytes=3500-", None]


def test_a_complete_part_is_not_fetched_again(
    server: FileServer, tmp_path: Path
) -> None:
    part = Part(tmp_path / "a.bin.part", "md5")
    part.claim(server.url + "a.bin", server.etag)
    part.file.write_bytes(CONTENT)
    assert fetch_one(archive_on(server), tmp_path) == CONTENT
    assert server.gets == []


def test_a_complete_part_of_unknown_length_costs_one_question(
    server: FileServer, tmp_path: Path
) -> None:
    part = Part(tmp_path / "a.bin.part", "sha256")
    part.claim(server.url + "a.bin", server.etag)
    part.file.write_bytes(CONTENT)
    assert fetch_one(unpublished(archive_on(server)), tmp_path) == CONTENT
    assert ranges(server) == ["bytes=10240-"]


def test_a_part_without_its_note_is_not_used(
    server: FileServer, tmp_path: Path
) -> None:
    (tmp_path / "a.bin.part").write_bytes(OTHER[:100])
    assert fetch_one(archive_on(server), tmp_path) == CONTENT
    assert ranges(server) == [None]


def test_a_checked_part_goes_on_at_the_next_mirror(
    server: FileServer, second: FileServer, tmp_path: Path
) -> None:
    server.drops = [3500]
    assert fetch_one(archive_on(server, second), tmp_path, ONE_TRY) == CONTENT
    assert ranges(second) == ["bytes=3500-"]


def test_a_part_without_checksum_starts_over_at_the_next_mirror(
    server: FileServer, second: FileServer, tmp_path: Path
) -> None:
    server.drops = [3500]
    archive = unpublished(archive_on(server, second))
    assert fetch_one(archive, tmp_path, ONE_TRY) == CONTENT
    assert ranges(second) == [None]


def test_404_goes_to_the_next_mirror_at_once(
    server: FileServer, second: FileServer, tmp_path: Path
) -> None:
    server.files.clear()
    assert fetch_one(archive_on(server, second), tmp_path) == CONTENT
    assert len(server.gets) == 1


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_passing_fault_is_tried_again(
    server: FileServer, tmp_path: Path, status: int
) -> None:
    server.statuses = [status, status]
    assert fetch_one(archive_on(server), tmp_path) == CONTENT
    assert len(server.gets) == 3


class Pauses(threading.Event):
    """Notes how long it should have waited."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float | None] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.seconds.append(timeout)
        return False


def test_pauses_between_tries_double_up_to_a_minute(
    server: FileServer, tmp_path: Path
) -> None:
    server.statuses, pauses = [500] * 4, Pauses()
    receive(archive_on(server), tmp_path, pauses)
    assert pauses.seconds == [20.0, 40.0, 60.0, 60.0]


def test_an_unreachable_mirror_is_named(tmp_path: Path) -> None:
    with FileServer() as gone:
        archive = archive_on(gone)
    with pytest.raises(FetchError, match="Connection refused, 3 times in a row"):
        fetch_one(archive, tmp_path)


def test_a_slow_server_is_waited_for(server: FileServer, tmp_path: Path) -> None:
    server.block_pause_s = 0.05  # 0.5 s in all
    rules = replace(RULES, tries=1, timeout_s=0.4)
    assert fetch_one(archive_on(server), tmp_path, rules) == CONTENT
    assert len(server.gets) == 1


def test_a_server_that_falls_silent_is_asked_for_the_rest(
    server: FileServer, tmp_path: Path
) -> None:
    server.stalls_s = [0.6]
    rules = replace(RULES, tries=9, timeout_s=0.2)
    assert fetch_one(archive_on(server), tmp_path, rules) == CONTENT
    assert ranges(server) == [None, "bytes=1000-"]


def test_a_wrong_length_is_refused_before_its_first_byte(
    server: FileServer, second: FileServer, tmp_path: Path
) -> None:
    server.announced = 99
    assert fetch_one(archive_on(server, second), tmp_path) == CONTENT
    assert names(tmp_path) == {"a.bin"}


@pytest.mark.parametrize("wrong", [CONTENT[:-1], CONTENT + b"more" * 999])
def test_a_wrong_length_that_was_not_announced_is_kept_aside(
    server: FileServer, tmp_path: Path, wrong: bytes
) -> None:
    server.files["a.bin"], server.has_length = wrong, False
    with pytest.raises(FetchError, match=r"wrong length: \d+ bytes, expected 10240"):
        fetch_one(replace(archive_on(server), md5=""), tmp_path)
    assert not (tmp_path / "a.bin").exists()
    assert len(list(tmp_path.glob("a.bin.wrong-*"))) == 1


def test_an_empty_file_is_refused(server: FileServer, tmp_path: Path) -> None:
    server.files["a.bin"] = b""
    with pytest.raises(FetchError, match="announces 0 bytes"):
        fetch_one(unpublished(archive_on(server)), tmp_path)


def test_packing_on_the_way_is_not_unpacked(server: FileServer, tmp_path: Path) -> None:
    server.headers["Content-Encoding"] = "gzip"
    assert fetch_one(archive_on(server), tmp_path) == CONTENT


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"jobs": 0}, "jobs must be >= 1, got 0"),
        ({"tries": 0}, "tries must be >= 1, got 0"),
        ({"backoff_s": -1.0}, "backoff_s must be >= 0"),
        ({"timeout_s": 0.0}, "timeout_s must be > 0"),
    ],
)
def test_rules_out_of_range_are_refused(change: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(RULES, **change)  # type: ignore[arg-type]
