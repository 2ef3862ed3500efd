"""The physical state of the ground that both sensors look at.

One state drives both: soil moisture darkens the short-wave infrared and brightens the
radar, leaf area greens the optical image and hides the soil from the radar.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32

from sentinel_fusion.classes import NUM_CLASSES
from sentinel_fusion.data.synthetic.land_cover import (
    BARREN,
    CROPLAND,
    URBAN,
    WATER,
    WETLAND,
    LandMap,
)
from sentinel_fusion.data.synthetic.place import Place
from sentinel_fusion.data.synthetic.random_fields import Spectrum, correlated_fields

Field = Float32[np.ndarray, "height width"]

# A place draws each class's mean between these limits; classes in the order forest,
# shrubland, grassland, wetland, cropland, urban, barren, water. All chosen for
# plausibility. Crops take leaf area and roughness from their parcel instead.
CANOPY_COVER = (
    (0.65, 0.35, 0.00, 0.00, 0.00, 0.02, 0.00, 0.0),
    (0.95, 0.55, 0.08, 0.30, 0.05, 0.25, 0.03, 0.0),
)
"""Share of ground under trees or shrubs."""
CANOPY_VOLUME = (
    (1.4, 0.6, 0.3, 0.3, 0.5, 0.6, 0.2, 0.0),
    (3.0, 1.0, 0.8, 1.2, 1.0, 1.5, 0.6, 0.0),
)
"""Depth of the canopy as the radar sees it, in units of its saturation depth."""
LEAF_AREA = (
    (1.0, 0.3, 1.2, 0.8, 0.0, 0.5, 0.0, 0.0),
    (3.0, 0.8, 2.8, 2.4, 0.0, 2.5, 0.2, 0.0),
)
"""Leaf area index of the herb layer at full leaf."""
EXTRA_DRYNESS = (
    (-0.1, 0.15, -0.1, -0.2, 0.0, -0.1, 0.2, 0.0),
    (0.1, 0.45, 0.15, 0.05, 0.0, 0.1, 0.5, 0.0),
)
"""Dead share of the herb layer beyond the season's."""
MOISTURE_OFFSET = (
    (0.00, -0.03, -0.02, 0.12, -0.04, -0.03, -0.10, 0.0),
    (0.06, 0.03, 0.06, 0.22, 0.08, 0.03, -0.01, 0.0),
)
ROUGHNESS_CM = (
    (0.8, 1.0, 0.5, 0.5, 0.0, 0.6, 0.4, 0.3),
    (2.0, 2.0, 1.2, 1.2, 0.0, 1.8, 2.8, 0.3),
)
"""Height variation of the soil surface (rms)."""
FLOODED = (
    (0.0, 0.0, 0.00, 0.15, 0.0, 0.0, 0.00, 1.0),
    (0.0, 0.0, 0.02, 0.55, 0.0, 0.0, 0.02, 1.0),
)
"""Share of ground under water."""

# Crop states: share of parcels bare, growing, ripe by season; chosen for plausibility.
CROP_STATES = {
    "spring": (0.30, 0.65, 0.05),
    "summer": (0.15, 0.50, 0.35),
    "fall": (0.50, 0.30, 0.20),
    "winter": (0.55, 0.43, 0.02),
}
CROP_CALENDAR_CONCENTRATION = 6.0
CROP_LEAF_AREA = ((0.0, 2.0, 2.0), (0.3, 5.5, 4.5))
CROP_DRYNESS = (0.5, 0.05, 0.9)
CROP_ROUGHNESS_CM = ((0.6, 0.5, 0.5), (3.0, 1.5, 1.3))
PARK_SHARE = 0.12

VARIATION = (
    Spectrum(25, 3.0),  # moisture
    Spectrum(10, 2.5),  # canopy
    Spectrum(12, 2.5),  # leaf area
    Spectrum(1.2, 2.0),  # texture
    Spectrum(40, 3.5),  # species, water colour, rock
    Spectrum(22, 3.0),  # leaf water, minerals
)


@dataclass(frozen=True)
class Surface:
    """State of each pixel, shared by both sensors.

    Args:
        canopy_cover: Share of ground under trees or shrubs.
        canopy_volume: Canopy depth in units of the radar's saturation depth.
        leaf_area: Leaf area index of herbs and crops.
        dryness: Share of the herb layer that is dead and straw-coloured.
        moisture: Volumetric soil moisture, m3/m3.
        roughness_cm: Height variation of the soil (rms).
        flooded: Share of ground under water.
        built: Share of ground under buildings.
        paved: Share of ground under streets.
        texture: Fine random field, mean 0 and standard deviation 1.
        variety: Broad random field of kind: tree species, water colour, rock.
        water: Random field of what absorbs in the short-wave infrared alone.
    """

    canopy_cover: Field
    canopy_volume: Field
    leaf_area: Field
    dryness: Field
    moisture: Field
    roughness_cm: Field
    flooded: Field
    built: Field
    paved: Field
    texture: Field
    variety: Field
    water: Field


def draw_surface(land: LandMap, place: Place, rng: np.random.Generator) -> Surface:
    """Draws the state of the ground of a place.

    Args:
        land: Map of the place.
        place: Conditions of the place.
        rng: Source of randomness.

    Returns:
        The state of each pixel.
    """
    wet, canopy, leaf, texture, variety, water = correlated_fields(
        VARIATION, land.cover.shape, rng
    )

    def per_class(limits: tuple[tuple[float, ...], tuple[float, ...]]) -> Field:
        return np.asarray(_draw_between(limits, rng)[land.cover])

    crop_leaf, crop_dryness, crop_roughness, crop_wet = _draw_parcels(land, place, rng)
    is_crop = land.cover == CROPLAND
    greenness = np.float32(place.greenness)
    herb_leaf = per_class(LEAF_AREA) * (0.25 + 0.75 * greenness) * np.exp(0.3 * leaf)
    herb_dryness = 1 - greenness + 0.12 * leaf + per_class(EXTRA_DRYNESS)
    herb_dryness = np.clip(herb_dryness, 0, 1)
    moisture = place.moisture + per_class(MOISTURE_OFFSET) + 0.04 * wet
    moisture = moisture - 0.02 * land.terrain + np.where(is_crop, crop_wet, 0)
    flooded = per_class(FLOODED)
    flooded = np.where(land.cover == WETLAND, flooded + 0.2 * wet, flooded)
    # Houses are as large as pixels: no two neighbours are built up alike.
    built = _unit(_built_share(land, rng) * np.exp(0.4 * texture))
    paved = np.where(land.streets, 0.55, 0.0)
    return Surface(
        canopy_cover=_unit(per_class(CANOPY_COVER) * np.exp(0.25 * canopy)),
        canopy_volume=np.asarray(per_class(CANOPY_VOLUME) * np.exp(0.25 * canopy)),
        leaf_area=np.where(is_crop, crop_leaf * np.exp(0.1 * leaf), herb_leaf),
        dryness=np.where(is_crop, crop_dryness, herb_dryness).astype(np.float32),
        moisture=np.clip(moisture, 0.02, 0.5).astype(np.float32),
        roughness_cm=np.where(is_crop, crop_roughness, per_class(ROUGHNESS_CM)),
        flooded=_unit(flooded),
        built=built,
        paved=(paved * (1 - built)).astype(np.float32),
        texture=texture,
        variety=variety,
        water=water,
    )


def _draw_between(
    limits: tuple[tuple[float, ...], tuple[float, ...]], rng: np.random.Generator
) -> Float32[np.ndarray, " classes"]:
    low, high = limits
    return np.asarray(rng.uniform(low, high), np.float32)


def _unit(share: Float[np.ndarray, "height width"]) -> Field:
    return np.asarray(np.clip(share, 0, 1), np.float32)


def _draw_parcels(
    land: LandMap, place: Place, rng: np.random.Generator
) -> tuple[Field, Field, Field, Field]:
    """Leaf area, dryness, roughness (cm) and extra moisture of the crop parcels."""
    num = land.fields.num_cells
    calendar = rng.dirichlet(
        CROP_CALENDAR_CONCENTRATION * np.array(CROP_STATES[place.season]) + 0.1
    )
    state = rng.choice(3, size=num, p=calendar)
    leaf_low, leaf_high = np.array(CROP_LEAF_AREA)
    rough_low, rough_high = np.array(CROP_ROUGHNESS_CM)
    leaf_area = rng.uniform(leaf_low[state], leaf_high[state])
    roughness_cm = rng.uniform(rough_low[state], rough_high[state])
    irrigated = (rng.random(num) < 0.25) * rng.uniform(0, 0.15, num)
    parcels = (leaf_area, np.array(CROP_DRYNESS)[state], roughness_cm, irrigated)
    # Field margins of one pixel keep some weeds and so show the parcels.
    margin = np.where(land.fields.edge_px < 0.6, np.float32(0.8), np.float32(0))
    fields = [values.astype(np.float32)[land.fields.ids] for values in parcels]
    fields[0] = np.maximum(fields[0], margin)
    return fields[0], fields[1], fields[2], fields[3]


def _built_share(land: LandMap, rng: np.random.Generator) -> Field:
    num = land.blocks.num_cells
    density = rng.uniform(0.25, 0.6) + rng.normal(0, 0.12, num)
    density[rng.random(num) < PARK_SHARE] = 0.03
    built = density.astype(np.float32)[land.blocks.ids] + 0.15 * land.town_core
    built = np.where(land.streets, 0.05, built) * (land.cover == URBAN)
    return _unit(np.minimum(built, 0.9))


def mineral_share(land: LandMap) -> Float32[np.ndarray, "height width"]:
    """Share of the bare ground that is rock or sand and not farm soil.

    Args:
        land: Map of the place.

    Returns:
        1 on barren land and river banks, a little in towns, 0 elsewhere.
    """
    share = np.zeros(NUM_CLASSES, np.float32)
    share[BARREN], share[URBAN], share[WATER] = 1.0, 0.3, 1.0
    return np.asarray(share[land.cover])
