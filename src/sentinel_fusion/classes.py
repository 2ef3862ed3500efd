"""Land-cover schemes and the maps between them: IGBP 17 -> DFC 10 -> 8 classes.

Maps of 10 m (ESA WorldCover, Esri) have tables of their own.

Source: IEEE GRSS Data Fusion Contest 2020 (simplified IGBP scheme, savanna and snow
left out of scoring); MODIS MCD12Q1 user guide, collection 6 (IGBP codes 1..17; the 0
that collection 5 gave to water is ignored); ESA WorldCover product user manual v2.0,
doi 10.5281/zenodo.7254221; Karra et al. 2021, doi 10.1109/IGARSS47720.2021.9553499
(Esri).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

IGNORE_INDEX = 255
"""Label of pixels and tiles that no loss and no metric looks at."""


@dataclass(frozen=True)
class LandCover:
    """One of the eight scored classes.

    Args:
        name: Lower-case name used in files and figures.
        colour: Fixed hex colour in every map and chart.
        dfc_code: Code in the DFC2020 label rasters.
    """

    name: str
    colour: str
    dfc_code: int


LAND_COVERS = (
    LandCover("forest", "#1b7837", 1),
    LandCover("shrubland", "#a6611a", 2),
    LandCover("grassland", "#a6d96a", 4),
    LandCover("wetland", "#35978f", 5),
    LandCover("cropland", "#e6b800", 6),
    LandCover("urban", "#d7191c", 7),
    LandCover("barren", "#b3a79d", 9),
    LandCover("water", "#2166ac", 10),
)
CLASS_NAMES = tuple(cover.name for cover in LAND_COVERS)
CLASS_COLOURS = tuple(cover.colour for cover in LAND_COVERS)
NUM_CLASSES = len(LAND_COVERS)

_IGBP_TO_DFC = (0, 1, 1, 1, 1, 1, 2, 2, 3, 3, 4, 5, 6, 7, 6, 8, 9, 10)


def _lookup(pairs: dict[int, int], default: int) -> UInt8[np.ndarray, "256"]:
    table = np.full(256, default, np.uint8)
    for source, target in pairs.items():
        table[source] = target
    return table


def _named_lookup(names: dict[int, str]) -> UInt8[np.ndarray, "256"]:
    pairs = {code: CLASS_NAMES.index(name) for code, name in names.items()}
    return _lookup(pairs, IGNORE_INDEX)


DFC_TO_CLASS = _lookup({c.dfc_code: i for i, c in enumerate(LAND_COVERS)}, IGNORE_INDEX)
"""Table over uint8: DFC2020 code -> class 0..7; savanna, snow and 0 are ignored."""
CLASS_TO_DFC = np.array([cover.dfc_code for cover in LAND_COVERS], np.uint8)
IGBP_TO_DFC = _lookup(dict(enumerate(_IGBP_TO_DFC)), 0)
"""Table over uint8: MODIS IGBP code -> DFC2020 code; codes above 17 become 0."""
WORLDCOVER_TO_CLASS = _named_lookup(
    {
        10: "forest",
        20: "shrubland",
        30: "grassland",
        40: "cropland",
        50: "urban",
        60: "barren",
        80: "water",
        90: "wetland",
        95: "wetland",
    }
)
"""Table over uint8: WorldCover code -> class 0..7.

Mangroves (95) are wetland: IGBP, from which the eight classes come, counts woody
vegetation in water as such. Snow and ice (70) is not scored; moss and lichen (100) has
no class that IGBP would give it everywhere; both are ignored, and so is 0, no data.
"""
ESRI_TO_CLASS = _named_lookup(
    {
        1: "water",
        2: "forest",
        3: "grassland",
        4: "wetland",
        5: "cropland",
        6: "shrubland",
        7: "urban",
        8: "barren",
        11: "grassland",
    }
)
"""Table over uint8: code of the Esri / Impact Observatory map -> class 0..7.

Rangeland (11) is grassland although it also holds shrubs, which the map does not tell
apart: shrubland then has no pixels. Its first edition did, as 3 grass and 6 scrub.
Flooded vegetation (4) is wetland although it holds paddy fields. Snow (9) and clouds
(10) are ignored, and so is 0, no data.
"""
LABEL_SCHEMES = {
    "dfc": DFC_TO_CLASS,
    "igbp": DFC_TO_CLASS[IGBP_TO_DFC],
    "worldcover": WORLDCOVER_TO_CLASS,
    "esri": ESRI_TO_CLASS,
}
"""Tables from a raster's own codes to the eight classes, by the scheme's name."""


def to_classes(
    codes: UInt8[np.ndarray, "*shape"], scheme: str
) -> UInt8[np.ndarray, "*shape"]:
    """Label codes of a scheme as the eight classes.

    Args:
        codes: Raster codes of the scheme.
        scheme: A key of ``LABEL_SCHEMES``.

    Returns:
        Class indices 0..7, and ``IGNORE_INDEX`` where the code has no class.

    Raises:
        ValueError: If the scheme does not exist.
    """
    if scheme not in LABEL_SCHEMES:
        raise ValueError(
            f"label scheme must be one of {', '.join(LABEL_SCHEMES)}, got {scheme!r}"
        )
    return np.asarray(LABEL_SCHEMES[scheme][codes])
