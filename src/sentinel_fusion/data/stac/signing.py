"""Sign addresses of files that a server gives to holders of a token only.

Planetary Computer hands a token to anyone, one a container of its store; a key is sent
along where there is one, which ``sentinel-1-rtc`` needed until 2024. The library
``planetary-computer`` does the same, but signs when a search is answered, so that
tokens can end before the last scene is fetched, and brings packages for one request.

Source: Planetary Computer, "Using tokens for data access" (SAS API v1).
"""

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Literal
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import Retry

from sentinel_fusion.data.stac.catalogue import BUSY, TIMEOUT_S, TRIES, CatalogueError

Signing = Literal["none", "planetary_computer"]
Sign = Callable[[str], str]
"""Address of a file -> address that opens it."""

_TOKENS = "https://planetarycomputer.microsoft.com/api/sas/v1/token"
_KEY = "PC_SDK_SUBSCRIPTION_KEY"
"""Environment variable of the key, as the library names it."""
_LEAST_LEFT = timedelta(minutes=20)
"""Long enough to fetch a scene by a token; they are valid for about an hour."""


def signer(signing: Signing) -> Sign:
    """What signs the files of a catalogue.

    Args:
        signing: "none" for open files, or whose tokens to ask for.

    Returns:
        A function that signs one address; it raises ``CatalogueError`` if no token is
        given.
    """
    return _PlanetaryComputer() if signing == "planetary_computer" else str


class _PlanetaryComputer:
    def __init__(self) -> None:
        self._tokens: dict[str, tuple[str, datetime]] = {}

    def __call__(self, address: str) -> str:
        url = urlsplit(address)
        account, container = url.netloc.split(".")[0], url.path.split("/")[1]
        place = f"{account}/{container}"
        token, expires = self._tokens.get(place, ("", datetime.min.replace(tzinfo=UTC)))
        if expires - datetime.now(UTC) < _LEAST_LEFT:
            token, expires = self._tokens[place] = _ask(place)
        return f"{address}?{token}"


def _ask(place: str) -> tuple[str, datetime]:
    """A token for an account's container, and when it ends."""
    key = os.environ.get(_KEY)
    headers = {"Ocp-Apim-Subscription-Key": key} if key else {}
    retry = Retry(total=TRIES, backoff_factor=1, status_forcelist=BUSY)
    try:
        with requests.Session() as session:
            session.mount(_TOKENS, HTTPAdapter(max_retries=retry))
            answer = session.get(
                f"{_TOKENS}/{place}", timeout=TIMEOUT_S, headers=headers
            )
        answer.raise_for_status()
        told = answer.json()
        return str(told["token"]), datetime.fromisoformat(told["msft:expiry"])
    except (requests.RequestException, KeyError, ValueError) as error:
        raise CatalogueError(
            f"{_TOKENS}/{place} gives no token: {str(error)[:300]}; check the network "
            f"and run again; where it asks for a key, give one in {_KEY}; where the "
            "catalogue is not Planetary Computer's set download.stac.signing to none"
        ) from error
