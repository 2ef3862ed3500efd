from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import shapely

from sentinel_fusion.data.stac import pairs
from sentinel_fusion.data.stac.catalogue import BBox, CatalogueError, StacItem
from sentinel_fusion.data.stac.pairs import Query, find_pairs
from sentinel_fusion.params import load_params

QUERY = Query(
    catalogue="https://x",
    s2_collection="s2",
    s1_collection="s1",
    bbox=(11.0, 47.0, 12.0, 48.0),
    dates="2021-06-01/2021-06-30",
    max_cloud_pct=20.0,
    max_days=3.0,
    max_scenes=5,
    min_box_cover=0.99,
    signing="none",
)
LIVE = Path(__file__).parents[3] / "params.yaml"
RADAR = {"vv": {"href": "a"}, "vh": {"href": "b"}}


def _item(
    name: str,
    day: int,
    *,
    east: float = 12.0,
    assets: dict[str, Any] | None = None,
) -> StacItem:
    taken = datetime(2021, 6, day, 10, tzinfo=UTC)
    cover = shapely.box(11, 47, east, 48)
    return StacItem(name, taken, cover, {}, assets or {})


def _clear(
    name: str, day: int, cloud: float = 0.0, *, baseline: str = "05.00"
) -> StacItem:
    told = {"eo:cloud_cover": cloud, "s2:processing_baseline": baseline}
    return replace(_item(name, day), properties=told)


def _radar(name: str, day: int) -> StacItem:
    return _item(name, day, assets=RADAR)


def _find(
    monkeypatch: pytest.MonkeyPatch,
    s2: list[StacItem],
    s1: list[StacItem],
    query: Query = QUERY,
) -> list[tuple[str, str]]:
    monkeypatch.setattr(
        pairs, "read_items", lambda url, name, **_: {"s2": s2, "s1": s1}[name]
    )
    return [(pair.s2.item_id, pair.s1.item_id) for pair in find_pairs(query)]


def test_radar_item_next_in_time_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    radar = [_radar("before", 2), _radar("next", 6), _radar("after", 8)]
    assert _find(monkeypatch, [_clear("a", 5)], radar) == [("a", "next")]


def test_of_two_equally_near_the_first_name_is_chosen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    radar = [_radar("z", 4), _radar("y", 6)]
    assert _find(monkeypatch, [_clear("a", 5)], radar) == [("a", "y")]


def test_clearest_are_taken_and_put_in_order_of_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    optical = [_clear("a", 5, 9), _clear("b", 6, 1), _clear("c", 4, 2)]
    found = _find(monkeypatch, optical, [_radar("r", 5)], replace(QUERY, max_scenes=2))
    assert [s2 for s2, _ in found] == ["c", "b"]


def test_optical_item_without_radar_pair_is_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    optical = [_clear("a", 5), _clear("late", 20)]
    assert _find(monkeypatch, optical, [_radar("r", 5)]) == [("a", "r")]


def test_newest_version_of_a_product_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    optical = [
        _clear("S2A_32TNT_1", 5, baseline="05.00"),
        _clear("S2A_32TNT_0", 5, baseline="02.14"),
        _clear("S2A_32TPT_0", 5, baseline="02.14"),
    ]
    found = _find(monkeypatch, optical, [_radar("r", 5)])
    assert [s2 for s2, _ in found] == ["S2A_32TNT_1", "S2A_32TPT_0"]


def test_radar_is_asked_for_around_the_optical_days(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = {}

    def read(
        url: str, name: str, *, bbox: BBox, first: date, last: date
    ) -> list[StacItem]:
        asked[name] = (first, last)
        return [_clear("a", 5)] if name == "s2" else [_radar("r", 5)]

    monkeypatch.setattr(pairs, "read_items", read)
    find_pairs(replace(QUERY, max_days=1.5))
    assert asked["s2"] == (date(2021, 6, 1), date(2021, 6, 30))
    assert asked["s1"] == (date(2021, 5, 30), date(2021, 7, 2))


def test_too_many_clouds_are_refused_with_the_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    optical = [_clear("a", 5, 21), _item("untold", 6), _item("half", 7, east=11.5)]
    with pytest.raises(
        CatalogueError, match=r"3 meet the box, 2 cover 99% of it, 0 .* <= 20 %"
    ):
        _find(monkeypatch, optical, [])


def test_no_items_are_refused_with_the_query(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        CatalogueError, match=r"x: s2 has no fit item .* \(11.0, .* 2021-06-01/.* mend"
    ):
        _find(monkeypatch, [], [])


def test_radar_of_one_polarisation_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    radar = [_item("r", 5, assets={"vv": {"href": "a"}})]
    with pytest.raises(CatalogueError, match=r"1 cover .*, 0 of these have assets VV"):
        _find(monkeypatch, [_clear("a", 5)], radar)


def test_radar_too_long_ago_is_refused_with_the_gap(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(CatalogueError, match=r"max_days 3 of the 1 .* is 10\.0 days"):
        _find(monkeypatch, [_clear("a", 15)], [_radar("r", 5)])


@pytest.mark.parametrize(
    ("dates", "fault"),
    [
        ("2021-06-01", "must be two days"),
        ("2021-06-31/2021-07-01", "must be two days"),
        ("2021-06-02/2021-06-01", "must be in order"),
    ],
)
def test_wrong_dates_are_refused(dates: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        replace(QUERY, dates=dates).days()


def test_the_search_in_params_asks_for_corrected_radar_and_signed_files() -> None:
    section = load_params(LIVE).download.stac
    query = Query(**section.model_dump())
    assert (query.s1_collection, query.signing) == (
        "sentinel-1-rtc",
        "planetary_computer",
    )
