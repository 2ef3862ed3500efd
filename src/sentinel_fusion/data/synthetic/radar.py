"""What Sentinel-1 sees: soil under a canopy, water, buildings, and speckle.

Source: water-cloud model, Attema & Ulaby 1978, doi 10.1029/RS013i002p00357; levels at
C band (5.4 GHz) as in Ulaby & Dobson's handbook, rounded for plausibility.
"""

from functools import cache

import numpy as np
from jaxtyping import Float, Float32
from scipy import ndimage

from sentinel_fusion.data.synthetic.land_cover import CROPLAND, LandMap
from sentinel_fusion.data.synthetic.place import Place
from sentinel_fusion.data.synthetic.random_fields import Spectrum, correlated_fields
from sentinel_fusion.data.synthetic.surface import Surface

Power = Float32[np.ndarray, "2 height width"]

LOOKS = 5.2
"""Equivalent number of looks: 4.4 of a 10 m ground-range pixel (IW mode), more after
the interpolation of terrain correction; fitted to homogeneous real windows."""
RESOLUTION_PX = (0.82, 0.88)
"""Point response along rows and columns as a Gaussian: a cell of about 20 m is sampled
every 10 m. Fitted to the correlation of neighbours in homogeneous real windows."""

# Each pair is VV, VH. Soil: dB at 38 degrees, moisture 0.15, roughness 1 cm.
SOIL_DB = (-15.0, -22.8)
SOIL_DB_PER_MOISTURE = 22.0
SOIL_DB_PER_LOG_ROUGHNESS = (8.0, 11.0)
SOIL_DB_PER_DEGREE = -0.12
# Volume scattering of a canopy too deep to see through, linear power.
HERB_POWER = (0.060, 0.0200)
CANOPY_POWER = (0.115, 0.036)
HERB_DEPTH = 0.13
"""Optical depth of green herbs per leaf area; dry herbs have a third of it."""
# Waves at a wind of 3 m/s, dB; more wind, more waves.
WATER_DB = (-21.0, -33.5)
WATER_DB_PER_LOG_WIND = (11.0, 8.0)
WATER_DB_PER_DEGREE = -0.35
# Wall-ground double bounce of a fully built pixel facing the radar, linear power.
BUILDING_POWER = (0.75, 0.10)
FLOODED_STEM_POWER = (0.09, 0.008)
NOISE_DB = -38.0
"""Thermal noise left after the product's own subtraction; chosen for plausibility."""

INCIDENCE_DEG = (31.0, 45.0)
DEGREES_PER_PX = 16 / 25000
"""The swath's 16 degrees over 250 km."""
HEADING_RAD = np.deg2rad(12)
WIND_GUSTS = Spectrum(50, 3.0)
SCATTERERS = Spectrum(0.6, 2.0)
STRUCTURE = Spectrum(6, 3.0)
STRUCTURE_DB = (1.2, 0.8)
"""Deviation of what plants' size and soil's clods change from spot to spot."""
PARCEL_STRUCTURE = 2.0
"""The same between parcels, which differ in crop and rows, over that from spot to spot;
chosen for plausibility."""


def render_radar(
    surface: Surface, land: LandMap, place: Place, rng: np.random.Generator
) -> Float32[np.ndarray, "2 height width"]:
    """Simulates backscatter in VV and VH.

    Args:
        surface: State of the ground.
        land: Map of the place.
        place: Conditions of the place.
        rng: Source of randomness.

    Returns:
        Sigma nought in dB.
    """
    height, width = land.cover.shape
    gusts, scatterers, structure = correlated_fields(
        (WIND_GUSTS, SCATTERERS, STRUCTURE), (height, width), rng
    )
    crops = rng.normal(0, PARCEL_STRUCTURE, land.fields.num_cells).astype(np.float32)
    structure = np.where(land.cover == CROPLAND, crops[land.fields.ids], structure)
    incidence = rng.uniform(*INCIDENCE_DEG) - 38 + DEGREES_PER_PX * np.arange(width)
    power = _ground(surface, place, incidence.astype(np.float32), gusts)
    power = _under_plants(power, surface, rng)
    power = _with_buildings(power, surface, land, scatterers, rng)
    slope = np.diff(land.terrain, axis=1, append=land.terrain[:, -1:])
    land_db = np.clip(12 * slope, -4, 4) + _pair(STRUCTURE_DB) * structure
    power *= _from_db(land_db * (surface.flooded < 1) + rng.normal(0, 0.4))
    power += np.float32(10 ** (NOISE_DB / 10))
    seen = _at_resolution(power) * _speckle(power.shape, rng)
    return np.asarray(10 * np.log10(seen), np.float32)


def _at_resolution(fields: Power) -> Power:
    """Blurs to the size of a resolution cell, which is larger than a pixel."""
    sigma = (0, *RESOLUTION_PX)
    return np.asarray(ndimage.gaussian_filter(fields, sigma, truncate=2.5))


def _speckle(shape: tuple[int, ...], rng: np.random.Generator) -> Power:
    """Speckle of mean 1, gamma distributed with ``LOOKS``, alike in neighbours.

    A correlated Gaussian field goes through the gamma distribution's quantiles.

    Source: Wilson & Hilferty 1931, doi 10.1073/pnas.17.12.684 (cube of a Gaussian).
    """
    margin = 2
    bands, height, width = shape
    padded = (bands, height + 2 * margin, width + 2 * margin)
    noise = _at_resolution(rng.standard_normal(padded, dtype=np.float32))
    noise = noise[:, margin:-margin, margin:-margin]
    spread = np.float32(_resolution_gain() / (3 * np.sqrt(LOOKS)))
    cube_root = spread * noise + np.float32(1 - 1 / (9 * LOOKS))
    return np.asarray(np.maximum(cube_root, np.float32(0.02)) ** 3)


@cache
def _resolution_gain() -> float:
    """What brings blurred white noise of deviation 1 back to a deviation of 1."""
    point = np.zeros((2, 15, 15), np.float32)
    point[:, 7, 7] = 1
    return float(1 / np.sqrt((_at_resolution(point)[0] ** 2).sum()))


def _from_db(value_db: Float[np.ndarray, "*shape"]) -> Float32[np.ndarray, "*shape"]:
    power = np.exp(np.asarray(value_db, np.float32) * np.float32(np.log(10) / 10))
    return np.asarray(power)


def _pair(values: tuple[float, float]) -> Float32[np.ndarray, "2 1 1"]:
    return np.array(values, np.float32)[:, None, None]


def _ground(
    surface: Surface,
    place: Place,
    incidence: Float32[np.ndarray, " width"],
    gusts: Float32[np.ndarray, "height width"],
) -> Power:
    """Backscatter of soil and water before plants and walls."""
    soil_db = _pair(SOIL_DB) + SOIL_DB_PER_MOISTURE * (surface.moisture - 0.15)
    soil_db += _pair(SOIL_DB_PER_LOG_ROUGHNESS) * np.log10(surface.roughness_cm)
    soil_db += SOIL_DB_PER_DEGREE * incidence
    log_wind = np.float32(np.log10(place.wind_m_s / 3)) + np.float32(0.08) * gusts
    water_db = _pair(WATER_DB) + _pair(WATER_DB_PER_LOG_WIND) * log_wind
    water_db += WATER_DB_PER_DEGREE * incidence
    soil, water = _from_db(soil_db), _from_db(water_db)
    return np.asarray(soil + surface.flooded * (water - soil), np.float32)


def _under_plants(power: Power, surface: Surface, rng: np.random.Generator) -> Power:
    """Lets herbs and then trees hide the ground and scatter themselves."""
    herb_level, canopy_level = _from_db(rng.normal(0, (0.9, 0.6)))
    depth = HERB_DEPTH * surface.leaf_area * (1 - 0.67 * surface.dryness)
    passed = np.exp(-2 * depth)
    power = power * passed + herb_level * _pair(HERB_POWER) * (1 - passed)
    # Water below stems reflects what they scatter forward: bright flooded plants.
    stems = surface.flooded * (1 - np.exp(-depth)) * passed
    power += _pair(FLOODED_STEM_POWER) * stems
    hidden = 1 - np.exp(-surface.canopy_volume)
    canopy = canopy_level * _pair(CANOPY_POWER) * hidden
    power += surface.canopy_cover * (canopy - power * hidden)
    return np.asarray(power, np.float32)


def _with_buildings(
    power: Power,
    surface: Surface,
    land: LandMap,
    scatterers: Float32[np.ndarray, "height width"],
    rng: np.random.Generator,
) -> Power:
    """Adds walls: brightest where streets run along the flight, with point targets."""
    angle = (land.street_angle_rad - HEADING_RAD) % (np.pi / 2)
    facing = max(np.exp(-((angle - edge) ** 2) / 0.08) for edge in (0, np.pi / 2))
    level = (0.25 + 0.75 * facing) * rng.uniform(0.5, 1.3)
    walls = np.float32(level) * surface.built * np.exp(1.1 * scatterers - 0.6)
    return np.asarray(power * (1 - surface.built) + _pair(BUILDING_POWER) * walls)
