"""Which tiles lie on the same ground: overlap of their footprints."""

import numpy as np
import shapely
from jaxtyping import Float, Integer, Shaped

EARTH_RADIUS_M = 6_371_007.2
"""Radius of the sphere that has the Earth's area."""
TOUCHING_M = 1.0
"""How far a footprint is drawn in before overlaps are looked for.

Neighbours that share an edge must not count. Their edges, straight on their own grid,
are bent by up to 0.2 m as straight lines in degrees (2560 m long, 60 degrees north). So
an overlap of less than 2 m, a fifth of a pixel, counts as touching.
"""
_CORNERS = 4
Footprints = Shaped[np.ndarray, " _"]
"""Polygons of four corners in degrees, as a tile store has them, or None."""


def overlapping(
    first: Footprints, second: Footprints
) -> Integer[np.ndarray, "2 pairs"]:
    """Pairs of footprints that share ground; touching edges do not count.

    Args:
        first: Footprints of some tiles.
        second: Footprints of others.

    Returns:
        Positions in ``first`` above positions in ``second``, a column a pair, in order.
        A tile without footprint is in no pair.
    """
    first_ground, first_rows = _drawn_in(first)
    second_ground, second_rows = _drawn_in(second)
    tree = shapely.STRtree(second_ground)
    one, other = tree.query(first_ground, predicate="intersects")
    pairs = np.stack([first_rows[one], second_rows[other]])
    return np.unique(pairs, axis=1)  # ground at 180 degrees of longitude is met twice


def _drawn_in(
    footprints: Footprints,
) -> tuple[Shaped[np.ndarray, " polygons"], Integer[np.ndarray, " polygons"]]:
    """Smaller polygons on a map of equal area, and the tile of each."""
    rows = np.flatnonzero(~shapely.is_missing(footprints))
    degrees = shapely.get_coordinates(footprints[rows])
    corners = _equal_area(degrees.reshape(len(rows), _CORNERS + 1, 2)[:, :_CORNERS])
    edge_m = np.sqrt(shapely.area(shapely.polygons(corners)))[:, None, None]
    centre = corners.mean(axis=1, keepdims=True)
    corners = centre + (corners - centre) * np.maximum(0, 1 - 2 * TOUCHING_M / edge_m)
    # a footprint over 180 degrees of longitude has a second place, west of -180
    around = 2 * np.pi * EARTH_RADIUS_M
    is_over = corners[..., 0].max(axis=1) > around / 2
    copies = corners[is_over] - np.array([around, 0])
    polygons = np.asarray(shapely.polygons(np.concatenate([corners, copies])))
    return polygons, np.concatenate([rows, rows[is_over]])


def _equal_area(
    degrees: Float[np.ndarray, "tiles corners 2"],
) -> Float[np.ndarray, "tiles corners 2"]:
    """Metres on Lambert's cylindrical equal-area map of the sphere."""
    longitude, latitude = np.moveaxis(np.radians(degrees), -1, 0)
    wraps = np.ptp(longitude, axis=1, keepdims=True) > np.pi
    longitude = np.where(wraps & (longitude < 0), longitude + 2 * np.pi, longitude)
    return EARTH_RADIUS_M * np.stack([longitude, np.sin(latitude)], axis=-1)
