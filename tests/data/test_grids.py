from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rasterio import Affine
from tests.builders import UTM, s2_pixels, write_raster

from sentinel_fusion.data.grids import (
    Grid,
    cover_share,
    footprint_text,
    grid_of,
    open_raster,
    same_grid,
    shrinking,
    ten_metre_grid,
)

GRID = Grid(100, 50, UTM, Affine(10, 0, 500_000, 0, -10, 5_300_000))
DEGREES = Affine(1e-4, 0, -0.78, 0, -1e-4, 38.13)


def test_raster_without_georeference_opens_without_a_warning(tmp_path: Path) -> None:
    with open_raster(write_raster(tmp_path / "a.tif", s2_pixels(8), crs=None)) as bare:
        assert grid_of(bare).crs is None


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (replace(GRID), True),
        (replace(GRID, transform=Affine(10, 0, 500_000.000001, 0, -10, 5.3e6)), True),
        (replace(GRID, transform=Affine(10, 0, 500_001, 0, -10, 5.3e6)), False),
        (replace(GRID, width_px=51), False),
        (replace(GRID, crs="EPSG:32633"), False),
        (replace(GRID, crs=None), False),
    ],
)
def test_grids_are_one_if_size_crs_and_place_agree(other: Grid, expected: bool) -> None:
    assert same_grid(GRID, other) is expected


def test_grid_of_ten_metres_stays() -> None:
    assert ten_metre_grid(GRID) == GRID


def test_grid_of_twenty_metres_is_halved_at_its_corner() -> None:
    coarse = Grid(50, 25, UTM, Affine(20, 0, 500_000, 0, -20, 5_300_000))
    assert ten_metre_grid(coarse) == GRID


def test_shifted_coarse_grid_grows_to_whole_pixels() -> None:
    coarse = Grid(1, 1, UTM, Affine(20, 0, 500_004, 0, -20, 5_299_996))
    fine = ten_metre_grid(coarse)
    assert (fine.height_px, fine.width_px) == (3, 3)
    assert (fine.transform.c, fine.transform.f) == (500_000, 5_300_000)


@pytest.mark.parametrize(
    ("transform", "crs", "zone"),
    [
        (DEGREES, "EPSG:4326", "EPSG:32630"),
        (Affine(1e-4, 0, 18.4, 0, -1e-4, -33.9), "EPSG:4326", "EPSG:32734"),
        (Affine(10, 0, 1_000_000, 0, -10, 6_000_000), "EPSG:3857", "EPSG:32632"),
        (Affine(33, 0, 985e3, 0, -33, 2e5), "EPSG:2263", "EPSG:32618"),
    ],
    ids=["degrees north", "degrees south", "web mercator", "feet"],
)
def test_grid_without_metres_becomes_its_utm_zone(
    transform: Affine, crs: str, zone: str
) -> None:
    fine = ten_metre_grid(Grid(100, 100, crs, transform))
    assert fine.crs == zone
    assert fine.transform[:5] == (10, 0, fine.transform.c, 0, -10)
    assert fine.transform.c % 10 == fine.transform.f % 10 == 0


def test_utm_grid_holds_the_ground_of_the_old_one() -> None:
    old = Grid(100, 100, "EPSG:4326", DEGREES)
    fine = ten_metre_grid(old)
    assert cover_share(fine, old) == pytest.approx(1)
    # 0.01 degree is 1,111 m north and cos(38.1 degrees) of it east
    assert fine.height_px == pytest.approx(111, abs=5)
    assert fine.width_px == pytest.approx(88, abs=5)


def test_cover_is_the_share_of_the_reference_that_lies_inside() -> None:
    half = replace(GRID, transform=Affine(10, 0, 500_250, 0, -10, 5_300_000))
    assert cover_share(half, GRID) == pytest.approx(0.5)


def test_cover_of_another_place_is_none() -> None:
    far = replace(GRID, transform=Affine(10, 0, 700_000, 0, -10, 5_300_000))
    assert cover_share(far, GRID) == 0


def test_cover_is_measured_across_zones() -> None:
    """In zone 33 the corner lies at easting 51,242 and northing 5,317,452."""
    wide = Grid(1000, 1000, "EPSG:32633", Affine(10, 0, 5e4, 0, -10, 5.32e6))
    assert cover_share(wide, GRID) == pytest.approx(1)


def test_map_of_the_world_covers_every_place() -> None:
    world = Grid(180, 360, "EPSG:4326", Affine(1, 0, -180, 0, -1, 90))
    assert cover_share(world, GRID) == pytest.approx(1)


def test_place_outside_of_a_projection_is_not_covered() -> None:
    polar = Grid(10, 10, "EPSG:3995", Affine(1000, 0, 0, 0, -1000, 0))
    assert cover_share(polar, GRID) == 0


def test_footprint_names_degrees() -> None:
    """Zone 32 has its central meridian, 9 degrees east, at easting 500,000."""
    assert footprint_text(GRID).startswith("9.0000..9.0067 E, 47.8")
    assert np.all([word in footprint_text(GRID) for word in (" E, ", " N")])


@pytest.mark.parametrize(
    ("transform", "expected"),
    [
        (Affine(10, 0, 5e5, 0, -10, 5.3e6), (1, 1)),
        (Affine(20, 0, 5e5, 0, -20, 5.3e6), (1, 1)),
        (Affine(5, 0, 5e5, 0, -2.5, 5.3e6), (0.5, 0.25)),
        (Affine(9.7, 0, 5e5, 0, -9.7, 5.3e6), (1, 1)),
        (Affine(0, 4, 5e5, -5, 0, 5.3e6), (0.4, 0.5)),
    ],
    ids=["same", "coarser", "finer", "hardly finer", "turned by 90 degrees"],
)
def test_only_finer_rasters_shrink(
    transform: Affine, expected: tuple[float, float]
) -> None:
    source = replace(GRID, transform=transform)
    assert shrinking(source, GRID) == pytest.approx(expected)


def test_shrinking_of_degrees_by_hand() -> None:
    """1e-4 degrees are 11.1 m north and 7.46 m east at 47.85 degrees north."""
    source = Grid(100, 100, "EPSG:4326", Affine(1e-4, 0, 9, 0, -1e-4, 47.9))
    assert shrinking(source, GRID) == pytest.approx((0.748, 1), abs=5e-3)
