"""Pairs of an optical and a radar item of one place, close in time."""

import logging
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

import shapely

from sentinel_fusion.bands import S1_BANDS
from sentinel_fusion.data.stac.assets import s1_assets
from sentinel_fusion.data.stac.catalogue import (
    BBox,
    CatalogueError,
    StacItem,
    read_items,
)
from sentinel_fusion.data.stac.signing import Signing

_LOG = logging.getLogger(__name__)
_TILE = re.compile(r"\d{1,2}[C-X][A-Z]{2}")
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Query:
    """What to look for; fields as section ``download.stac``.

    Args:
        catalogue: Address of a STAC API or of a static catalogue.
        s2_collection: Id of the optical collection.
        s1_collection: Id of the radar collection, terrain-corrected.
        bbox: West, south, east, north in degrees.
        dates: First and last day of the optical items, "2021-06-01/2021-06-30", UTC.
        max_cloud_pct: Largest cloud cover of an optical item, 0..100.
        max_days: Longest time between optical and radar item.
        max_scenes: Most pairs to take; the clearest are.
        min_box_cover: Share of the box that an item's outline must cover, 0..1.
        signing: Whose tokens open the files, "none" where they are open.
    """

    catalogue: str
    s2_collection: str
    s1_collection: str
    bbox: BBox
    dates: str
    max_cloud_pct: float
    max_days: float
    max_scenes: int
    min_box_cover: float
    signing: Signing

    def days(self) -> tuple[date, date]:
        """First and last day.

        Returns:
            The days that ``dates`` names.

        Raises:
            ValueError: If it does not name two days in order.
        """
        parts = self.dates.split("/")
        try:
            first, last = map(date.fromisoformat, parts)
        except ValueError as error:
            raise ValueError(
                "download.stac.dates must be two days such as 2021-06-01/2021-06-30, "
                f"got {self.dates}"
            ) from error
        if first > last:
            raise ValueError(
                f"download.stac.dates must be in order of time, got {self.dates}"
            )
        return first, last


@dataclass(frozen=True)
class Pair:
    """Two items over the same ground.

    Args:
        s2: Optical item.
        s1: Radar item.
    """

    s2: StacItem
    s1: StacItem


def find_pairs(query: Query) -> list[Pair]:
    """Optical items, each with the radar item next in time.

    Of a tile that was processed more than once only the newest version counts.

    Args:
        query: What to look for.

    Returns:
        At most ``max_scenes`` pairs in order of time and id; those with least cloud.

    Raises:
        CatalogueError: If there is no pair; the message says at which step.
    """
    optical, radar = _optical(query), _radar(query)
    nearest = {item.item_id: _nearest(item, radar) for item in optical}
    pairs = [
        Pair(item, nearest[item.item_id])
        for item in optical
        if _apart_days(item, nearest[item.item_id]) <= query.max_days
    ]
    if not pairs:
        least = min(_apart_days(item, nearest[item.item_id]) for item in optical)
        raise CatalogueError(
            f"no radar item lies within download.stac.max_days {query.max_days:g} of "
            f"the {len(optical)} optical items of {query.bbox} in {query.dates}; the "
            f"nearest is {least:.1f} days off; allow more days or other dates"
        )
    if len(pairs) < len(optical):
        _LOG.info("%d items have no radar pair", len(optical) - len(pairs))
    clearest = sorted(pairs, key=lambda pair: (_cloud_pct(pair.s2), _order(pair)))
    return sorted(clearest[: query.max_scenes], key=_order)


def _order(pair: Pair) -> tuple[str, str]:
    return pair.s2.taken.isoformat(), pair.s2.item_id


def _optical(query: Query) -> list[StacItem]:
    first, last = query.days()
    items = read_items(
        query.catalogue,
        query.s2_collection,
        bbox=query.bbox,
        first=first,
        last=last,
    )
    covering = _covering(items, query)
    clear = [i for i in covering if _cloud_pct(i) <= query.max_cloud_pct]
    if not clear:
        raise CatalogueError(
            f"{query.catalogue}: {query.s2_collection} has no fit item for box "
            f"{query.bbox} in {query.dates}: {len(items)} meet the box, "
            f"{len(covering)} cover {query.min_box_cover:.0%} of it, 0 of these have "
            f"cloud cover <= {query.max_cloud_pct:g} %; mend bbox, dates, "
            "max_cloud_pct, min_box_cover or s2_collection of download.stac"
        )
    return _newest(clear)


def _radar(query: Query) -> list[StacItem]:
    first, last = query.days()
    around = math.ceil(query.max_days) * _DAY
    items = read_items(
        query.catalogue,
        query.s1_collection,
        bbox=query.bbox,
        first=first - around,
        last=last + around,
    )
    covering = _covering(items, query)
    found = [i for i in covering if len(s1_assets(i)) == len(S1_BANDS)]
    if not found:
        raise CatalogueError(
            f"{query.catalogue}: {query.s1_collection} has no fit item for box "
            f"{query.bbox} within {query.max_days:g} days of {query.dates}: "
            f"{len(items)} meet the box, {len(covering)} cover "
            f"{query.min_box_cover:.0%} of it, 0 of these have assets "
            f"{' and '.join(S1_BANDS)}; mend bbox, dates, max_days, min_box_cover or "
            "s1_collection of download.stac"
        )
    return found


def _covering(items: Iterable[StacItem], query: Query) -> list[StacItem]:
    box = shapely.box(*query.bbox)

    def share(item: StacItem) -> float:
        return float(item.footprint.intersection(box).area / box.area)

    # 1 of an outline that touches the box can come out a hair less
    return [item for item in items if share(item) >= query.min_box_cover - 1e-9]


def _cloud_pct(item: StacItem) -> float:
    """Cloud cover; all of it where the catalogue does not tell."""
    told = item.properties.get("eo:cloud_cover")
    return 100.0 if told is None else float(told)


def _newest(items: Iterable[StacItem]) -> list[StacItem]:
    """One version of each tile and pass; they differ by baseline and by id."""
    versions: dict[tuple[str, str, str], StacItem] = {}
    for item in sorted(items, key=_version):
        platform = str(item.properties.get("platform", "")).lower()
        versions[item.taken.date().isoformat(), platform, _tile(item)] = item
    return sorted(versions.values(), key=lambda item: (item.taken, item.item_id))


def _version(item: StacItem) -> tuple[str, str]:
    return str(item.properties.get("s2:processing_baseline", "")), item.item_id


def _tile(item: StacItem) -> str:
    """Name of the MGRS tile; the item's own where none is told."""
    told = item.properties
    text = str(told.get("grid:code") or told.get("s2:mgrs_tile") or item.item_id)
    found = _TILE.search(text)
    return found[0] if found else item.item_id


def _apart_days(first: StacItem, second: StacItem) -> float:
    return abs(first.taken - second.taken) / _DAY


def _nearest(item: StacItem, others: Iterable[StacItem]) -> StacItem:
    return min(others, key=lambda other: (_apart_days(item, other), other.item_id))
