"""Statistics of one place's tiles by which simulated and real rasters are compared.

All are taken within square tiles of ``TILE_PX``, so that places of any size compare.
"""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float, Shaped

from sentinel_fusion.bands import S1_BANDS, S2_BANDS

TILE_PX = 32
BAND_GROUPS = {
    "S2 10 m": ("B02", "B03", "B04", "B08"),
    "S2 20 m": ("B05", "B06", "B07", "B8A", "B11", "B12"),
    "S2 60 m": ("B01", "B09"),
    "VV": ("VV",),
    "VH": ("VH",),
}
"""Bands whose spectra are averaged. B10 holds no ground and is left out."""
BLOCK_PX = 8
"""Side of the blocks that speckle is averaged over, and of homogeneous windows."""
HOMOGENEOUS_SHARE = 0.1
"""Share of windows taken as homogeneous: those of least variation in Sentinel-2."""
SLOPE_CYCLES = (2, 8)
"""Cycles a tile between which the slope of a spectrum is fitted: 160 to 40 m."""
FINE_CYCLES = 8
"""Cycles a tile above which variance counts as fine: wavelengths below 40 m."""
HISTOGRAM_PERCENTILES = (1, 10, 90, 99)

Measures = dict[str, dict[str, float]]
"""Group -> measure -> value."""
_BANDS = (*S1_BANDS, *S2_BANDS)
_Tiles = Float[np.ndarray, "tiles 32 32 bands"]


def place_measures(
    s1: Float[np.ndarray, "tiles 32 32 2"], s2: Shaped[np.ndarray, "tiles 32 32 13"]
) -> Measures:
    """Statistics of one place.

    Args:
        s1: Backscatter in dB, without missing pixels.
        s2: Reflectance x 10000 of the same tiles.

    Returns:
        Group -> measure -> value: "means" and "spreads" (deviation over the place) of
        each band, "S2 correlations" between bands, "S1-S2 correlations" (radar power
        and reflectance averaged over blocks of 80 m), "texture" (slope of the radially
        averaged power spectrum, share of fine variance, share of the place's variance
        within tiles), "S1 histogram" (VV with VH, percentiles about the median) and
        "speckle" (looks and correlation between neighbours in homogeneous windows).
    """
    pixels = np.concatenate([s1, s2], axis=-1, dtype=np.float64)
    flat = pixels.reshape(-1, len(_BANDS))
    means, spreads = flat.mean(axis=0), flat.std(axis=0)
    return {
        "means": dict(zip(_BANDS, means.tolist(), strict=True)),
        "spreads": dict(zip(_BANDS, spreads.tolist(), strict=True)),
        "S2 correlations": _pairs(_correlation(flat[:, 2:]), S2_BANDS),
        "S1-S2 correlations": _cross(pixels),
        "texture": _texture(pixels),
        "S1 histogram": _histogram(flat[:, :2]),
        "speckle": _speckle(pixels),
    }


def band_correlations(measures: Measures) -> Float[np.ndarray, "15 15"]:
    """Correlations of a place as one matrix, to be drawn.

    Args:
        measures: As ``place_measures`` gives them.

    Returns:
        VV, VH, then Sentinel-2, in storage order; the diagonal is 1.
    """
    named = {
        **measures["S2 correlations"],
        **measures["S1-S2 correlations"],
        "VV VH": measures["S1 histogram"]["VV VH correlation"],
    }
    matrix = np.eye(len(_BANDS))
    for names, value in named.items():
        row, column = (_BANDS.index(name) for name in names.split())
        matrix[row, column] = matrix[column, row] = value
    return matrix


def radial_spectra(
    tiles: _Tiles,
) -> Float[np.ndarray, "bands cycles"]:
    """Radially averaged power spectra, averaged over tiles.

    Args:
        tiles: Pixels of any unit; the mean of each tile is removed and a Hann window
            laid over it.

    Returns:
        Power at 1, 2, ... cycles a tile, each band's sum over its ring-weighted
        spectrum scaled to 1; a band without variance gives zeros.
    """
    size = tiles.shape[1]
    window = np.hanning(size + 1)[:-1]
    centred = tiles - tiles.mean(axis=(1, 2), keepdims=True)
    centred = centred * np.outer(window, window)[None, :, :, None]
    power = (np.abs(np.fft.fft2(centred, axes=(1, 2))) ** 2).mean(axis=0)
    cycles = np.fft.fftfreq(size, 1 / size)
    ring = np.rint(np.hypot(cycles[:, None], cycles[None, :])).astype(int).ravel()
    counts = np.bincount(ring)[1 : size // 2 + 1]
    totals = np.stack(
        [np.bincount(ring, band.ravel())[1 : size // 2 + 1] for band in power.T]
    )
    scale = totals.sum(axis=1, keepdims=True)
    return np.asarray(totals / counts / np.where(scale > 0, scale, 1))


def group_spectra(
    spectra: Float[np.ndarray, "15 cycles"],
) -> dict[str, Float[np.ndarray, " cycles"]]:
    """Mean spectrum of each band group.

    Args:
        spectra: As ``radial_spectra`` gives them for all bands, VV and VH first.

    Returns:
        Key of ``BAND_GROUPS`` -> spectrum.
    """
    return {
        group: np.asarray(spectra[[_BANDS.index(name) for name in names]].mean(axis=0))
        for group, names in BAND_GROUPS.items()
    }


def _correlation(
    values: Float[np.ndarray, "pixels bands"],
) -> Float[np.ndarray, "bands bands"]:
    """Pearson's correlations; 0 where a band does not vary."""
    centred = values - values.mean(axis=0)
    norm = np.sqrt((centred**2).sum(axis=0))
    centred /= np.where(norm > 0, norm, 1)
    return np.asarray(centred.T @ centred)


def _pairs(
    matrix: Float[np.ndarray, "bands bands"], names: tuple[str, ...]
) -> dict[str, float]:
    return {
        f"{names[row]} {names[column]}": float(matrix[row, column])
        for row, column in zip(*np.triu_indices(len(names), 1), strict=True)
    }


def _blocks(tiles: _Tiles) -> Float[np.ndarray, "blocks 64 bands"]:
    """Pixels of each block of ``BLOCK_PX`` squared."""
    number, side, _, bands = tiles.shape
    split = (number, side // BLOCK_PX, BLOCK_PX, side // BLOCK_PX, BLOCK_PX, bands)
    blocks = tiles.reshape(split).swapaxes(2, 3)
    return blocks.reshape(-1, BLOCK_PX**2, bands)


def _power(backscatter_db: Shaped[np.ndarray, "..."]) -> Shaped[np.ndarray, "..."]:
    return np.asarray(10 ** (backscatter_db / 10))


def _cross(pixels: _Tiles) -> dict[str, float]:
    blocks = _blocks(pixels)
    means = blocks.mean(axis=1)
    means[:, :2] = 10 * np.log10(_power(blocks[..., :2]).mean(axis=1))
    matrix = _correlation(means)
    return {
        f"{s1} {s2}": float(matrix[row, 2 + column])
        for row, s1 in enumerate(S1_BANDS)
        for column, s2 in enumerate(S2_BANDS)
    }


def _texture(pixels: _Tiles) -> dict[str, float]:
    first, last = SLOPE_CYCLES
    size = pixels.shape[1]
    cycles = np.arange(1, size // 2 + 1)
    rings = np.pi * 2 * cycles
    within = pixels.var(axis=(1, 2)).mean(axis=0)
    total = pixels.var(axis=(0, 1, 2))
    shares = within / np.where(total > 0, total, 1)
    found = {}
    for group, power in group_spectra(radial_spectra(pixels)).items():
        logs = np.log(np.maximum(power, 1e-12))
        fitted = slice(first - 1, last)
        weighted = power * rings
        bands = [_BANDS.index(name) for name in BAND_GROUPS[group]]
        found[f"{group} slope"] = float(
            np.polyfit(np.log(cycles[fitted]), logs[fitted], 1)[0]
        )
        found[f"{group} fine share"] = float(
            weighted[FINE_CYCLES:].sum() / max(weighted.sum(), 1e-12)
        )
        found[f"{group} within tiles"] = float(shares[bands].mean())
    return found


def _histogram(backscatter_db: Float[np.ndarray, "pixels 2"]) -> dict[str, float]:
    found = {"VV VH correlation": float(_correlation(backscatter_db)[0, 1])}
    for index, band in enumerate(S1_BANDS):
        values = backscatter_db[:, index]
        about = np.percentile(values, HISTOGRAM_PERCENTILES) - np.median(values)
        for percentile, offset in zip(HISTOGRAM_PERCENTILES, about, strict=True):
            found[f"{band} p{percentile} - median"] = float(offset)
    return found


def homogeneous_windows(pixels: _Tiles) -> Float[np.ndarray, "windows 8 8 2"]:
    """Radar power in the windows that Sentinel-2 shows as most even.

    Chosen by the other sensor, so that the choice does not favour weak speckle.

    Args:
        pixels: All bands, VV and VH in dB first.

    Returns:
        Linear power of VV and VH in ``HOMOGENEOUS_SHARE`` of the windows.
    """
    blocks = _blocks(pixels)
    fine = [_BANDS.index(name) for name in BAND_GROUPS["S2 10 m"]]
    variation = (blocks.std(axis=1) / np.maximum(blocks.mean(axis=1), 1))[:, fine]
    order = np.argsort(variation.mean(axis=1), kind="stable")
    chosen = order[: max(1, round(HOMOGENEOUS_SHARE * len(order)))]
    return _power(blocks[chosen, :, :2]).reshape(-1, BLOCK_PX, BLOCK_PX, 2)


def _speckle(pixels: _Tiles) -> dict[str, float]:
    power = homogeneous_windows(pixels)
    mean = power.mean(axis=(1, 2), keepdims=True)
    relative = power / mean - 1
    found = {}
    for index, band in enumerate(S1_BANDS):
        values = relative[..., index]
        variance = values.var(axis=(1, 2))
        found[f"{band} looks"] = float(np.median(1 / np.maximum(variance, 1e-9)))
        for name, shifted, kept in (
            ("rows", values[:, 1:], values[:, :-1]),
            ("columns", values[:, :, 1:], values[:, :, :-1]),
        ):
            found[f"{band} neighbours in {name}"] = float(
                (shifted * kept).mean() / max(float(variance.mean()), 1e-9)
            )
    return found


def summarise(
    places: list[Measures],
) -> Mapping[str, Mapping[str, Float[np.ndarray, " places"]]]:
    """Turns measures of places into one array a measure.

    Args:
        places: Measures of each place, of the same keys.

    Returns:
        Group -> measure -> values, in the order of ``places``.
    """
    return {
        group: {name: np.array([place[group][name] for place in places]) for name in by}
        for group, by in places[0].items()
    }
