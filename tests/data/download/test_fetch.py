import hashlib
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from tests.fetching import (
    CONTENT,
    OTHER,
    PAGE,
    RULES,
    archive_on,
    fetch_one,
    names,
    ranges,
    receive,
    unpublished,
)
from tests.servers import FileServer

from sentinel_fusion import progress
from sentinel_fusion.data.download.archives import Archive
from sentinel_fusion.data.download.fetch import FetchError, fetch_all, only_one


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


@pytest.mark.parametrize("algorithm", ["md5", "sha256"])
def test_a_file_arrives_whole_and_alone(
    server: FileServer, tmp_path: Path, algorithm: str
) -> None:
    digest = hashlib.new(algorithm, CONTENT).hexdigest()
    archive = replace(archive_on(server), md5="")
    archive = replace(archive, **{algorithm: digest})  # type: ignore[arg-type]
    assert fetch_one(archive, tmp_path) == CONTENT
    assert names(tmp_path) == {"a.bin"}


def test_several_come_at_once(server: FileServer, tmp_path: Path) -> None:
    server.files |= {"b.bin": CONTENT, "c.bin": CONTENT}
    wanted = [archive_on(server, name=name) for name in ("a.bin", "b.bin", "c.bin")]
    assert set(fetch_all(wanted, tmp_path, rules=RULES)) == names(tmp_path)


def test_no_more_come_at_once_than_jobs(server: FileServer, tmp_path: Path) -> None:
    server.files |= {f"{number}.bin": CONTENT for number in range(4)}
    server.gate = threading.Event()
    wanted = [archive_on(server, name=f"{number}.bin") for number in range(4)]
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(fetch_all, wanted, tmp_path, rules=RULES)
        while len(server.gets) < RULES.jobs and not run.done():
            time.sleep(0.01)
        with pytest.raises(TimeoutError):
            run.result(timeout=0.1)
        asked = len(server.gets)
        server.gate.set()
        run.result()
    assert asked == RULES.jobs


def test_when_all_mirrors_fail_each_is_named_with_its_reason(
    server: FileServer, second: FileServer, tmp_path: Path
) -> None:
    server.files.clear()
    second.statuses = [500] * 3
    with pytest.raises(FetchError) as error:
        fetch_one(archive_on(server, second), tmp_path)
    message = str(error.value)
    assert f"{server.url}a.bin: 404 Not Found" in message
    assert f"{second.url}a.bin: 500 Internal Server Error, 3 times" in message


def test_one_that_fails_does_not_stop_the_others(
    server: FileServer, tmp_path: Path
) -> None:
    wanted = [archive_on(server, name="gone.bin"), archive_on(server)]
    with pytest.raises(FetchError, match="no mirror gave gone"):
        fetch_all(wanted, tmp_path, rules=RULES)
    assert (tmp_path / "a.bin").read_bytes() == CONTENT


def test_a_wrong_checksum_is_kept_aside_and_the_next_mirror_used(
    server: FileServer, second: FileServer, tmp_path: Path
) -> None:
    server.files["a.bin"] = OTHER
    assert fetch_one(archive_on(server, second), tmp_path) == CONTENT
    aside = f"a.bin.wrong-{hashlib.md5(OTHER).hexdigest()[:8]}"
    assert names(tmp_path) == {"a.bin", aside}
    assert (tmp_path / aside).read_bytes() == OTHER


def test_a_wrong_checksum_everywhere_is_named_and_never_used(
    server: FileServer, tmp_path: Path
) -> None:
    server.files["a.bin"] = OTHER
    digest = hashlib.md5(OTHER).hexdigest()
    with pytest.raises(FetchError, match=f"wrong md5: {digest}, expected") as error:
        fetch_one(archive_on(server), tmp_path)
    assert f"kept as a.bin.wrong-{digest[:8]}" in str(error.value)
    assert names(tmp_path) == {f"a.bin.wrong-{digest[:8]}"}
    assert len(server.gets) == 1


def test_a_log_in_page_is_no_archive(server: FileServer, tmp_path: Path) -> None:
    server.headers["Content-Type"] = "text/html; charset=utf-8"
    with pytest.raises(FetchError, match="a web page instead of a"):
        fetch_one(unpublished(archive_on(server)), tmp_path)
    assert names(tmp_path) == set()


def test_a_log_in_names_page_files_and_folder(
    server: FileServer, tmp_path: Path
) -> None:
    server.statuses = [401, 401]
    wanted = [archive_on(server), archive_on(server, name="b.bin")]
    with pytest.raises(FetchError, match="asks for a log-in") as error:
        fetch_all(wanted, tmp_path, rules=RULES)
    advice = f"get a.bin, b.bin by hand from {PAGE} (log in there first), put into"
    assert f"{advice} {tmp_path}\nthen run `dvc repro` again" in str(error.value)


def test_an_archive_without_address_asks_for_it(tmp_path: Path) -> None:
    with pytest.raises(FetchError, match=f"by hand from {PAGE}"):
        fetch_one(archive_on(), tmp_path)


def test_a_file_put_there_by_hand_is_used(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(CONTENT)
    assert fetch_one(archive_on(server), tmp_path) == CONTENT
    assert server.seen == []


def test_a_wrong_file_put_there_by_hand_is_kept_aside(
    server: FileServer, tmp_path: Path
) -> None:
    (tmp_path / "a.bin").write_bytes(OTHER)
    assert fetch_one(archive_on(server), tmp_path) == CONTENT
    (aside,) = tmp_path.glob("a.bin.wrong-*")
    assert aside.read_bytes() == OTHER


def test_a_missing_checksum_is_said(
    server: FileServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        fetch_one(unpublished(archive_on(server)), tmp_path)
    assert "no checksum published: only the length is checked" in caplog.text


def test_a_fault_in_what_follows_stops_the_others(
    server: FileServer, tmp_path: Path
) -> None:
    server.files["b.bin"] = CONTENT
    wanted = [archive_on(server, name=name) for name in ("a.bin", "b.bin")]

    def fail(archive: Archive, file: Path) -> None:
        raise ValueError(archive.file)

    with pytest.raises(ValueError, match="a"):
        fetch_all(wanted, tmp_path, rules=replace(RULES, jobs=1), then=fail)


OTHER_PROCESS = """
import logging, sys
from pathlib import Path
from sentinel_fusion.data.download.archives import Archive
from sentinel_fusion.data.download.fetch import fetch_all
from sentinel_fusion.data.download.transfer import FetchRules, Line, transfer
logging.basicConfig(level=logging.INFO, format="%(message)s")
url, md5, folder = sys.argv[1:]
archive = Archive("d", "p", "s1", "a.bin", (url,), size_bytes=10240, md5=md5)
fetch_all([archive], Path(folder), rules=FetchRules(1, 3, 0.0, 5.0, "", 1000))
"""


def start_other(archive: Archive, folder: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", OTHER_PROCESS]
    command += [archive.urls[0], archive.md5, str(folder)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def test_a_second_process_waits_and_fetches_nothing(
    server: FileServer, tmp_path: Path
) -> None:
    archive = archive_on(server)
    with ExitStack() as held:
        held.enter_context(only_one(tmp_path / "a.bin"))
        with start_other(archive, tmp_path) as process:
            assert process.stderr is not None
            assert "waiting for it" in process.stderr.readline()
            receive(archive, tmp_path, threading.Event())
            held.close()
    assert process.returncode == 0
    assert len(server.gets) == 1


def test_a_killed_process_is_continued(server: FileServer, tmp_path: Path) -> None:
    server.block_pause_s = 0.1
    part = tmp_path / "a.bin.part"
    with start_other(archive_on(server), tmp_path) as process:
        while process.poll() is None and not (part.is_file() and part.stat().st_size):
            time.sleep(0.01)
        process.kill()
    came = part.stat().st_size
    server.block_pause_s = 0.0
    assert fetch_one(archive_on(server), tmp_path) == CONTENT
    assert ranges(server) == [None, f"bytes={came}-"]


def test_progress_counts_bytes_of_all_and_says_how_many_there_are(
    server: FileServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(progress, "_SILENCE_S", 0.0)
    with caplog.at_level(logging.INFO):
        fetch_one(archive_on(server), tmp_path)
    last = [m for m in caplog.messages if m.startswith("fetched: ")][-1]
    assert last.startswith("fetched: 100% 10.2k/10.2k ")
    assert last.endswith("B/s]")
