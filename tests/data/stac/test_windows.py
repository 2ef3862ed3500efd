from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import rasterio
import shapely
from tests.builders import DEFAULT_ORIGIN, UTM, write_scene_raster
from tests.catalogues import (
    BOX_M,
    COLOURS,
    RADAR_ORIGIN,
    Site,
    degrees,
    s1_source,
    s2_source,
    serving,
    write_cog,
)

from sentinel_fusion.bands import S2_SPECTRUM
from sentinel_fusion.data.stac.catalogue import CatalogueError, StacItem
from sentinel_fusion.data.stac.pairs import Pair
from sentinel_fusion.data.stac.windows import fetch_scene

BOX = degrees(BOX_M)
WHEN = datetime(2021, 6, 5, tzinfo=UTC)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("rasters")
    for band in S2_SPECTRUM:
        if band.name in COLOURS:
            pixels = s2_source(band.name, 0)
            write_cog(folder / f"{band.name}.tif", pixels, band.pixel_m, DEFAULT_ORIGIN)
    for key in ("vv", "vh"):
        write_cog(folder / f"{key}.tif", s1_source(key, 0.1), 10, RADAR_ORIGIN)
    with serving(folder) as site:
        yield site


def _pair(site: Site, **others: str) -> Pair:
    files = {key: f"{site.url}/{key}.tif" for key in (*COLOURS, "vv", "vh")}
    assets = {key: {"href": href} for key, href in (files | others).items()}
    told = {"s2:processing_baseline": "03.01"}
    item = StacItem("a", WHEN, shapely.box(*BOX), told, assets)
    return Pair(item, item)


def _fetch(site: Site, folder: Path, **others: str) -> None:
    folder.mkdir(exist_ok=True)
    fetch_scene(_pair(site, **others), BOX, folder, str)


@pytest.mark.parametrize(
    ("band", "first", "last"), [("B02", 20, 52), ("B05", 8, 28), ("B01", 1, 11)]
)
def test_pixels_are_those_of_the_sources_window(
    site: Site, tmp_path: Path, band: str, first: int, last: int
) -> None:
    """Coarse bands reach 2 of their pixels beyond the ground of the blue band."""
    _fetch(site, tmp_path)
    with rasterio.open(tmp_path / f"{band}.tif") as raster:
        pixels, corner = raster.read(1), raster.transform.c
    expected = s2_source(band, 0)[first:last, first:last]
    np.testing.assert_array_equal(pixels, expected)
    pixel_m = next(b.pixel_m for b in S2_SPECTRUM if b.name == band)
    assert corner == DEFAULT_ORIGIN[0] + first * pixel_m


def test_radar_on_the_same_pixels_is_cut_to_the_same_grid(
    site: Site, tmp_path: Path
) -> None:
    _fetch(site, tmp_path)
    with (
        rasterio.open(tmp_path / "s1.tif") as s1,
        rasterio.open(tmp_path / "B02.tif") as s2,
    ):
        assert (s1.transform, s1.shape) == (s2.transform, s2.shape)
        assert s1.descriptions == ("VV", "VH")
        np.testing.assert_array_equal(s1.read(1), s1_source("vv", 0.1)[30:62, 30:62])
        np.testing.assert_array_equal(s1.read(2), s1_source("vh", 0.1)[30:62, 30:62])


def test_bands_are_tagged_with_what_the_item_tells(site: Site, tmp_path: Path) -> None:
    _fetch(site, tmp_path)
    with rasterio.open(tmp_path / "B8A.tif") as raster:
        assert raster.tags()["PROCESSING_BASELINE"] == "03.01"
        assert raster.nodata == 0


def test_box_beyond_the_raster_is_cut_at_its_edge(site: Site, tmp_path: Path) -> None:
    beyond = degrees((499_803.0, 5_299_483.0, 500_047.0, 5_300_500.0))
    fetch_scene(_pair(site), beyond, tmp_path, str)
    with rasterio.open(tmp_path / "B02.tif") as raster:
        assert (raster.height, raster.width) == (52, 5)


def test_box_off_the_raster_is_refused(site: Site, tmp_path: Path) -> None:
    off = degrees((510_000.0, 5_299_483.0, 510_100.0, 5_299_800.0))
    with pytest.raises(ValueError, match=r"B02\.tif must meet the box"):
        fetch_scene(_pair(site), off, tmp_path, str)


def test_radar_bands_on_two_grids_are_refused(site: Site, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"B03\.tif must lie on the grid of .*vv\.tif"):
        _fetch(site, tmp_path, vh=f"{site.url}/B03.tif")


def test_radar_without_crs_is_refused(site: Site, tmp_path: Path) -> None:
    raw = tmp_path / "grd.tif"
    with pytest.warns(rasterio.errors.NotGeoreferencedWarning):
        write_scene_raster(
            raw,
            np.zeros((1, 8, 8), np.float32),
            rasterio.Affine.identity(),
            crs=None,
        )
    with pytest.raises(ValueError, match=r"grd\.tif must have a CRS, .* sentinel-1-rt"):
        _fetch(site, tmp_path / "scene", vv=str(raw))


def test_refused_file_is_named_without_its_signature(
    site: Site, tmp_path: Path
) -> None:
    site.statuses["closed.tif?sig=SECRET"] = 403
    with pytest.raises(
        CatalogueError, match=r"closed\.tif cannot be read: .*signed"
    ) as (caught):
        _fetch(site, tmp_path, B11=f"{site.url}/closed.tif?sig=SECRET")
    assert "SECRET" not in str(caught.value)


def test_grid_is_that_of_the_blue_band(site: Site, tmp_path: Path) -> None:
    _fetch(site, tmp_path)
    with rasterio.open(tmp_path / "B02.tif") as raster:
        assert raster.crs.to_string() == UTM
        assert (raster.transform.c, raster.transform.f) == (500_200, 5_299_800)
