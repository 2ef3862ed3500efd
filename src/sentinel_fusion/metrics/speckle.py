"""Speckle where the ground is even: equivalent number of looks, likeness of neighbours.

Even ground is chosen by Sentinel-2, so that the choice does not favour weak speckle.
"""

import numpy as np
from jaxtyping import Float

from sentinel_fusion.bands import S1_BANDS, S2_BANDS

WINDOW_PX = 8
EVEN_SHARE = 0.1
"""Share of a place's windows that count as even: those that vary least."""
EVEN_BY = ("B02", "B03", "B04", "B08")
"""Bands whose variation is looked at: those of 10 m."""
_LEAST = 1e-9


def speckle_measures(
    pixels: Float[np.ndarray, "tiles size size 15"],
) -> dict[str, float]:
    """Numbers of the speckle of one place.

    Args:
        pixels: VV and VH in dB, then Sentinel-2; ``WINDOW_PX`` must divide the size.

    Returns:
        For each polarisation "looks" (squared mean over variance of the power in a
        window, the median over even windows; a little more than over endless ground,
        since neighbours are alike) and the correlation of "neighbours in rows" (one
        above the other) and "neighbours in columns".
    """
    power = _even_windows(pixels)
    relative = power / power.mean(axis=(1, 2), keepdims=True) - 1
    found: dict[str, float] = {}
    for index, band in enumerate(S1_BANDS):
        values = relative[..., index]
        variance = np.maximum((values**2).mean(axis=(1, 2)), _LEAST)
        rows = (values[:, 1:] * values[:, :-1]).mean()
        columns = (values[:, :, 1:] * values[:, :, :-1]).mean()
        found |= {
            f"{band} looks": np.median(1 / variance),
            f"{band} neighbours in rows": rows / variance.mean(),
            f"{band} neighbours in columns": columns / variance.mean(),
        }
    return {name: float(value) for name, value in found.items()}


def _even_windows(
    pixels: Float[np.ndarray, "tiles size size 15"],
) -> Float[np.ndarray, "windows 8 8 2"]:
    """Linear radar power of the windows that vary least in Sentinel-2."""
    number, size, _, bands = pixels.shape
    across = size // WINDOW_PX
    windows = pixels.reshape(number, across, WINDOW_PX, across, WINDOW_PX, bands)
    windows = windows.swapaxes(2, 3).reshape(-1, WINDOW_PX, WINDOW_PX, bands)
    seen = windows[..., [2 + S2_BANDS.index(name) for name in EVEN_BY]]
    variation = seen.std(axis=(1, 2)) / np.maximum(seen.mean(axis=(1, 2)), 1)
    order = np.argsort(variation.mean(axis=1), kind="stable")
    chosen = order[: max(1, round(EVEN_SHARE * len(order)))]
    return np.asarray(10 ** (windows[chosen][..., : len(S1_BANDS)] / 10))
