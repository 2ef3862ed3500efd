from datetime import UTC, datetime
from typing import Any

import pytest
import shapely

from sentinel_fusion.bands import S2_BANDS
from sentinel_fusion.data.stac.assets import offset_tags, s1_assets, s2_assets
from sentinel_fusion.data.stac.catalogue import StacItem

NO_CIRRUS = tuple(name for name in S2_BANDS if name != "B10")


def _item(
    assets: dict[str, dict[str, Any]], properties: dict[str, Any] | None = None
) -> StacItem:
    files = {key: {"href": f"https://x/{key}", **told} for key, told in assets.items()}
    when = datetime(2021, 6, 5, tzinfo=UTC)
    return StacItem("S2A", when, shapely.box(0, 0, 1, 1), properties or {}, files)


def _files(found: dict[str, str]) -> dict[str, str]:
    return {name: address.rsplit("/", 1)[1] for name, address in found.items()}


def test_earth_search_names_files_by_colour() -> None:
    keys = ["coastal", "blue", "green", "red", "rededge1", "rededge2", "rededge3"]
    keys += ["nir", "nir08", "nir09", "swir16", "swir22", "scl", "visual", "aot"]
    found = _files(s2_assets(_item({key: {} for key in keys})))
    assert tuple(found) == NO_CIRRUS
    assert (found["B02"], found["B07"], found["B8A"]) == ("blue", "rededge3", "nir08")


PICTURES = {
    "rendered_preview": {"roles": ["overview"], "type": "image/png"},
    "tilejson": {"roles": ["tiles"], "type": "application/json"},
}


def test_planetary_computer_names_files_by_band() -> None:
    keys: dict[str, dict[str, Any]] = {
        name: {"eo:bands": [{"name": name}], "gsd": 10.0} for name in NO_CIRRUS
    }
    keys["B8A"]["eo:bands"] = [{"name": "B8A", "common_name": "rededge"}]
    keys["visual"] = {"eo:bands": [{"name": name} for name in ("B04", "B03", "B02")]}
    keys |= {"AOT": {}, "SCL": {}, "WVP": {}, "preview": {"roles": ["thumbnail"]}}
    found = _files(s2_assets(_item(keys | PICTURES)))
    assert found == {name: name for name in NO_CIRRUS}


def test_planetary_computer_names_radar_files_by_polarisation() -> None:
    found = _files(s1_assets(_item({"vh": {}, "vv": {}} | PICTURES)))
    assert found == {"VV": "vv", "VH": "vh"}


def test_copernicus_has_bands_at_several_pixel_sizes_of_which_the_finest_counts() -> (
    None
):
    assets = {f"{name}_60m": {"gsd": 60} for name in NO_CIRRUS}
    assets |= {f"{name}_20m": {"gsd": 20} for name in NO_CIRRUS[1:]}
    assets["B02_10m"] = {"gsd": 10}
    found = _files(s2_assets(_item(assets)))
    assert (found["B01"], found["B02"]) == ("B01_60m", "B02_10m")
    assert found["B8A"] == "B8A_20m"


def test_cog_goes_before_jpeg_2000() -> None:
    assets: dict[str, dict[str, Any]] = {name: {} for name in NO_CIRRUS[2:]}
    assets["coastal"] = {}
    assets |= {"a-jp2": {"type": "image/jp2", "eo:bands": [{"name": "blue"}]}}
    assets |= {"z": {"type": "image/tiff", "eo:bands": [{"common_name": "blue"}]}}
    assert _files(s2_assets(_item(assets)))["B02"] == "z"


def test_pictures_are_no_bands() -> None:
    assets: dict[str, dict[str, Any]] = {name: {} for name in NO_CIRRUS[1:]}
    assets |= {"B01": {"roles": ["thumbnail"]}}
    assets |= {"coastal": {"eo:bands": [{"name": "B01"}, {"name": "B02"}]}}
    assert "B01" not in s2_assets(_item(assets))


def test_missing_bands_are_refused_with_the_assets_there_are() -> None:
    assets: dict[str, dict[str, Any]] = {name: {} for name in NO_CIRRUS}
    del assets["B8A"], assets["B12"]
    with pytest.raises(ValueError, match=r"S2A must .* lacks B8A, B12 among .* B11"):
        s2_assets(_item(assets))


@pytest.mark.parametrize("keys", [("vv", "vh"), ("VH", "VV", "mask")])
def test_radar_files_are_found_in_either_case(keys: tuple[str, ...]) -> None:
    found = s1_assets(_item({key: {} for key in keys}))
    assert tuple(found) == ("VV", "VH")


def test_single_polarisation_is_told_as_such() -> None:
    assert tuple(s1_assets(_item({"vv": {}, "hh": {}}))) == ("VV",)


BAND_WITH_OFFSET = {"B02": {"raster:bands": [{"scale": 0.0001, "offset": -0.1}]}}
NEWER_BAND = {"B02": {"raster:scale": 0.0001, "raster:offset": -0.1}}
REMOVED = {"earthsearch:boa_offset_applied": True, "s2:processing_baseline": "05.09"}


@pytest.mark.parametrize(
    ("properties", "assets", "tags"),
    [
        (REMOVED, BAND_WITH_OFFSET, {"BOA_ADD_OFFSET": "0"}),
        (
            {"s2:processing_baseline": "03.01"},
            BAND_WITH_OFFSET,
            {"PROCESSING_BASELINE": "03.01"},
        ),
        ({"processing:version": "05.11"}, {}, {"PROCESSING_BASELINE": "05.11"}),
        ({}, BAND_WITH_OFFSET, {"BOA_ADD_OFFSET": "-1000"}),
        ({}, NEWER_BAND, {"BOA_ADD_OFFSET": "-1000"}),
        ({}, {"B02": {}}, {}),
    ],
)
def test_offset_is_told_by_the_surest_word(
    properties: dict[str, Any], assets: dict[str, Any], tags: dict[str, str]
) -> None:
    assert offset_tags(_item(assets, properties)) == tags
