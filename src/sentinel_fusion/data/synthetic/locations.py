"""Where on Earth a simulated place lies; no two places come near each other.

The land is cut in cells and every role owns every third one, so places keep apart
whatever the seeds and however many there are.
"""

from dataclasses import dataclass

import numpy as np

ROLES = ("pretrain", "validation", "test")

# West, east, south, north in degrees: boxes of mostly land; chosen for plausibility.
LAND_BOXES = (
    (-120, -82, 33, 49),
    (-62, -46, -26, -6),
    (1, 39, 45, 55),
    (14, 33, -24, 8),
    (76, 116, 24, 34),
    (60, 112, 42, 54),
    (122, 146, -31, -19),
)
CELL_LON_DEG = 1.0
CELL_LAT_DEG = 0.5
JITTER = 0.25
"""Largest shift from a cell's centre over the cell's side, either way.

Two places then lie at least 0.25 degrees of latitude (28 km) or 0.5 degrees of
longitude (31 km at 55 degrees) apart.
"""


@dataclass(frozen=True)
class Location:
    """Centre of a place.

    Args:
        longitude: Degrees east.
        latitude: Degrees north.
        epsg: Code of its UTM zone.
    """

    longitude: float
    latitude: float
    epsg: int


def draw_locations(role: str, num_places: int, seed: int) -> list[Location]:
    """Draws the locations of a role's places.

    Args:
        role: One of ``ROLES``.
        num_places: Number of places.
        seed: Seed of the data set; more places keep the earlier ones.

    Returns:
        One location a place.

    Raises:
        ValueError: If the role does not exist or owns fewer cells than places.
    """
    if role not in ROLES:
        raise ValueError(
            f"role must be one of {', '.join(ROLES)}, got {role!r}; "
            "use one of these names"
        )
    own = [
        centre
        for index, centre in enumerate(_cell_centres())
        if index % len(ROLES) == ROLES.index(role)
    ]
    if num_places > len(own):
        raise ValueError(
            f"num_places must be <= {len(own)} for {role}, got {num_places}; "
            "ask for fewer places with more patches each"
        )
    rng = np.random.default_rng(np.random.SeedSequence((seed, ROLES.index(role))))
    order = rng.permutation(len(own))
    shifts = rng.uniform(-JITTER, JITTER, (len(own), 2))
    return [
        _locate(
            own[cell][0] + shifts[cell, 0] * CELL_LON_DEG,
            own[cell][1] + shifts[cell, 1] * CELL_LAT_DEG,
        )
        for cell in order[:num_places]
    ]


def _cell_centres() -> list[tuple[float, float]]:
    return [
        (float(longitude), float(latitude))
        for west, east, south, north in LAND_BOXES
        for longitude in np.arange(west + CELL_LON_DEG / 2, east, CELL_LON_DEG)
        for latitude in np.arange(south + CELL_LAT_DEG / 2, north, CELL_LAT_DEG)
    ]


def _locate(longitude: float, latitude: float) -> Location:
    zone = int((longitude + 180) // 6) + 1
    epsg = (32600 if latitude >= 0 else 32700) + zone
    return Location(float(longitude), float(latitude), epsg)
