"""Items of a STAC catalogue: by its search where it has one, else by a walk through it.

Nothing else knows pystac, which comes with the extra ``stac``.

Source: STAC API 1.0.0, Item Search; STAC 1.1.0, Catalog and Item specifications.
"""

import json
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import shapely
import shapely.geometry
from shapely.geometry.base import BaseGeometry

from sentinel_fusion.data.patches import MissingRastersError

try:
    import pystac
    from pystac_client import Client
    from pystac_client.errors import ClientTypeError
    from pystac_client.exceptions import APIError
    from pystac_client.stac_api_io import StacApiIO
    from pystac_client.warnings import NoConformsTo
    from urllib3 import Retry
except ImportError as error:
    raise ImportError(
        f"source stac needs pystac-client ({error}); "
        "pip install 'sentinel-fusion[stac]'"
    ) from error

BBox = tuple[float, float, float, float]
"""West, south, east, north in degrees."""

TIMEOUT_S = 60.0
TRIES = 3
_PAGE_ITEMS = 100
BUSY = (429, 502, 503, 504)


class CatalogueError(MissingRastersError):
    """A catalogue or its rasters cannot be read; the message says what to do."""


@dataclass(frozen=True)
class StacItem:
    """A product of a catalogue.

    Args:
        item_id: Its name, unique within the collection.
        taken: When it was acquired.
        footprint: Its outline in degrees.
        properties: What the catalogue says of it.
        assets: Its files; their "href" is absolute.
    """

    item_id: str
    taken: datetime
    footprint: BaseGeometry
    properties: dict[str, Any]
    assets: dict[str, dict[str, Any]]


def read_items(
    url: str, collection: str, *, bbox: BBox, first: date, last: date
) -> list[StacItem]:
    """The items of a collection that meet a box, acquired on some days.

    A search is asked for them; its answer is filtered again, since not every server
    keeps to the request. A static catalogue is walked, one request an item.

    Args:
        url: Landing page of a STAC API, or the root of a static catalogue.
        collection: Id of the collection.
        bbox: The box.
        first: First day, UTC.
        last: Last day, UTC.

    Returns:
        The items in order of time and id; none if there is none.

    Raises:
        CatalogueError: If the catalogue does not answer or is none.
    """
    box = shapely.box(*bbox)
    try:
        found = [_record(item) for item in _items(url, collection, bbox, first, last)]
    except (
        APIError,
        ClientTypeError,
        pystac.STACError,
        OSError,
        json.JSONDecodeError,
    ) as error:
        raise CatalogueError(
            f"{url} cannot be read as a STAC catalogue: {str(error)[:300]}; check "
            "download.stac.catalogue and the network, then run again"
        ) from error
    return sorted(
        (
            item
            for item in found
            if first <= item.taken.date() <= last and item.footprint.intersects(box)
        ),
        key=lambda item: (item.taken, item.item_id),
    )


def _items(
    url: str, collection: str, bbox: BBox, first: date, last: date
) -> Iterator[pystac.Item]:
    retry = Retry(
        total=TRIES, backoff_factor=1, status_forcelist=BUSY, allowed_methods=None
    )
    with warnings.catch_warnings():
        # so says every static catalogue
        warnings.simplefilter("ignore", NoConformsTo)
        io = StacApiIO(timeout=TIMEOUT_S, max_retries=retry)
        client = Client.open(url, stac_io=io)
    links = client.get_links("search")
    if not links:
        yield from _walk(client, collection, within=client.id == collection)
        return
    # older servers have a search but do not list it among what they conform to
    client.add_conforms_to("ITEM_SEARCH")
    methods = {link.extra_fields.get("method", "GET") for link in links}
    yield from client.search(
        method="POST" if "POST" in methods else "GET",
        collections=[collection],
        bbox=list(bbox),
        datetime=f"{first}/{last}",
        limit=_PAGE_ITEMS,
    ).items()


def _walk(
    node: pystac.Catalog, collection: str, *, within: bool
) -> Iterator[pystac.Item]:
    """Items below a collection, wherever in the tree that lies."""
    if within:
        for item in node.get_stac_objects(pystac.RelType.ITEM):
            if isinstance(item, pystac.Item):
                yield item
    for child in node.get_stac_objects(pystac.RelType.CHILD):
        if isinstance(child, pystac.Catalog):
            inside = within or child.id == collection
            yield from _walk(child, collection, within=inside)


def _record(item: pystac.Item) -> StacItem:
    if item.get_self_href():
        item.make_asset_hrefs_absolute()
    taken = item.datetime or item.common_metadata.start_datetime
    if taken is None or not (item.geometry or item.bbox):
        raise CatalogueError(
            f"item {item.id} must have a time and a place; report it to the catalogue"
        )
    outline = (
        shapely.geometry.shape(item.geometry)
        if item.geometry
        else _box(item.bbox or [])
    )
    return StacItem(
        item_id=item.id,
        taken=taken.astimezone(UTC) if taken.tzinfo else taken.replace(tzinfo=UTC),
        # outlines across a swath's edge or the date line can cross themselves
        footprint=shapely.make_valid(outline),
        properties=item.properties,
        assets={key: asset.to_dict() for key, asset in item.assets.items()},
    )


def _box(bounds: list[float]) -> BaseGeometry:
    """The outline of bounds that may have heights."""
    half = len(bounds) // 2
    return shapely.box(bounds[0], bounds[1], bounds[half], bounds[half + 1])
