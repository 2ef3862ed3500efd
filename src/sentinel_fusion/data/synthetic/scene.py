"""One simulated scene: a place, its map, its ground, and two sensors over it."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, UInt8, UInt16

from sentinel_fusion.classes import CLASS_TO_DFC
from sentinel_fusion.data.synthetic.land_cover import draw_land_map
from sentinel_fusion.data.synthetic.optics import render_optics
from sentinel_fusion.data.synthetic.place import draw_place
from sentinel_fusion.data.synthetic.radar import render_radar
from sentinel_fusion.data.synthetic.surface import draw_surface

SMALLEST_PX = 16


@dataclass(frozen=True)
class Scene:
    """Co-located rasters of one place.

    Args:
        s1: Sigma nought in dB, VV and VH.
        s2: Level-1C reflectance x 10000, in the order of ``bands.S2_BANDS``.
        label: DFC2020 codes 1..10.
    """

    s1: Float32[np.ndarray, "height width 2"]
    s2: UInt16[np.ndarray, "height width 13"]
    label: UInt8[np.ndarray, "height width"]


def simulate_scene(
    *, height_px: int, width_px: int, season: str, rng: np.random.Generator
) -> Scene:
    """Simulates both sensors and the land cover of one new place.

    Args:
        height_px: Height, at least ``SMALLEST_PX``, in 10 m pixels.
        width_px: Width, likewise.
        season: One of ``place.SEASONS``.
        rng: Source of randomness.

    Returns:
        The scene; the same generator state gives the same scene.

    Raises:
        ValueError: If a side is too short; the season is checked by ``draw_place``.
    """
    for name, side_px in (("height_px", height_px), ("width_px", width_px)):
        if side_px < SMALLEST_PX:
            raise ValueError(
                f"{name} must be >= {SMALLEST_PX}, got {side_px}; "
                "simulate a larger scene and crop it"
            )
    place = draw_place(season, rng)
    land = draw_land_map(place, (height_px, width_px), rng)
    surface = draw_surface(land, place, rng)
    return Scene(
        s1=np.moveaxis(render_radar(surface, land, place, rng), 0, -1),
        s2=np.moveaxis(render_optics(surface, land, place, rng), 0, -1),
        label=CLASS_TO_DFC[land.cover],
    )
