"""Texture of tiles: radially averaged power spectra and what they say."""

import numpy as np
from jaxtyping import Float

from sentinel_fusion.bands import S1_BANDS, S2_BANDS

BAND_GROUPS = {
    "S2 10 m": ("B02", "B03", "B04", "B08"),
    "S2 20 m": ("B05", "B06", "B07", "B8A", "B11", "B12"),
    "S2 60 m": ("B01", "B09"),
    "VV": ("VV",),
    "VH": ("VH",),
}
"""Bands whose spectra are averaged. B10 sees no ground and is left out."""
SLOPE_CYCLES = (2, 8)
"""Cycles a tile between which the slope of a spectrum is fitted."""
FINE_CYCLES = 8
"""Cycles a tile above which variance counts as fine: wavelengths below a quarter."""
_BANDS = (*S1_BANDS, *S2_BANDS)
_LEAST = 1e-12


def group_spectra(
    pixels: Float[np.ndarray, "tiles size size 15"],
) -> dict[str, Float[np.ndarray, " cycles"]]:
    """Radially averaged power spectra of each band group, averaged over tiles.

    Args:
        pixels: All bands, VV and VH first; the mean of each tile is removed and a Hann
            window laid over it.

    Returns:
        Key of ``BAND_GROUPS`` -> mean power of a frequency at 1, 2, ... size / 2 cycles
        a tile; all frequencies together have power 1, without variance 0.
    """
    spectra = _radial_spectra(pixels)
    return {
        group: np.asarray(spectra[[_BANDS.index(name) for name in names]].mean(axis=0))
        for group, names in BAND_GROUPS.items()
    }


def _radial_spectra(
    tiles: Float[np.ndarray, "tiles size size bands"],
) -> Float[np.ndarray, "bands cycles"]:
    size = tiles.shape[1]
    window = np.hanning(size + 1)[:-1]
    centred = tiles - tiles.mean(axis=(1, 2), keepdims=True)
    centred = centred * np.outer(window, window)[None, :, :, None]
    power = (np.abs(np.fft.fft2(centred, axes=(1, 2))) ** 2).mean(axis=0)
    ring = _rings(size).ravel()
    totals = np.stack(
        [np.bincount(ring, band.ravel())[1 : size // 2 + 1] for band in power.T]
    )
    scale = np.maximum(totals.sum(axis=1, keepdims=True), _LEAST)
    return np.asarray(totals / _ring_sizes(size) / scale)


def _rings(size: int) -> np.ndarray:
    cycles = np.fft.fftfreq(size, 1 / size)
    return np.asarray(np.rint(np.hypot(cycles[:, None], cycles[None, :])), int)


def _ring_sizes(size: int) -> np.ndarray:
    return np.asarray(np.bincount(_rings(size).ravel())[1 : size // 2 + 1])


def texture_measures(
    pixels: Float[np.ndarray, "tiles size size 15"],
    spectra: dict[str, Float[np.ndarray, " cycles"]],
) -> dict[str, float]:
    """Numbers of the spectra of one place.

    Args:
        pixels: All bands, VV and VH first.
        spectra: Their spectra, as ``group_spectra`` gives them.

    Returns:
        For each band group its "slope" (log power over log frequency), its "fine share"
        of the variance within tiles, and the share of the place's variance that lies
        "within tiles".
    """
    size = pixels.shape[1]
    cycles = np.arange(1, size // 2 + 1)
    fitted = slice(SLOPE_CYCLES[0] - 1, SLOPE_CYCLES[1])
    within = pixels.var(axis=(1, 2)).mean(axis=0)
    shares = within / np.maximum(pixels.var(axis=(0, 1, 2)), _LEAST)
    found: dict[str, float] = {}
    for group, names in BAND_GROUPS.items():
        logs = np.log(np.maximum(spectra[group], _LEAST))[fitted]
        ringed = spectra[group] * _ring_sizes(size)
        bands = [_BANDS.index(name) for name in names]
        found |= {
            f"{group} slope": np.polyfit(np.log(cycles[fitted]), logs, 1)[0],
            f"{group} fine share": ringed[FINE_CYCLES:].sum(),
            f"{group} within tiles": shares[bands].mean(),
        }
    return {name: float(value) for name, value in found.items()}
