"""How patches become tiles, what a store keeps of them, why a tile is refused."""

from dataclasses import dataclass

import numpy as np

from sentinel_fusion.bands import BANDS

REJECTIONS = ("s1_invalid", "s2_invalid", "label_ignored")
"""Reasons that refuse a tile; where several hold, the first counts."""
PATCH_TOO_SMALL = "patch_smaller_than_tile"
UNREADABLE = {layer: f"{layer}_unreadable" for layer in ("s1", "s2", "label")}
"""Layer -> the reason that refuses a patch whose raster cannot be read."""


@dataclass(frozen=True)
class TileRules:
    """How patches become tiles.

    Args:
        size_px: Edge of a tile.
        stride_px: Pixels between the corners of neighbouring tiles.
        max_invalid_share: Largest share of pixels a sensor may lack, 0..1.
        min_label_share: Smallest share of pixels with a class, 0..1.
        min_class_share: Share of pixels from which a class counts as present, 0..1.
        shard_mib: Largest size of a shard.
    """

    size_px: int
    stride_px: int
    max_invalid_share: float
    min_label_share: float
    min_class_share: float
    shard_mib: int


def layers(
    size_px: int, *, with_labels: bool
) -> dict[str, tuple[tuple[int, ...], type[np.generic]]]:
    """What a store keeps of each tile.

    Args:
        size_px: Edge of a tile.
        with_labels: Whether labels are kept.

    Returns:
        Layer -> shape and type of a tile.
    """
    edge = (size_px, size_px)
    kept: dict[str, tuple[tuple[int, ...], type[np.generic]]] = {
        "s1": ((*edge, len(BANDS["s1"])), np.int16),
        "s2": ((*edge, len(BANDS["s2"])), np.uint16),
    }
    if with_labels:
        kept["label"] = (edge, np.uint8)
    return kept
