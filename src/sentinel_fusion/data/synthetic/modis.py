"""The coarse land cover that SEN12MS ships: MODIS classes on a 500 m grid."""

import numpy as np
from jaxtyping import UInt8

from sentinel_fusion.classes import CLASS_TO_DFC, DFC_TO_CLASS, IGBP_TO_DFC, NUM_CLASSES

BLOCK_PX = 50
"""A MODIS pixel of 500 m in pixels of 10 m."""
LC_LAYERS = ("IGBP", "LCCS land cover", "LCCS land use", "LCCS surface hydrology")

_CLASS_TO_IGBP = np.array(
    [np.flatnonzero(code == IGBP_TO_DFC)[0] for code in CLASS_TO_DFC], np.uint8
)


def coarse_land_cover(
    label: UInt8[np.ndarray, "height width"],
) -> UInt8[np.ndarray, "height width 4"]:
    """Majority class of each 500 m block as IGBP codes; the LCCS layers stay 0.

    Args:
        label: DFC2020 codes of the eight scored classes.

    Returns:
        Four layers in the order of ``LC_LAYERS``; a class with several IGBP codes
        takes the first.
    """
    height, width = label.shape
    block_rows = np.arange(height) // BLOCK_PX
    block_columns = np.arange(width) // BLOCK_PX
    num_columns = int(block_columns[-1]) + 1
    blocks = block_rows[:, None] * num_columns + block_columns[None, :]
    num_blocks = int(blocks[-1, -1]) + 1
    votes = np.bincount(
        (blocks * NUM_CLASSES + DFC_TO_CLASS[label]).ravel(),
        minlength=num_blocks * NUM_CLASSES,
    )
    majority = votes.reshape(num_blocks, NUM_CLASSES).argmax(axis=1)
    layers = np.zeros((height, width, len(LC_LAYERS)), np.uint8)
    layers[..., 0] = _CLASS_TO_IGBP[majority][blocks]
    return layers
