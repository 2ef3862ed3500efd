"""What a place is like before a pixel is drawn: landscape, climate, season, weather."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

SEASONS = ("spring", "summer", "fall", "winter")


@dataclass(frozen=True)
class Landscape:
    """A kind of landscape that places are drawn from.

    Args:
        frequency: Share of places of this kind.
        cover_shares: Mean share of the eight classes, in the order of
            ``classes.CLASS_NAMES``.
        aridity: Least and greatest dryness of the climate, 0 wet to 1 desert.
        relief: Strength of hill shading, 0 flat to 1 hilly.
    """

    frequency: float
    cover_shares: tuple[float, ...]
    aridity: tuple[float, float]
    relief: float


# Chosen for plausibility. The mix of all kinds has much water and crops and little
# wetland and barren land, as DFC2020 has.
LANDSCAPES = {
    "coastal": Landscape(
        0.17, (0.09, 0.05, 0.07, 0.11, 0.09, 0.10, 0.06, 0.43), (0.1, 0.7), 0.4
    ),
    "agricultural": Landscape(
        0.22, (0.09, 0.03, 0.13, 0.02, 0.60, 0.08, 0.01, 0.04), (0.0, 0.6), 0.2
    ),
    "forest": Landscape(
        0.13, (0.54, 0.14, 0.13, 0.06, 0.05, 0.02, 0.02, 0.04), (0.0, 0.4), 1.0
    ),
    "urban": Landscape(
        0.13, (0.08, 0.04, 0.10, 0.01, 0.16, 0.54, 0.02, 0.05), (0.1, 0.7), 0.3
    ),
    "dry": Landscape(
        0.15, (0.03, 0.32, 0.20, 0.01, 0.11, 0.06, 0.25, 0.02), (0.6, 1.0), 0.7
    ),
    "wetland": Landscape(
        0.10, (0.10, 0.04, 0.17, 0.36, 0.15, 0.02, 0.01, 0.15), (0.0, 0.5), 0.1
    ),
    "lake": Landscape(
        0.10, (0.08, 0.03, 0.03, 0.04, 0.04, 0.02, 0.01, 0.75), (0.0, 0.5), 0.6
    ),
}
SHARE_CONCENTRATION = (3.0, 15.0)
"""Least and greatest Dirichlet concentration of a place's shares: few classes or many;
chosen for plausibility."""

# Greenness of vegetation (1 = full leaf) and volumetric soil moisture (m3/m3), by
# season, in a wet and in a dry-summer climate; chosen for plausibility.
WET_GREENNESS = dict(zip(SEASONS, (0.75, 0.95, 0.60, 0.30), strict=True))
DRY_GREENNESS = dict(zip(SEASONS, (0.60, 0.20, 0.25, 0.50), strict=True))
WET_MOISTURE = dict(zip(SEASONS, (0.28, 0.20, 0.25, 0.32), strict=True))
DRY_MOISTURE = dict(zip(SEASONS, (0.10, 0.04, 0.06, 0.12), strict=True))
SUN_ELEVATION_DEG = dict(zip(SEASONS, (50.0, 60.0, 38.0, 25.0), strict=True))


@dataclass(frozen=True)
class Place:
    """Conditions that hold over the whole scene of a place.

    Args:
        landscape: A key of ``LANDSCAPES``.
        season: One of ``SEASONS``.
        cover_shares: Share of each of the eight classes.
        aridity: Dryness of the climate, 0 to 1.
        greenness: Leaf state of the vegetation, 0 bare to 1 full leaf.
        moisture: Mean volumetric soil moisture.
        wind_m_s: Wind speed over water.
        sun_elevation_deg: Height of the sun.
    """

    landscape: str
    season: str
    cover_shares: Float[np.ndarray, " classes"]
    aridity: float
    greenness: float
    moisture: float
    wind_m_s: float
    sun_elevation_deg: float


def draw_place(season: str, rng: np.random.Generator) -> Place:
    """Draws the conditions of one place.

    Args:
        season: One of ``SEASONS``.
        rng: Source of randomness.

    Returns:
        The place.

    Raises:
        ValueError: If the season does not exist.
    """
    if season not in SEASONS:
        raise ValueError(
            f"season must be one of {', '.join(SEASONS)}, got {season!r}; "
            "use one of these names"
        )
    frequencies = np.array([kind.frequency for kind in LANDSCAPES.values()])
    landscape = str(rng.choice(list(LANDSCAPES), p=frequencies / frequencies.sum()))
    kind = LANDSCAPES[landscape]
    aridity = rng.uniform(*kind.aridity)
    greenness = (1 - aridity) * WET_GREENNESS[season] + aridity * DRY_GREENNESS[season]
    moisture = (1 - aridity) * WET_MOISTURE[season] + aridity * DRY_MOISTURE[season]
    rain = rng.exponential(0.03)
    concentration = np.exp(rng.uniform(*np.log(SHARE_CONCENTRATION)))
    return Place(
        landscape=landscape,
        season=season,
        cover_shares=rng.dirichlet(concentration * np.array(kind.cover_shares)),
        aridity=aridity,
        greenness=float(np.clip(greenness + rng.normal(0, 0.08), 0.05, 1)),
        moisture=float(np.clip(moisture + rain + rng.normal(0, 0.03), 0.02, 0.42)),
        wind_m_s=float(np.clip(rng.lognormal(np.log(3.5), 0.5), 1, 12)),
        sun_elevation_deg=SUN_ELEVATION_DEG[season] + rng.uniform(-8, 8),
    )
