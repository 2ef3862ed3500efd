import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import requests
from tests.fetching import (
    CONTENT,
    RULES,
    archive_on,
    fetch_one,
    unpublished,
)
from tests.servers import FileServer, write_certificate

from sentinel_fusion.data.download.archives import Archive
from sentinel_fusion.data.download.fetch import FetchError, fetch_all


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


@dataclass
class Https:
    """Two https servers: "localhost" and, on the same machine, "127.0.0.1"."""

    first: FileServer
    other: FileServer

    def fetch(self, archive: Archive, folder: Path, host: str = "localhost") -> None:
        """Fetch with a token that belongs to a host."""
        archive = replace(archive, token_host=host)
        fetch_all([archive], folder, rules=replace(RULES, token_variable="FETCH_TOKEN"))


@pytest.fixture
def https(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Https]:
    certificate = write_certificate(tmp_path_factory.mktemp("key") / "key.pem")
    monkeypatch.setenv("FETCH_TOKEN", "s3cret")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    files = {"a.bin": CONTENT}
    with (
        FileServer(files, certificate=certificate, host="localhost") as first,
        FileServer(files, certificate=certificate) as other,
    ):
        yield Https(first, other)


def tokens(server: FileServer) -> list[str | None]:
    return [request.headers.get("Authorization") for request in server.seen]


def test_the_token_goes_to_its_host(https: Https, tmp_path: Path) -> None:
    https.fetch(unpublished(archive_on(https.first)), tmp_path)
    assert tokens(https.first) == ["Bearer s3cret"] * 2  # HEAD and GET


def test_the_token_does_not_go_to_the_first_mirror(
    https: Https, tmp_path: Path
) -> None:
    https.other.files = {}
    https.fetch(unpublished(archive_on(https.other, https.first)), tmp_path)
    assert tokens(https.other) == [None] * 2  # HEAD and GET
    assert tokens(https.first) == ["Bearer s3cret"] * 2


def test_a_token_of_no_host_goes_nowhere(https: Https, tmp_path: Path) -> None:
    https.first.statuses = [401]
    with pytest.raises(FetchError, match="token in FETCH_TOKEN goes to no host"):
        https.fetch(archive_on(https.first), tmp_path, host="")
    assert tokens(https.first) == [None]


def test_the_token_does_not_follow_a_redirect(https: Https, tmp_path: Path) -> None:
    https.first.redirect = https.other.url
    https.fetch(archive_on(https.first), tmp_path)
    assert tokens(https.first) == ["Bearer s3cret"]
    assert tokens(https.other) == [None]


def test_the_token_does_not_go_to_the_next_mirror(https: Https, tmp_path: Path) -> None:
    https.first.files = {}
    https.fetch(archive_on(https.first, https.other), tmp_path)
    assert tokens(https.other) == [None]


def test_the_token_does_not_go_over_plain_http(
    https: Https, server: FileServer, tmp_path: Path
) -> None:
    https.fetch(archive_on(server), tmp_path)
    assert tokens(server) == [None]


def test_the_token_is_in_no_log_and_no_error(
    https: Https, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    https.first.statuses = [500, 401]
    with caplog.at_level(logging.DEBUG), pytest.raises(FetchError) as error:
        https.fetch(archive_on(https.first), tmp_path)
    assert tokens(https.first) == ["Bearer s3cret"] * 2
    assert "s3cret" not in caplog.text + str(error.value)


def test_a_token_that_is_no_token_is_refused_without_showing_it(
    https: Https, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FETCH_TOKEN", "s3cret with spaces")
    with pytest.raises(ValueError, match="token in FETCH_TOKEN must be") as error:
        https.fetch(archive_on(https.first), tmp_path)
    assert "s3cret" not in str(error.value)


def test_a_token_that_is_not_set_is_named(
    https: Https, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FETCH_TOKEN")
    https.first.statuses = [401]
    with pytest.raises(FetchError, match="variable FETCH_TOKEN is not set"):
        https.fetch(archive_on(https.first), tmp_path)


def test_a_wrong_certificate_is_not_tried_again(
    https: Https, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    with pytest.raises(FetchError, match="certificate verify failed") as error:
        fetch_one(archive_on(https.first), tmp_path)
    assert "in a row" not in str(error.value)


class Elsewhere(requests.adapters.HTTPAdapter):
    """Answers for any host from a local server."""

    def __init__(self, server: FileServer) -> None:
        super().__init__()
        self.server = server

    def send(
        self, request: requests.PreparedRequest, *args: object, **options: object
    ) -> requests.Response:
        asked, request.url = request.url, self.server.url + "a.bin"
        response = super().send(request, *args, **options)  # type: ignore[arg-type]
        response.url = str(asked)
        return response


def test_a_redirect_away_from_https_is_refused(
    server: FileServer, second: FileServer, tmp_path: Path
) -> None:
    server.redirect = "http://elsewhere.test/"

    def open_session() -> requests.Session:
        session = requests.Session()
        session.mount("http://elsewhere.test", Elsewhere(second))
        return session

    with pytest.raises(FetchError, match="an address without https"):
        fetch_all(
            [archive_on(server)], tmp_path, rules=RULES, open_session=open_session
        )
