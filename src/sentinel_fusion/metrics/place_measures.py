"""Statistics of one place by which simulated and real rasters are compared.

All are taken within tiles of ``TILE_PX``, so that places of any size compare.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Shaped

from sentinel_fusion.bands import S1_BANDS, S2_BANDS
from sentinel_fusion.metrics.speckle import speckle_measures
from sentinel_fusion.metrics.texture import group_spectra, texture_measures

TILE_PX = 32
BANDS = (*S1_BANDS, *S2_BANDS)
BLOCK_PX = 8
"""Side of the blocks over which both sensors are averaged before they are related."""
PERCENTILES = (1, 10, 90, 99)
HISTOGRAM_DB = (-45, 15)
"""Limits of the histogram, in bins of 1 dB; what lies beyond counts at the ends."""


@dataclass(frozen=True)
class PlaceMeasures:
    """What is known about one place.

    Args:
        name: Name of the place.
        values: Group -> measure -> value.
        spectra: Band group -> mean power at 1, 2, ... cycles a tile.
        histograms: "VV" and "VH" -> share of pixels in each dB of ``HISTOGRAM_DB``.
    """

    name: str
    values: dict[str, dict[str, float]]
    spectra: dict[str, list[float]]
    histograms: dict[str, list[float]]


def measure_place(
    name: str,
    s1: Float[np.ndarray, "tiles 32 32 2"],
    s2: Shaped[np.ndarray, "tiles 32 32 13"],
) -> PlaceMeasures:
    """Measures one place.

    Args:
        name: Name of the place.
        s1: Backscatter in dB, without missing pixels.
        s2: Reflectance x 10000 of the same tiles.

    Returns:
        "means" and "spreads" (deviation over the place) of each band, "S2 correlations"
        between bands, "S1-S2 correlations" (power and reflectance averaged over blocks
        of 80 m), "texture", "S1 histogram" (percentiles about the median, correlation
        of VV with VH) and "speckle".

    Raises:
        ValueError: If a band is 0 everywhere, as where a source lacks it.
    """
    highest = dict(zip(S2_BANDS, s2.max(axis=(0, 1, 2)), strict=True))
    empty = [band for band, value in highest.items() if value == 0]
    if empty:
        raise ValueError(
            f"place {name} must have all bands, {', '.join(empty)} are 0 everywhere; "
            "leave it out"
        )
    pixels = np.concatenate([s1, s2], axis=-1, dtype=np.float64)
    flat = pixels.reshape(-1, len(BANDS))
    spectra = group_spectra(pixels)
    values = {
        "means": dict(zip(BANDS, flat.mean(axis=0).tolist(), strict=True)),
        "spreads": dict(zip(BANDS, flat.std(axis=0).tolist(), strict=True)),
        "S2 correlations": _among(_correlations(flat[:, 2:]), S2_BANDS),
        "S1-S2 correlations": _between(pixels),
        "texture": texture_measures(pixels, spectra),
        "S1 histogram": _distribution(flat[:, :2]),
        "speckle": speckle_measures(pixels),
    }
    return PlaceMeasures(
        name,
        values,
        {group: power.tolist() for group, power in spectra.items()},
        {band: _histogram(flat[:, i]) for i, band in enumerate(S1_BANDS)},
    )


def rounded(place: PlaceMeasures, digits: int = 4) -> PlaceMeasures:
    """A place with its numbers cut to some digits, to be kept in a file.

    Args:
        place: Any place.
        digits: Significant digits.

    Returns:
        The place.
    """

    def cut(values: list[float]) -> list[float]:
        return [float(f"{value:.{digits}g}") for value in values]

    return PlaceMeasures(
        place.name,
        {
            group: dict(zip(measures, cut(list(measures.values())), strict=True))
            for group, measures in place.values.items()
        },
        {group: cut(power) for group, power in place.spectra.items()},
        {band: cut(shares) for band, shares in place.histograms.items()},
    )


def correlation_matrix(
    values: dict[str, dict[str, float]],
) -> Float[np.ndarray, "15 15"]:
    """All correlations of a place in one matrix, to be drawn.

    Args:
        values: As in ``PlaceMeasures``.

    Returns:
        VV, VH, then Sentinel-2, in storage order; the diagonal is 1.
    """
    named = {**values["S2 correlations"], **values["S1-S2 correlations"]}
    named["VV VH"] = values["S1 histogram"]["VV VH"]
    matrix = np.eye(len(BANDS))
    for pair, value in named.items():
        row, column = (BANDS.index(band) for band in pair.split())
        matrix[row, column] = matrix[column, row] = value
    return matrix


def _correlations(
    values: Float[np.ndarray, "pixels bands"],
) -> Float[np.ndarray, "bands bands"]:
    """Pearson's correlations; 0 where a band does not vary."""
    centred = values - values.mean(axis=0)
    norm = np.sqrt((centred**2).sum(axis=0))
    centred /= np.where(norm > 0, norm, 1)
    return np.asarray(centred.T @ centred)


def _among(
    matrix: Float[np.ndarray, "bands bands"], names: tuple[str, ...]
) -> dict[str, float]:
    return {
        f"{names[row]} {names[column]}": float(matrix[row, column])
        for row, column in zip(*np.triu_indices(len(names), 1), strict=True)
    }


def _between(pixels: Float[np.ndarray, "tiles 32 32 15"]) -> dict[str, float]:
    number, size, _, bands = pixels.shape
    across = size // BLOCK_PX
    power = pixels.copy()
    power[..., :2] = 10 ** (power[..., :2] / 10)
    blocks = power.reshape(number, across, BLOCK_PX, across, BLOCK_PX, bands)
    means = blocks.mean(axis=(2, 4)).reshape(-1, bands)
    means[:, :2] = np.log10(means[:, :2])
    matrix = _correlations(means)
    return {
        f"{s1} {s2}": float(matrix[row, 2 + column])
        for row, s1 in enumerate(S1_BANDS)
        for column, s2 in enumerate(S2_BANDS)
    }


def _distribution(backscatter_db: Float[np.ndarray, "pixels 2"]) -> dict[str, float]:
    found = {"VV VH": float(_correlations(backscatter_db)[0, 1])}
    for index, band in enumerate(S1_BANDS):
        values = backscatter_db[:, index]
        about = np.percentile(values, PERCENTILES) - np.median(values)
        for percentile, offset in zip(PERCENTILES, about.tolist(), strict=True):
            found[f"{band} p{percentile} from median"] = offset
    return found


def _histogram(backscatter_db: Float[np.ndarray, " pixels"]) -> list[float]:
    low, high = HISTOGRAM_DB
    inside = np.clip(backscatter_db, low, high - 1e-6)
    counts, _ = np.histogram(inside, bins=high - low, range=(low, high))
    return [float(share) for share in counts / inside.size]
