from collections.abc import Sequence

import numpy as np
import pytest
import rasterio.warp
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from sentinel_fusion.data.footprints import overlapping

SIZE_PX = 32
PX_M = 10.0


def _tile(
    col_px: float,
    row_px: float,
    *,
    origin: tuple[float, float] = (500_000.0, 5_300_000.0),
    epsg: int = 32632,
    size_px: int = SIZE_PX,
) -> shapely.Polygon:
    """Footprint of a tile whose upper left corner is that many pixels from a point."""
    west, north = origin[0] + PX_M * col_px, origin[1] - PX_M * row_px
    east, south = west + PX_M * size_px, north - PX_M * size_px
    x, y = rasterio.warp.transform(
        f"EPSG:{epsg}",
        "EPSG:4326",
        [west, east, east, west],
        [north, north, south, south],
    )
    return shapely.Polygon(np.stack([x, y], axis=1))


def _pairs(
    first: Sequence[shapely.Polygon | None], second: Sequence[shapely.Polygon | None]
) -> list[tuple[int, ...]]:
    found = overlapping(np.array(first, object), np.array(second, object))
    return [tuple(pair) for pair in found.T.tolist()]


@pytest.mark.parametrize(
    ("col_px", "row_px", "is_shared"),
    [
        (16, 0, True),
        (31, 0, True),
        (31, 31, True),
        (32, 0, False),
        (0, 32, False),
        (32, 32, False),
        (32, 16, False),
        (100, 0, False),
    ],
)
def test_a_common_pixel_counts_and_a_common_edge_does_not(
    col_px: int, row_px: int, is_shared: bool
) -> None:
    found = _pairs([_tile(0, 0)], [_tile(col_px, row_px)])
    assert found == ([(0, 0)] if is_shared else [])


@pytest.mark.parametrize("size_px", [32, 256])
@pytest.mark.parametrize("north_m", [0.0, 4_000_000.0, 7_000_000.0, 9_000_000.0])
def test_neighbours_by_half_a_tile_do_not_share_ground_at_any_latitude(
    size_px: int, north_m: float
) -> None:
    origin = (400_000.0, north_m)
    first = _tile(0, 0, origin=origin, size_px=size_px)
    half = size_px // 2
    beside = _tile(size_px, half, origin=origin, size_px=size_px)
    below = _tile(half, size_px, origin=origin, size_px=size_px)
    assert _pairs([first], [beside, below]) == []


def test_a_tile_of_another_projection_is_found_on_the_same_ground() -> None:
    # 300 km east of zone 32's middle, at 47.8 degrees north, lies zone 33
    here = (500_000.0 + 250_000.0, 5_300_000.0)
    x, y = rasterio.warp.transform("EPSG:32632", "EPSG:32633", [here[0]], [here[1]])
    other = _tile(0, 0, origin=(x[0], y[0]), epsg=32633)
    assert _pairs([_tile(0, 0, origin=here)], [other]) == [(0, 0)]


def test_every_pair_is_named_once_in_order() -> None:
    first = [_tile(0, 0), _tile(500, 0), _tile(20, 0)]
    second = [_tile(16, 0), _tile(510, 0)]
    assert _pairs(first, second) == [(0, 0), (1, 1), (2, 0)]


def test_tiles_without_footprint_are_in_no_pair() -> None:
    assert _pairs([None, _tile(0, 0)], [_tile(0, 0), None]) == [(1, 0)]
    assert _pairs([None], [None]) == []


def _at_date_line(west: float, east: float) -> shapely.Polygon:
    return shapely.Polygon([(west, 1), (east, 1), (east, 0.99), (west, 0.99)])


ACROSS = _at_date_line(179.995, -179.995)
WEST, EAST = _at_date_line(179.985, 179.996), _at_date_line(-179.996, -179.985)


@pytest.mark.parametrize("other", [ACROSS, WEST, EAST])
def test_ground_at_180_degrees_is_met_once_from_either_side(
    other: shapely.Polygon,
) -> None:
    assert _pairs([ACROSS], [other]) == [(0, 0)]
    assert _pairs([other], [ACROSS]) == [(0, 0)]


def test_a_tile_over_180_degrees_does_not_go_round_the_earth() -> None:
    assert _pairs([ACROSS], [_at_date_line(0.0, 0.01)]) == []
    assert _pairs([WEST], [EAST]) == []


OFFSETS = st.lists(
    st.tuples(st.integers(-80, 80), st.integers(-80, 80)), min_size=1, max_size=6
)


@settings(max_examples=30, deadline=None)
@given(first=OFFSETS, second=OFFSETS)
def test_pairs_are_those_of_a_loop_over_pixels(
    first: list[tuple[int, int]], second: list[tuple[int, int]]
) -> None:
    expected = [
        (i, j)
        for i, here in enumerate(first)
        for j, there in enumerate(second)
        if abs(here[0] - there[0]) < SIZE_PX and abs(here[1] - there[1]) < SIZE_PX
    ]
    tiles = ([_tile(*corner) for corner in corners] for corners in (first, second))
    assert _pairs(*tiles) == expected
