"""Fetch archives: several at once, resumed, checked, with mirrors to fall back on.

A file under its own name in the archives' folder is complete; ``<name>.part`` is what
has come so far, ``<name>.wrong-<digest>`` what arrived and did not fit.
"""

import errno
import hashlib
import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import requests
from filelock import FileLock, Timeout

from sentinel_fusion.data.download.archives import Archive
from sentinel_fusion.data.download.part import Part
from sentinel_fusion.data.download.room import NoRoomError, Room, check_room
from sentinel_fusion.data.download.transfer import (
    FetchRules,
    Line,
    MirrorError,
    StoppedError,
    announced_length,
    transfer,
)
from sentinel_fusion.data.patches import MissingRastersError
from sentinel_fusion.progress import progress

_LOG = logging.getLogger(__name__)
_LOCK_POLL_S = 0.1
_FULL_DISK = (errno.ENOSPC, errno.EDQUOT)


class FetchError(MissingRastersError):
    """Archives that no mirror gave; the message says why and what to do."""


class _NoMirrorError(Exception):
    """One archive that no mirror gave; a line for each mirror."""


_NO_MORE_ROOM = Room()


def fetch_all(
    archives: Sequence[Archive],
    folder: Path,
    *,
    rules: FetchRules,
    room: Room = _NO_MORE_ROOM,
    then: Callable[[Archive, Path], None] | None = None,
    open_session: Callable[[], requests.Session] = requests.Session,
) -> dict[str, Path]:
    """Bring archives into a folder and check them.

    A file that lies there already is checked and used. An archive that no mirror gives
    does not stop the others. Two processes never write the same file: the second waits
    and then finds it complete. A disk too small is refused before the first byte.

    Args:
        archives: What to fetch.
        folder: Folder of the archives, made if need be.
        rules: How to fetch.
        room: What else the disk must hold.
        then: Called with each archive as soon as it is complete.
        open_session: Makes the session of one archive.

    Returns:
        File name -> file.

    Raises:
        FetchError: If an archive came from no mirror.
    """
    folder.mkdir(parents=True, exist_ok=True)
    token = _token(rules.token_variable)
    stop = Event()

    @contextmanager
    def line_of(
        archive: Archive, on_bytes: Callable[[int], object] = int
    ) -> Iterator[Line]:
        with open_session() as session:
            yield Line(session, rules, token, archive.token_host, on_bytes, stop)

    lengths = {}
    for archive in archives:
        with line_of(archive) as line:
            lengths[archive.file] = _length(archive, folder / archive.file, line)
    bytes_here = check_room(lengths, folder, room, rules.jobs)

    def work(archive: Archive) -> Path:
        with line_of(archive, advance) as line, only_one(folder / archive.file, stop):
            return _fetch_one(archive, folder, line, then)

    total = sum(length or 0 for length in lengths.values())
    with progress("fetched", total, "B", done=bytes_here, is_scaled=True) as advance:
        files, failures = _run(archives, work, rules.jobs, stop)
    if failures:
        missing = [archive for archive in archives if archive.file in failures]
        raise FetchError(_explain(missing, failures, folder, rules, token))
    return files


@contextmanager
def only_one(file: Path, stop: Event | None = None) -> Iterator[None]:
    """Wait until no other process or thread is at a file, then keep them out.

    The lock is advisory and goes with its process, however that ends.

    Args:
        file: What is guarded; the lock lies beside it as ``.<name>.lock``.
        stop: Ends the waiting when set.

    Yields:
        Nothing, while the lock is held.

    Raises:
        StoppedError: If ``stop`` was set while waiting.
    """
    lock = FileLock(file.with_name(f".{file.name}.lock"))
    has_waited = False
    while not lock.is_locked:
        try:
            lock.acquire(timeout=_LOCK_POLL_S)
        except Timeout:
            if stop is not None and stop.is_set():
                raise StoppedError from None
            if not has_waited:
                _LOG.info("another process is at %s; waiting for it", file.name)
                has_waited = True
    try:
        yield
    finally:
        lock.release()


def _length(archive: Archive, file: Path, line: Line) -> int | None:
    if file.is_file():
        return file.stat().st_size
    exact = archive.size_bytes or announced_length(archive, line)
    if exact is None and archive.about_bytes is not None:
        about_gb = archive.about_bytes / 10**9
        _LOG.info(
            "%s: no server says how long it is; about %.1f GB", file.name, about_gb
        )
    return exact or archive.about_bytes


def _run(
    archives: Sequence[Archive],
    work: Callable[[Archive], Path],
    jobs: int,
    stop: Event,
) -> tuple[dict[str, Path], dict[str, str]]:
    """Files by name, and reasons by the names of archives that did not come."""
    files, failures = {}, {}
    with ThreadPoolExecutor(jobs) as pool:
        futures = {pool.submit(work, archive): archive.file for archive in archives}
        try:
            for future in as_completed(futures):
                name = futures[future]
                try:
                    files[name] = future.result()
                except _NoMirrorError as error:
                    failures[name] = str(error)
                    _LOG.warning("no mirror gave %s; the others go on", name)
        except OSError as error:
            if error.errno in _FULL_DISK:
                raise NoRoomError(
                    f"the disk became full ({error}); free some space and run "
                    "`dvc repro` again: what has come is kept"
                ) from error
            raise
        finally:  # after a fault or Ctrl-C the others must not run to their end
            stop.set()
            pool.shutdown(cancel_futures=True)
    return files, failures


def _fetch_one(
    archive: Archive,
    folder: Path,
    line: Line,
    then: Callable[[Archive, Path], None] | None,
) -> Path:
    file = folder / archive.file
    reasons: list[str] = []
    if not _is_ready(file, archive, reasons):
        part = Part(folder / f"{archive.file}.part", archive.algorithm)
        if not any(_take(archive, url, part, line, reasons) for url in archive.urls):
            raise _NoMirrorError("\n".join(reasons) or "it has no address")
    if not archive.checksum:
        _LOG.info("%s: no checksum published: only the length is checked", file.name)
    if then is not None:
        then(archive, file)
    return file


def _is_ready(file: Path, archive: Archive, reasons: list[str]) -> bool:
    """Whether the file lies there and fits; what does not fit is set aside."""
    if not file.is_file():
        return False
    with file.open("rb") as present:
        digest = hashlib.file_digest(present, archive.algorithm).hexdigest()
        fault = _fault(archive, present.tell(), digest)
    if fault:
        aside = _aside(file, digest)
        file.replace(aside)
        reasons.append(f"  {file}: {fault}; kept as {aside.name}")
    return not fault


def _take(
    archive: Archive, url: str, part: Part, line: Line, reasons: list[str]
) -> bool:
    """Whether the mirror gave the archive; if not, the reason is added."""
    file = part.file.with_suffix("")
    part.is_stitched = part.length > 0
    while True:
        try:
            transfer(archive, url, part, line)
        except MirrorError as error:
            reasons.append(f"  {url}: {error}")
            return False
        fault = _fault(archive, part.length, part.digest)
        if not fault:
            part.move(file)
            return True
        aside, is_stitched = _aside(file, part.digest), part.is_stitched
        line.on_bytes(-part.length)
        part.move(aside)
        reasons.append(f"  {url}: {fault}; kept as {aside.name}")
        _LOG.warning("%s: %s; kept as %s, not used", url, fault, aside.name)
        if not is_stitched:
            return False
        # the fault may lie in bytes of an earlier run or mirror: once more from 0


def _fault(archive: Archive, length: int, digest: str) -> str:
    if length == 0:
        return "it is empty"
    if archive.size_bytes not in (None, length):
        return f"wrong length: {length} bytes, expected {archive.size_bytes}"
    if archive.checksum not in ("", digest):
        return f"wrong {archive.algorithm}: {digest}, expected {archive.checksum}"
    return ""


def _aside(file: Path, digest: str) -> Path:
    return file.with_name(f"{file.name}.wrong-{digest[:8]}")


def _token(variable: str) -> str:
    token = os.environ.get(variable, "").strip() if variable else ""
    if not all("!" <= char <= "~" for char in token):
        raise ValueError(
            f"the token in {variable} must be printable ASCII without spaces; it is "
            "not shown here"
        )
    return token


def _explain(
    missing: Sequence[Archive],
    failures: Mapping[str, str],
    folder: Path,
    rules: FetchRules,
    token: str,
) -> str:
    lines = []
    for archive in missing:
        lines += [f"no mirror gave {archive.file}:", failures[archive.file]]
    if rules.token_variable and not token:
        lines.append(f"the environment variable {rules.token_variable} is not set")
    if token:
        hosts = sorted({archive.token_host or "no host" for archive in missing})
        lines.append(
            f"the token in {rules.token_variable} goes to {', '.join(hosts)} alone "
            "(token_host in the table)"
        )
    for page in dict.fromkeys(archive.page for archive in missing):
        here = [archive for archive in missing if archive.page == page]
        names = ", ".join(archive.file for archive in here)
        login = " (log in there first)" if any(a.needs_login for a in here) else ""
        source = f"get {names} by hand from {page}{login}, put into {folder}"
        lines.append(source if page else f"put {names} into {folder}")
    return "\n".join([*lines, "then run `dvc repro` again; what has come is kept"])
