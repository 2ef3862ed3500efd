"""The land-cover map of a place: coast, rivers, lakes, fields, towns, woods."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, UInt8

from sentinel_fusion.classes import CLASS_NAMES
from sentinel_fusion.data.synthetic.place import LANDSCAPES, Place
from sentinel_fusion.data.synthetic.random_fields import (
    Cells,
    Spectrum,
    cell_means,
    correlated_fields,
    grid_cells,
    rotated_axes,
    select_share,
)

FOREST, SHRUBLAND, GRASSLAND, WETLAND, CROPLAND, URBAN, BARREN, WATER = range(
    len(CLASS_NAMES)
)

# Lengths in 10 m pixels, chosen for plausibility.
TERRAIN = Spectrum(60, 3.6)
MEANDER = Spectrum(35, 5.0)
PATCHES = Spectrum(50, 3.6)
TOWNS = Spectrum(45, 4.0)
MEANDER_PX = 14.0
VALLEY_PX = 25.0
FIELD_LENGTH_PX = (14.0, 45.0)
FIELD_ASPECT = (0.35, 0.8)
BLOCK_PX = (5.0, 9.0)
STREET_PX = 0.6
ROAD_PX = 0.8
NUM_ROADS = 2


@dataclass(frozen=True)
class LandMap:
    """Where things are.

    Args:
        cover: Class index 0..7 of ``classes.CLASS_NAMES``.
        terrain: Height, standardised; also what hill shading is computed from.
        fields: Agricultural parcels.
        blocks: Street blocks.
        streets: Paved pixels: streets within towns and roads across the country.
        town_core: How central a pixel is in its town, about -1 to 1.
        street_angle_rad: Direction of the streets.
    """

    cover: UInt8[np.ndarray, "height width"]
    terrain: Float32[np.ndarray, "height width"]
    fields: Cells
    blocks: Cells
    streets: Bool[np.ndarray, "height width"]
    town_core: Float32[np.ndarray, "height width"]
    street_angle_rad: float


def draw_land_map(
    place: Place, shape: tuple[int, int], rng: np.random.Generator
) -> LandMap:
    """Draws the land-cover map of a place.

    Args:
        place: Conditions of the place.
        shape: Height and width in pixels.
        rng: Source of randomness.

    Returns:
        The map; its class shares are the place's up to rounding to whole parcels.
    """
    spectra = (TERRAIN, MEANDER, TOWNS, PATCHES, PATCHES, PATCHES, PATCHES)
    terrain, meander, town, *patches = correlated_fields(spectra, shape, rng)
    along, across = rotated_axes(shape, rng.uniform(0, np.pi))
    bent_across = across + MEANDER_PX * meander
    river_px = np.abs(bent_across - rng.uniform(-0.2, 0.2) * min(shape))
    terrain = terrain - 1.5 * np.exp(-((river_px / VALLEY_PX) ** 2))
    fields, blocks, street_angle = _draw_cells(shape, meander, rng)

    if place.landscape == "agricultural":
        # Farmed country keeps woods, meadows and heath to the parcels.
        patches = [cell_means(patch, fields) for patch in patches]
    is_coastal = place.landscape == "coastal"
    seaward = along / (0.25 * max(shape)) - 0.6 * terrain if is_coastal else -terrain
    river_share = rng.uniform(0.15, 0.5) * min(place.cover_shares[WATER], 0.12)
    scores = {
        WATER: seaward,
        WETLAND: 0.6 * patches[0] - terrain,
        URBAN: cell_means(town + 0.2 * terrain, blocks),
        CROPLAND: cell_means(patches[1] - 0.3 * terrain, fields),
        FOREST: patches[2] + 0.5 * terrain,
        BARREN: patches[3] + (0.8 * seaward if is_coastal else 0.4 * terrain),
        SHRUBLAND: 0.7 * patches[0] + 0.5 * patches[1],
    }
    cover = np.full(shape, GRASSLAND, np.uint8)
    free = ~select_share(-river_px, np.ones(shape, bool), river_share)
    cover[~free] = WATER
    for index, score in scores.items():
        share = place.cover_shares[index] - (river_share if index == WATER else 0)
        taken = select_share(np.asarray(score, np.float32), free, float(share))
        cover[taken] = index
        free &= ~taken
    streets = _roads(shape, meander, rng) & (cover != WATER)
    streets |= (cover == URBAN) & (blocks.edge_px < STREET_PX)
    return LandMap(
        cover,
        terrain.astype(np.float32) * np.float32(LANDSCAPES[place.landscape].relief),
        fields,
        blocks,
        streets,
        np.tanh(town),
        street_angle,
    )


def _draw_cells(
    shape: tuple[int, int],
    meander: Float32[np.ndarray, "height width"],
    rng: np.random.Generator,
) -> tuple[Cells, Cells, float]:
    field_angle, street_angle = rng.uniform(0, np.pi, 2)
    along, across = rotated_axes(shape, field_angle)
    length_px = rng.uniform(*FIELD_LENGTH_PX)
    size_px = (length_px, length_px * rng.uniform(*FIELD_ASPECT))
    # Rows of fields bend a little with the country, streets do not.
    fields = grid_cells(along, across + 4 * meander, size_px, rng)
    along, across = rotated_axes(shape, street_angle)
    block_px = rng.uniform(*BLOCK_PX)
    blocks = grid_cells(along, across, (1.5 * block_px, block_px), rng)
    return fields, blocks, float(street_angle)


def _roads(
    shape: tuple[int, int],
    meander: Float32[np.ndarray, "height width"],
    rng: np.random.Generator,
) -> Bool[np.ndarray, "height width"]:
    roads = np.zeros(shape, bool)
    for _ in range(NUM_ROADS):
        _, across = rotated_axes(shape, rng.uniform(0, np.pi))
        centre = rng.uniform(-0.35, 0.35) * min(shape)
        roads |= np.abs(across - centre + rng.normal(0, 4) * meander) < ROAD_PX
    return roads
