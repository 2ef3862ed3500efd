"""One archive from one mirror: resumed, repeated and hashed while it arrives.

requests does the transfer and hashlib the hashing: pooch neither resumes nor hashes
while it receives, fsspec's HTTP files come through a block cache, and huggingface_hub
knows one host only.

Source: RFC 9110, sections 13.1.5 (If-Range), 14.2 (Range), 14.4 (Content-Range).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from threading import Event
from urllib.parse import urlsplit

import requests
import urllib3

from sentinel_fusion.data.download.archives import Archive, check_address
from sentinel_fusion.data.download.part import Part

_LONGEST_PAUSE_S = 60.0
_PASSING_STATUS = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)
_LOGIN_STATUS = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
_PAST_THE_END = HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
_RANGE = re.compile(r"bytes (?P<first>\d+)-\d+/(?P<total>\d+|\*)")


class MirrorError(Exception):
    """A mirror does not give the archive; the message says why."""


class StoppedError(Exception):
    """Another thread asked for the end."""


class _PassingError(Exception):
    """A fault that another request may not meet."""


@dataclass(frozen=True)
class FetchRules:
    """How to fetch.

    Args:
        jobs: Archives at once, >= 1.
        tries: Failures in a row, with no new byte between them, after which a mirror
            is given up, >= 1.
        backoff_s: Seconds of pause after the first of them; doubles each time.
        timeout_s: Seconds without a byte after which a connection counts as dropped.
        token_variable: Environment variable that holds a bearer token; "" for none.
        chunk_bytes: Bytes read and hashed at once.
    """

    jobs: int
    tries: int
    backoff_s: float
    timeout_s: float
    token_variable: str = ""
    chunk_bytes: int = 2**18

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: If a value is out of range.
        """
        for name in ("jobs", "tries", "chunk_bytes"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be >= 1, got {getattr(self, name)}")
        if self.backoff_s < 0:
            raise ValueError(f"backoff_s must be >= 0, got {self.backoff_s}")
        if self.timeout_s <= 0:
            raise ValueError(f"timeout_s must be > 0, got {self.timeout_s}")


@dataclass(frozen=True)
class Line:
    """What the transfers of an archive share.

    Args:
        session: Session of this thread.
        rules: How to fetch.
        token: Bearer token, or "".
        token_host: The only host that gets the token.
        on_bytes: Told how many bytes came; negative when some are dropped.
        stop: Ends the transfer when set.
    """

    session: requests.Session
    rules: FetchRules
    token: str
    token_host: str
    on_bytes: Callable[[int], object]
    stop: Event

    def credentials(self, url: str) -> "_Bearer | None":
        """The token, if this address may see it.

        requests drops it by itself when a redirect leads to another host.

        Args:
            url: Address to ask.

        Returns:
            What requests takes as ``auth``.
        """
        place = urlsplit(url)
        may_see = place.scheme == "https" and place.hostname == self.token_host
        return _Bearer(self.token) if self.token and may_see else None


class _Bearer(requests.auth.AuthBase):
    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def announced_length(archive: Archive, line: Line) -> int | None:
    """Length of an archive as the first mirror that answers states it.

    Args:
        archive: The archive.
        line: Session, rules and token.

    Returns:
        Bytes, or None where no mirror says.
    """
    for url in archive.urls:
        try:
            answer = line.session.head(
                url,
                headers={"Accept-Encoding": "identity"},
                allow_redirects=True,
                timeout=line.rules.timeout_s,
                auth=line.credentials(url),
            )
        except requests.RequestException:
            continue
        length = answer.headers.get("Content-Length", "0")
        # some servers answer 0 for what they pack on the fly
        if answer.ok and not _is_page(answer) and int(length):
            return int(length)
    return None


def transfer(archive: Archive, url: str, part: Part, line: Line) -> None:
    """Complete a part from one mirror, however often the connection breaks.

    Args:
        archive: What is expected.
        url: The mirror's address of it.
        part: Bytes so far.
        line: Session, rules, token and ways to report and to stop.

    Raises:
        MirrorError: If the mirror refuses, or fails too often without a new byte.
        StoppedError: If another thread asked for the end.
    """
    is_other = part.url != url and not archive.checksum
    if is_other or part.length > (archive.size_bytes or part.length):
        _restart(part, line)
    failures, best = 0, part.length
    while not (part.length and part.length == archive.size_bytes):
        try:
            _receive(archive, url, part, line)
        except _PassingError as error:
            if part.length > best:
                best, failures = part.length, 0
            failures += 1
            if failures >= line.rules.tries:
                raise MirrorError(f"{error}, {failures} times in a row") from error
            pause = line.rules.backoff_s * 2 ** (failures - 1)
            if line.stop.wait(min(pause, _LONGEST_PAUSE_S)):
                raise StoppedError from error
        else:
            return


def _restart(part: Part, line: Line) -> None:
    line.on_bytes(-part.length)
    part.restart()


def _receive(archive: Archive, url: str, part: Part, line: Line) -> None:
    # identity: a server that packs once more would change lengths and ranges
    headers = {"Accept-Encoding": "identity"}
    if part.length:
        headers["Range"] = f"bytes={part.length}-"
        if part.url == url and part.validator:
            headers["If-Range"] = part.validator
    try:
        with line.session.get(
            url,
            headers=headers,
            stream=True,
            timeout=line.rules.timeout_s,
            auth=line.credentials(url),
        ) as response:
            total = _total(response, archive, part, line)
            if total != part.length:
                part.claim(url, _validator(response))
                _append(response, archive, part, line)
            if total is not None and part.length < total:
                raise _PassingError(f"the server stopped at {part.length} of {total}")
    except (requests.Timeout, requests.ConnectionError) as error:
        if isinstance(error, requests.exceptions.SSLError):
            raise MirrorError(_plain(error)) from error
        raise _PassingError(_plain(error)) from error
    except requests.RequestException as error:
        raise MirrorError(_plain(error)) from error
    except urllib3.exceptions.HTTPError as error:
        raise _PassingError(
            f"connection dropped after {part.length} bytes ({type(error).__name__})"
        ) from error


def _append(
    response: requests.Response, archive: Archive, part: Part, line: Line
) -> None:
    # raw: requests would unpack a .tar.gz that is labelled "Content-Encoding: gzip"
    chunks = response.raw.stream(line.rules.chunk_bytes, decode_content=False)
    with part.file.open("ab") as out:
        for chunk in chunks:
            if line.stop.is_set():
                raise StoppedError
            part.append(chunk, out)
            line.on_bytes(len(chunk))
            if archive.size_bytes is not None and part.length > archive.size_bytes:
                return


def _total(
    response: requests.Response, archive: Archive, part: Part, line: Line
) -> int | None:
    """Length of the archive on this mirror; the part starts over if it must."""
    _check_status(response, archive)
    length = response.headers.get("Content-Length", "")
    total = int(length) if length.isdecimal() else None
    if response.status_code == HTTPStatus.PARTIAL_CONTENT:
        answer = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if answer is None or int(answer["first"]) != part.length:
            _restart(part, line)
            raise _PassingError("the server sent another range than asked for")
        total = int(answer["total"]) if answer["total"] != "*" else None
    elif response.status_code == _PAST_THE_END:
        total = part.length
        if response.headers.get("Content-Range") != f"bytes */{total}":
            _restart(part, line)
            raise _PassingError("the server holds fewer bytes than were received")
    elif part.length:  # no Range here, or the file is no longer the one begun
        _restart(part, line)
    expected = archive.size_bytes or total
    if total == 0 or total not in (None, expected):
        raise MirrorError(
            f"wrong length: the server announces {total} bytes, expected {expected}"
        )
    return total


def _check_status(response: requests.Response, archive: Archive) -> None:
    status = response.status_code
    try:
        check_address(response.url)
    except ValueError as error:
        raise MirrorError("redirects to an address without https") from error
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _PASSING_STATUS:
        raise _PassingError(f"{status} {response.reason}")
    if status in _LOGIN_STATUS:
        raise MirrorError(f"{status} {response.reason}: it asks for a log-in")
    if status not in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT, _PAST_THE_END):
        raise MirrorError(f"{status} {response.reason}")
    if _is_page(response):
        raise MirrorError(
            f"a web page instead of {archive.file}; perhaps it asks for a log-in"
        )


def _is_page(response: requests.Response) -> bool:
    return response.headers.get("Content-Type", "").startswith("text/html")


def _validator(response: requests.Response) -> str:
    # a weak ETag does not promise the same bytes
    etag = response.headers.get("ETag", "")
    if etag and not etag.startswith("W/"):
        return etag
    return response.headers.get("Last-Modified", "")


def _plain(error: requests.RequestException) -> str:
    """What went wrong without the address, whose query may hold a signature."""
    cause = error.args[0] if error.args else error
    text = str(getattr(cause, "reason", cause))
    return re.sub(r"\?\S+", "?...", text) or type(error).__name__
