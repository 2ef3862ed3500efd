"""What Sentinel-2 sees: a linear mixture of surface spectra under an atmosphere."""

import numpy as np
from jaxtyping import Float32, UInt16
from scipy import ndimage

from sentinel_fusion.bands import S2_BANDS, S2_SPECTRUM
from sentinel_fusion.data.synthetic.land_cover import FOREST, SHRUBLAND, LandMap
from sentinel_fusion.data.synthetic.place import Place
from sentinel_fusion.data.synthetic.surface import Surface, mineral_share

# Surface reflectance in percent, B01..B12 in the order of bands.S2_BANDS. Rounded
# shapes of the common signatures (USGS splib07, doi 10.3133/ds1035, and the ECOSTRESS
# library); the levels are chosen for plausibility.
SPECTRA = {
    "broadleaf": (2, 2.3, 5.0, 2.6, 8, 27, 37, 39, 41, 40, 20, 20, 8.5),
    "conifer": (1.5, 1.7, 3.2, 2.0, 4.5, 15, 19, 20, 21, 20, 8, 9, 4),
    "shrub": (2.5, 3, 5.5, 4.5, 9, 19, 24, 26, 27, 27, 16, 19, 11),
    "herb": (3, 3.5, 7.5, 4, 12, 30, 39, 41, 43, 41, 20, 23, 11),
    "straw": (6, 8, 13, 18, 21, 25, 27, 29, 31, 32, 28, 36, 26),
    "dark soil": (5, 6, 8, 11, 12, 14, 15, 17, 18, 20, 22, 26, 22),
    "pale soil": (11, 13, 18, 25, 27, 29, 31, 33, 34, 36, 38, 43, 38),
    "red soil": (4, 5, 9, 20, 22, 24, 25, 26, 27, 29, 30, 38, 33),
    "sand": (22, 27, 36, 45, 47, 49, 51, 53, 54, 55, 54, 62, 57),
    "salt crust": (40, 44, 51, 56, 57, 58, 59, 60, 60, 59, 50, 50, 40),
    "rock": (10, 11, 13, 16, 17, 18, 18, 19, 19, 20, 21, 24, 21),
    "concrete": (16, 18, 21, 23, 24, 25, 26, 27, 28, 28, 27, 29, 27),
    "tile": (6, 7, 10, 19, 22, 24, 25, 26, 27, 28, 28, 31, 28),
    "metal": (38, 41, 43, 44, 44, 44, 45, 45, 45, 45, 44, 44, 40),
    "asphalt": (7, 8, 9, 10, 10, 11, 11, 12, 12, 12, 12, 14, 13),
    "clear water": (3, 2.5, 1.5, 0.6, 0.4, 0.3, 0.3, 0.2, 0.2, 0.1, 0, 0.1, 0),
    "turbid water": (6, 7.5, 11, 10, 8.5, 5, 5, 3.5, 3, 1.5, 0, 0.4, 0.2),
}
SOILS = ("dark soil", "pale soil", "red soil")
MINERALS = ("sand", "salt crust", "rock", "pale soil", "red soil")
PALE_ROOFS = ("concrete", "metal")
DARK_ROOFS = ("tile", "asphalt", "concrete")
WET_SOIL = (0.6, 0.6, 0.58, 0.55, 0.55, 0.55, 0.54, 0.53, 0.52, 0.5, 0.4, 0.42, 0.36)
"""Reflectance of saturated soil over dry soil: water absorbs most in the short-wave
infrared. Source: Lobell & Asner 2002, doi 10.2136/sssaj2002.7220 (shape)."""

# Clear mid-latitude air, chosen for plausibility: light scattered back by molecules
# (percent) and what passes twice; B09 sits in a water-vapour band, B10 in a full one.
RAYLEIGH = (7.6, 5.2, 3.0, 1.5, 1.2, 1.0, 0.8, 0.6, 0.5, 0.1, 0.09, 0.05, 0.02)
CLEAR_AIR = (0.84, 0.87, 0.9, 0.93, 0.9, 0.9, 0.95, 0.92, 0.96, 0.3, 0.003, 0.95, 0.92)
WATER_VAPOUR_BAND = S2_BANDS.index("B09")
CIRRUS_BAND = S2_BANDS.index("B10")

PSF_PX = 0.58
"""Point spread of the 10 m bands as a Gaussian: a fifth of the contrast is left at the
shortest wavelength that pixels show."""
COARSE_PSF = 0.55
"""The same for 20 and 60 m bands, in their own pixels and beside their averaging."""
SPECIES_SPREAD = 0.06
"""How far a place's material departs from its spectrum: log of level, slope, bend."""
LEVEL_SPREAD = (0.08, 0.08, 0.1, 0.1, 0.15, *[0.45] * 4, *[0.25] * 3, 0.15, 0.15)
"""How far its level departs beyond that, by material: soils differ most."""
BRIGHTEST = 0.8
"""No material reflects more."""
BARE = slice(5, 9)
"""Soils and minerals among the materials."""
ARID_BRIGHTNESS = 0.7
"""Log of their reflectance from the wettest to the driest climate: less humus."""
WATER_ABSORPTION = {"B09": 0.07, "B11": 0.18, "B12": 0.26}
"""Log of reflectance per deviation of leaf water and of minerals that absorb there."""
TEXTURE = (0.10, 0.10, 0.05, 0.06, 0.03, 0.14, 0.05, 0.015)
"""Brightness variation from pixel to pixel by class; chosen for plausibility."""
TREE_SHADOW = 0.35
NOISE = (0.0006, 0.006)
"""Sensor noise: floor in reflectance, and share of the signal."""
NOISE_CIRRUS = 0.25
"""Least share of the floor, in the nearly empty cirrus band."""
QUANTIFICATION = 10000


def render_optics(
    surface: Surface, land: LandMap, place: Place, rng: np.random.Generator
) -> UInt16[np.ndarray, "bands height width"]:
    """Simulates the 13 bands of a level-1C product.

    Args:
        surface: State of the ground.
        land: Map of the place.
        place: Conditions of the place.
        rng: Source of randomness.

    Returns:
        Top-of-atmosphere reflectance x 10000, all bands on the 10 m grid.
    """
    spectra = _draw_spectra(place, rng)
    shares = _mix(surface, land, place, rng)
    # Not a matrix product: BLAS threads of several workers would fight for the cores.
    ground = np.einsum("mb,mhw->bhw", spectra, shares)
    ground *= _illumination(surface, land, place, rng)
    for name, strength in WATER_ABSORPTION.items():
        ground[S2_BANDS.index(name)] *= np.exp(np.float32(-strength) * surface.water)
    return _observe(_through_air(ground, rng), rng)


def _spectrum(name: str) -> Float32[np.ndarray, " bands"]:
    return np.array(SPECTRA[name], np.float32) / 100


def _blend(
    names: tuple[str, ...], evenness: float, rng: np.random.Generator
) -> Float32[np.ndarray, " bands"]:
    """A place's own mixture of materials."""
    weights = rng.dirichlet(np.full(len(names), evenness)).astype(np.float32)
    return np.asarray(weights @ np.stack([_spectrum(name) for name in names]))


def _draw_spectra(
    place: Place, rng: np.random.Generator
) -> Float32[np.ndarray, "materials bands"]:
    """Spectra of the place: leaves, straw, soils, minerals, roofs, asphalt, waters."""
    wet = np.array(WET_SOIL, np.float32)
    soil, mineral = _blend(SOILS, 2.0, rng), _blend(MINERALS, 0.5, rng)
    leaves = [_spectrum(name) for name in ("broadleaf", "conifer", "shrub", "herb")]
    clear, turbid = _spectrum("clear water"), _spectrum("turbid water")
    turbidity = np.float32(rng.beta(1, 1.5))
    murky = clear + turbidity * (turbid - clear)
    glint = np.float32(0.0012 * place.wind_m_s * rng.random())
    spectra = np.stack(
        [
            *leaves,
            _spectrum("straw"),
            soil,
            soil * wet,
            mineral,
            mineral * wet,
            _blend(DARK_ROOFS, 1.0, rng),
            _blend(PALE_ROOFS, 1.0, rng),
            _spectrum("asphalt"),
            0.7 * clear + 0.3 * murky + glint,
            murky + glint,
        ]
    )
    # Pigments and minerals differ smoothly with wavelength: level, slope, curvature.
    position = np.linspace(-1, 1, len(S2_BANDS))
    shapes = np.stack([np.ones_like(position), position, position**2 - 0.4])
    change = rng.normal(0, SPECIES_SPREAD, (len(spectra), 3)) @ shapes
    change += rng.normal(0, LEVEL_SPREAD)[:, None]
    change[BARE] += ARID_BRIGHTNESS * (place.aridity - 0.5)
    return np.asarray(np.minimum(spectra * np.exp(change), BRIGHTEST), np.float32)


def _mix(
    surface: Surface, land: LandMap, place: Place, rng: np.random.Generator
) -> Float32[np.ndarray, "materials height width"]:
    """Share of every pixel that shows each material, from the canopy down."""
    shadow = TREE_SHADOW * (1.5 - place.sun_elevation_deg / 60)
    is_tree = (land.cover == FOREST).astype(np.float32)
    canopy = surface.canopy_cover * (1 - shadow * (0.3 + 0.7 * is_tree))
    below = 1 - surface.canopy_cover
    is_shrub = (land.cover == SHRUBLAND).astype(np.float32)
    conifer = np.clip(rng.uniform(-0.3, 1.3) + 0.3 * surface.variety, 0, 1)
    conifer *= 1 - is_shrub
    leaf_off = (1 - conifer) * (0.8 - 0.5 * is_shrub) * (1 - place.greenness) ** 2
    in_leaf = canopy * (1 - leaf_off)

    sealed = np.minimum(surface.built + surface.paved, 1)
    open_ground = below * (1 - sealed)
    herb = open_ground * (1 - np.exp(-0.5 * surface.leaf_area))
    # Plants stand above the water, so flooding shows only between them.
    water = (open_ground - herb) * surface.flooded
    bare = open_ground - herb - water
    saturation = np.clip((surface.moisture - 0.03) / 0.4, 0, 1)
    mineral = mineral_share(land)
    murky = 1 / (1 + np.exp(-1.5 * surface.variety))
    bright = 1 / (1 + np.exp(-2 * surface.texture - surface.variety))
    shares = (
        in_leaf * (1 - conifer) * (1 - is_shrub),
        in_leaf * conifer,
        in_leaf * is_shrub,
        herb * (1 - surface.dryness),
        herb * surface.dryness + canopy * leaf_off,
        bare * (1 - mineral) * (1 - saturation),
        bare * (1 - mineral) * saturation,
        bare * mineral * (1 - saturation),
        bare * mineral * saturation,
        below * surface.built * (1 - bright),
        below * surface.built * bright,
        below * surface.paved,
        water * (1 - murky),
        water * murky,
    )
    return np.stack([np.asarray(share, np.float32) for share in shares])


def _illumination(
    surface: Surface, land: LandMap, place: Place, rng: np.random.Generator
) -> Float32[np.ndarray, "height width"]:
    """Brightness factor: level of the scene, hill shading, texture."""
    level = rng.normal(-0.14, 0.18)
    texture = np.array(TEXTURE, np.float32)[land.cover] * surface.texture
    slope = np.diff(land.terrain, axis=1, append=land.terrain[:, -1:])
    steepness = 2.0 / np.tan(np.deg2rad(place.sun_elevation_deg))
    shading = np.clip(steepness * slope, -0.4, 0.4) * (surface.flooded < 1)
    return np.asarray(np.exp(level + texture + shading), np.float32)


def _through_air(
    ground: Float32[np.ndarray, "bands height width"], rng: np.random.Generator
) -> Float32[np.ndarray, "bands height width"]:
    """Adds light scattered by air and haze, and takes what they absorb."""
    wavelengths = np.array([band.wavelength_nm for band in S2_SPECTRUM])
    haze = rng.lognormal(np.log(0.10), 1.15) * (wavelengths / 550) ** -1.3
    haze[WATER_VAPOUR_BAND] *= 0.3
    haze[CIRRUS_BAND] = 0
    path = np.array(RAYLEIGH) / 100 * rng.uniform(0.85, 1.2) + 0.12 * haze
    passed = np.array(CLEAR_AIR) * np.exp(-0.25 * haze)
    passed[WATER_VAPOUR_BAND] *= rng.uniform(0.6, 1.3)
    passed[CIRRUS_BAND] *= rng.lognormal(-0.5, 1)
    path[CIRRUS_BAND] *= rng.lognormal(0.15, 0.5)
    ground *= passed.astype(np.float32)[:, None, None]
    ground += path.astype(np.float32)[:, None, None]
    return ground


def _observe(
    radiance: Float32[np.ndarray, "bands height width"], rng: np.random.Generator
) -> UInt16[np.ndarray, "bands height width"]:
    """Blurs to each band's pixel size, adds noise and counts."""
    bands, height, width = radiance.shape
    counts = np.empty((bands, height, width), np.uint16)
    for index, band in enumerate(S2_SPECTRUM):
        factor = band.pixel_m // 10
        if factor == 1:
            seen = ndimage.gaussian_filter(radiance[index], PSF_PX, truncate=3)
        else:
            coarse = _block_means(radiance[index], factor)
            seen = ndimage.gaussian_filter(coarse, COARSE_PSF, truncate=3)
        noise = rng.standard_normal(seen.shape, dtype=np.float32)
        floor = NOISE[0] * np.clip(seen.mean() * 20, NOISE_CIRRUS, 1)
        seen = seen + noise * (floor + NOISE[1] * seen)
        values = np.clip(np.rint(seen * QUANTIFICATION), 1, 65535).astype(np.uint16)
        full = values.repeat(factor, axis=0).repeat(factor, axis=1)
        counts[index] = full[:height, :width]
    return counts


def _block_means(
    image: Float32[np.ndarray, "height width"], factor: int
) -> Float32[np.ndarray, "rows columns"]:
    height, width = image.shape
    padded = np.pad(image, ((0, -height % factor), (0, -width % factor)), mode="edge")
    # Sums of strided slices run several times faster than a mean over two axes.
    total = np.zeros_like(padded[::factor, ::factor])
    for row, column in np.ndindex(factor, factor):
        total += padded[row::factor, column::factor]
    return total / np.float32(factor**2)
