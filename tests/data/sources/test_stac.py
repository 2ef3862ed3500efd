import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from tests.catalogues import (
    BOX_M,
    S1_ITEMS,
    S2_ITEMS,
    Site,
    degrees,
    s1_source,
    s2_source,
    serving,
    write_catalogue,
)

from sentinel_fusion.data.patches import Patch
from sentinel_fusion.data.rasters import read_strips
from sentinel_fusion.data.sources.stac import prepare
from sentinel_fusion.data.stac import signing
from sentinel_fusion.data.stac.catalogue import CatalogueError
from sentinel_fusion.data.tiles import TileRules, write_tiles

CLEAR, CLOUDY = S2_ITEMS


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("catalogue")
    write_catalogue(folder)
    with serving(folder) as site:
        yield site


def _prepare(
    site: Site,
    folder: Path,
    role: str = "pretrain",
    block_px: int = 0,
    **search: object,
) -> list[Patch]:
    defaults: dict[str, Any] = {
        "catalogue": f"{site.url}/catalog.json",
        "s2_collection": "sentinel-2",
        "s1_collection": "sentinel-1",
        "bbox": degrees(BOX_M),
        "dates": "2021-06-01/2021-06-30",
        "max_cloud_pct": 100.0,
        "max_days": 2.0,
        "max_scenes": 9,
        "min_box_cover": 1.0,
        "signing": "none",
    }
    return prepare(
        folder / "scenes",
        folder / "raw",
        role=role,
        seed=0,
        search=defaults | search,
        folder={
            "label_scheme": "dfc",
            "s1_scale": "auto",
            "s2_offset": "auto",
            "min_s1_cover": 1.0,
            "block_px": block_px,
        },
    )


def _pair(folder: Path, scene: str) -> str:
    facts = json.loads((folder / "scenes" / scene / "item.json").read_text())
    return str(facts["s1"])


def test_each_scene_gets_the_radar_next_in_time(site: Site, tmp_path: Path) -> None:
    patches = _prepare(site, tmp_path)
    assert [patch.patch_id for patch in patches] == [CLEAR, CLOUDY]
    assert (_pair(tmp_path, CLEAR), _pair(tmp_path, CLOUDY)) == S1_ITEMS


def test_scenes_of_one_box_are_one_place(site: Site, tmp_path: Path) -> None:
    first, second = _prepare(site, tmp_path)
    assert first.place_id == second.place_id
    assert first.place_id.startswith("box9")


def test_blocks_of_several_dates_over_the_same_ground_are_one_place(
    site: Site, tmp_path: Path
) -> None:
    patches = _prepare(site, tmp_path, block_px=16)
    assert len(patches) == 2 * 4
    corners: dict[str, set[tuple[float, float]]] = {}
    for patch in patches:
        with rasterio.open(patch.s2) as raster:
            corner = raster.transform.c, raster.transform.f
        corners.setdefault(patch.place_id, set()).add(corner)
    assert {place[-5:] for place in corners} == {"-r0c0", "-r0c1", "-r1c0", "-r1c1"}
    assert {place[:4] for place in corners} == {"box9"}
    assert [len(found) for found in corners.values()] == [1] * 4
    assert len(set.union(*corners.values())) == 4


def test_blocks_of_scenes_on_other_pixels_are_refused(
    site: Site, tmp_path: Path
) -> None:
    _prepare(site, tmp_path)
    for file in (tmp_path / "scenes" / CLOUDY).glob("*.tif"):
        with rasterio.open(file, "r+") as raster:
            raster.transform = raster.transform @ rasterio.Affine.translation(1, 0)
    with pytest.raises(
        ValueError, match=rf"block_px must be 0 here: {CLEAR} and {CLOUDY} lie on other"
    ):
        _prepare(site, tmp_path, block_px=16)
    assert len(_prepare(site, tmp_path)) == 2


def test_units_come_from_items_and_pixels(site: Site, tmp_path: Path) -> None:
    first, second = _prepare(site, tmp_path)
    assert (first.s2_offset, second.s2_offset) == (0, 1000)
    assert (first.s1_scale, first.s2_missing) == ("linear", "B10")


def test_pixels_reach_the_reader_on_the_grid_of_the_blue_band(
    site: Site, tmp_path: Path
) -> None:
    """A bilinear plane stays one: 20 m pixels rise by a half each 10 m."""
    _, patch = _prepare(site, tmp_path)
    grid, strips = read_strips(patch, size_px=32, stride_px=32)
    (strip,) = strips
    assert grid.transform[:6] == (10, 0, 500_200, 0, -10, 5_299_800)
    blue = s2_source("B02", 0)[20:52, 20:52]
    np.testing.assert_array_equal(strip.s2[..., 1], blue)
    row, col = np.ogrid[20:52, 20:52]
    red_edge = 300 + 400 + (row + col) / 2 - 0.5
    np.testing.assert_allclose(strip.s2[..., 4], red_edge, atol=0.5)
    power = s1_source("vv", 0.3)[30:62, 30:62]
    np.testing.assert_allclose(strip.s1[..., 0], 10 * np.log10(power), atol=1e-4)


def test_tiles_are_cut_from_fetched_scenes(site: Site, tmp_path: Path) -> None:
    counts = write_tiles(
        _prepare(site, tmp_path),
        tmp_path / "store",
        TileRules(16, 16, 0.0, 0.5, 0.1, 1),
        with_labels=False,
        progress=lambda: None,
    )
    assert counts["accepted"] == 2 * 4


def test_files_are_opened_by_the_tokens_of_their_container(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(site.folder) as closed:
        closed.signature = "sig=a%2Fb"
        monkeypatch.setattr(signing, "_TOKENS", f"{closed.url}/token")
        for name in ("sentinel-1", "sentinel-2"):  # the account is 127, of 127.0.0.1
            file = closed.folder / "token/127" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            told = {"token": closed.signature, "msft:expiry": "9999-01-01T00:00:00Z"}
            file.write_text(json.dumps(told))
        with pytest.raises(CatalogueError, match=r"tif cannot be read: .*\.signing"):
            _prepare(closed, tmp_path)
    with serving(site.folder) as closed:  # GDAL remembers what it was refused
        closed.signature = "sig=a%2Fb"
        monkeypatch.setattr(signing, "_TOKENS", f"{closed.url}/token")
        patches = _prepare(closed, tmp_path, signing="planetary_computer")
    assert [patch.patch_id for patch in patches] == [CLEAR, CLOUDY]


@pytest.fixture
def fresh(site: Site) -> Iterator[Site]:
    """The catalogue at an address of which GDAL remembers no block."""
    with serving(site.folder) as fresh:
        yield fresh


def test_answered_search_asks_nothing_again(fresh: Site, tmp_path: Path) -> None:
    first = _prepare(fresh, tmp_path)
    fresh.seen.clear()
    assert _prepare(fresh, tmp_path) == first
    assert fresh.seen == []


def test_other_search_fetches_only_new_scenes(fresh: Site, tmp_path: Path) -> None:
    _prepare(fresh, tmp_path, max_scenes=1)
    fresh.seen.clear()
    assert len(_prepare(fresh, tmp_path)) == 2
    rasters = {Path(path).parent.name for path in fresh.seen if path.endswith(".tif")}
    assert rasters == {CLOUDY, S1_ITEMS[1]}


def test_scenes_of_an_earlier_search_are_not_listed(site: Site, tmp_path: Path) -> None:
    _prepare(site, tmp_path)
    (patch,) = _prepare(site, tmp_path, max_cloud_pct=20.0)
    assert patch.patch_id == CLEAR


def test_broken_fetch_leaves_no_scene_and_the_next_run_ends_it(
    site: Site, fresh: Site, tmp_path: Path
) -> None:
    fresh.statuses["vh.tif"] = 404
    with pytest.raises(CatalogueError, match=r"vh\.tif cannot be read"):
        _prepare(fresh, tmp_path, max_scenes=1)
    assert not (tmp_path / "scenes" / CLEAR).exists()
    # another address, since GDAL remembers the failure
    (patch,) = _prepare(site, tmp_path, max_scenes=1)
    assert patch.patch_id == CLEAR
    left = {file.name for file in (tmp_path / "scenes").iterdir() if file.is_dir()}
    assert left == {CLEAR}


def test_scene_of_another_box_is_refused_not_replaced(
    site: Site, tmp_path: Path
) -> None:
    _prepare(site, tmp_path)
    west, south, east, north = degrees(BOX_M)
    with pytest.raises(ValueError, match=r"holds another part or pair .* remove that"):
        _prepare(site, tmp_path, bbox=(west, south, east - 0.001, north))


def test_no_clear_item_is_refused_with_the_query(site: Site, tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match=r"2 meet the box, .* cover <= 1 %; mend"):
        _prepare(site, tmp_path, max_cloud_pct=1.0)


def test_no_radar_pair_is_refused_with_the_gap(site: Site, tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match=r"max_days 0\.5 .* is 0\.7 days off"):
        _prepare(site, tmp_path, max_days=0.5)


def test_labelled_role_is_refused_with_the_way_to_labels(
    site: Site, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=r"no labels; .* source folder in sources\.la"):
        _prepare(site, tmp_path, role="labelled")
