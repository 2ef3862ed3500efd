import importlib
import sys
from collections.abc import Iterator
from datetime import date

import pytest
from tests.catalogues import (
    BOX_M,
    S1_ITEMS,
    S2_ITEMS,
    Site,
    degrees,
    serving,
    write_catalogue,
    write_landing_page,
)

from sentinel_fusion.data.stac.catalogue import CatalogueError, read_items

FIRST, LAST = date(2021, 6, 1), date(2021, 6, 30)
BOX = degrees(BOX_M)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("catalogue")
    write_catalogue(folder)
    with serving(folder) as site:
        write_landing_page(folder, site.url)
        yield site


def _ids(
    url: str,
    collection: str = "sentinel-2",
    *,
    first: date = FIRST,
    last: date = LAST,
    bbox: tuple[float, float, float, float] = BOX,
) -> list[str]:
    items = read_items(url, collection, bbox=bbox, first=first, last=last)
    return [item.item_id for item in items]


@pytest.mark.parametrize("entry", ["catalog.json", "api.json"])
def test_items_of_a_collection_come_in_order_of_time(site: Site, entry: str) -> None:
    assert _ids(f"{site.url}/{entry}") == list(S2_ITEMS)
    assert _ids(f"{site.url}/{entry}", "sentinel-1") == list(S1_ITEMS)


@pytest.mark.parametrize("entry", ["catalog.json", "api.json"])
def test_items_of_other_days_are_left_out(site: Site, entry: str) -> None:
    day = date(2021, 6, 10)
    found = _ids(f"{site.url}/{entry}", first=day, last=day)
    assert found == ["S2B_32TNT_20210610_0_L2A"]


@pytest.mark.parametrize("entry", ["catalog.json", "api.json"])
def test_items_elsewhere_are_left_out(site: Site, entry: str) -> None:
    assert _ids(f"{site.url}/{entry}", bbox=(11.0, 47.0, 11.1, 47.1)) == []


def test_addresses_are_absolute(site: Site) -> None:
    (item, _) = read_items(
        f"{site.url}/catalog.json", "sentinel-2", bbox=BOX, first=FIRST, last=LAST
    )
    assert item.assets["blue"]["href"] == (
        f"{site.url}/sentinel-2/S2A_32TNT_20210605_0_L2A/B02.tif"
    )


def test_search_is_asked_for_collection_box_and_days(site: Site) -> None:
    site.searches.clear()
    _ids(f"{site.url}/api.json")
    (asked,) = site.searches
    assert asked["collections"] == ["sentinel-2"]
    assert asked["bbox"] == pytest.approx(BOX)
    assert asked["datetime"] == "2021-06-01T00:00:00Z/2021-06-30T23:59:59Z"


def test_catalogue_that_is_not_there_is_refused_with_its_address(site: Site) -> None:
    with pytest.raises(CatalogueError, match=r"none\.json cannot be read .* check"):
        _ids(f"{site.url}/none.json")


def test_page_that_is_no_catalogue_is_refused(site: Site) -> None:
    (site.folder / "page.json").write_text("<html>")
    with pytest.raises(CatalogueError, match=r"page\.json cannot be read as a STAC"):
        _ids(f"{site.url}/page.json")


def test_collection_instead_of_a_catalogue_is_refused(site: Site) -> None:
    (file,) = site.folder.rglob("sentinel-2/collection.json")
    with pytest.raises(CatalogueError, match="expected type=Catalog"):
        _ids(f"{site.url}/{file.relative_to(site.folder)}")


def test_missing_package_is_told_with_the_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name = "sentinel_fusion.data.stac.catalogue"
    monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pystac_client", None)
    with pytest.raises(ImportError, match=r"pip install 'sentinel-fusion\[stac\]'"):
        importlib.import_module(name)
