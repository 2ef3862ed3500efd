"""Land-cover schemes and the maps between them: IGBP 17 -> DFC 10 -> 8 classes.

Source: IEEE GRSS Data Fusion Contest 2020 (simplified IGBP scheme, savanna and snow
left out of scoring); MODIS MCD12Q1 user guide (IGBP codes 1..17).
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


DFC_TO_CLASS = _lookup({c.dfc_code: i for i, c in enumerate(LAND_COVERS)}, IGNORE_INDEX)
"""Table over uint8: DFC2020 code -> class 0..7; savanna, snow and 0 are ignored."""
CLASS_TO_DFC = np.array([cover.dfc_code for cover in LAND_COVERS], np.uint8)
IGBP_TO_DFC = _lookup(dict(enumerate(_IGBP_TO_DFC)), 0)
"""Table over uint8: MODIS IGBP code -> DFC2020 code; codes above 17 become 0."""
LABEL_SCHEMES = {
    "dfc": DFC_TO_CLASS,
    "igbp": DFC_TO_CLASS[IGBP_TO_DFC],
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
