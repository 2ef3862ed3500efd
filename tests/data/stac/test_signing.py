import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.catalogues import Site, serving
from tests.servers import FileServer

from sentinel_fusion.data.stac import signing
from sentinel_fusion.data.stac.catalogue import CatalogueError
from sentinel_fusion.data.stac.signing import signer

FILE = "https://store.blob.core.windows.net/s2/32/B02.tif"
TOKEN = "se=2030&sig=a%2Fb"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    with serving(tmp_path) as site:
        monkeypatch.setattr(signing, "_TOKENS", f"{site.url}/token")
        yield site


def _give(site: Site, place: str, *, minutes: float) -> None:
    file = site.folder / "token" / place
    file.parent.mkdir(parents=True, exist_ok=True)
    expiry = datetime.now(UTC) + timedelta(minutes=minutes)
    text = f"{expiry:%Y-%m-%dT%H:%M:%SZ}"
    file.write_text(json.dumps({"token": TOKEN, "msft:expiry": text}))


def test_open_files_keep_their_address() -> None:
    assert signer("none")(FILE) == FILE


def test_a_file_gets_the_token_of_its_container(site: Site) -> None:
    _give(site, "store/s2", minutes=45)
    assert signer("planetary_computer")(FILE) == f"{FILE}?{TOKEN}"


@pytest.mark.parametrize(("minutes", "asked"), [(45, 1), (10, 2)])
def test_a_token_serves_until_it_is_about_to_end(
    site: Site, minutes: float, asked: int
) -> None:
    _give(site, "store/s2", minutes=minutes)
    sign = signer("planetary_computer")
    assert sign(FILE) == sign(FILE)
    assert site.seen == ["/token/store/s2"] * asked


def test_each_container_has_a_token_of_its_own(site: Site) -> None:
    sign = signer("planetary_computer")
    for place in ("store/s2", "radar/rtc"):
        _give(site, place, minutes=45)
        account, container = place.split("/")
        sign(f"https://{account}.blob.core.windows.net/{container}/a.tif")
    assert site.seen == ["/token/store/s2", "/token/radar/rtc"]


@pytest.mark.parametrize("answer", [None, "{}", "no JSON"])
def test_a_refused_token_is_told_with_what_to_do(
    site: Site, answer: str | None
) -> None:
    if answer is not None:
        _give(site, "store/s2", minutes=45)
        (site.folder / "token/store/s2").write_text(answer)
    with pytest.raises(
        CatalogueError, match=r"token/store/s2 gives no token: .*signing to none"
    ):
        signer("planetary_computer")(FILE)


@pytest.mark.parametrize("key", ["", "abc"])
def test_a_key_is_sent_where_there_is_one(
    monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("PC_SDK_SUBSCRIPTION_KEY", key)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    told = {"token": TOKEN, "msft:expiry": "9999-01-01T00:00:00Z"}
    with FileServer({"s2": json.dumps(told).encode()}) as server:
        monkeypatch.setattr(signing, "_TOKENS", f"{server.url}token")
        signer("planetary_computer")(FILE)
        (request,) = server.seen
    assert request.headers.get("Ocp-Apim-Subscription-Key", "") == key
