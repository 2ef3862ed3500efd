"""Per-band statistics of stored tiles, exact from histograms of the stored integers."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Integer, Shaped

from sentinel_fusion.bands import BANDS, S1_NAN, S1_UNITS_PER_DB, S2_NODATA

_CODES = 65536
PERCENTILES = (1, 5, 25, 50, 75, 95, 99)
_UNITS = {"s1": S1_UNITS_PER_DB, "s2": 1}
HISTOGRAM_EDGES: dict[str, Float[np.ndarray, " edges"]] = {
    "s1": np.arange(-50.0, 31.0),
    "s2": np.geomspace(1.0, _CODES, 49),
}
"""Edges of the bins for figures: whole dB; equal steps of log reflectance x 10000."""


class BandHistograms:
    """Counts of every stored integer by band, without unmeasured pixels.

    Attributes:
        counts: A row a band, a column a stored integer taken as uint16.
    """

    def __init__(self, sensor: str) -> None:
        """Start with empty counts.

        Args:
            sensor: "s1" or "s2".
        """
        self._sensor = sensor
        self.counts: Integer[np.ndarray, "bands 65536"] = np.zeros(
            (len(BANDS[sensor]), _CODES), np.int64
        )

    def add(self, tiles: Integer[np.ndarray, "tiles rows cols bands"]) -> None:
        """Count the pixels of stored tiles.

        Args:
            tiles: Tiles in the numbers they are stored in, int16 for S1 and uint16 for
                S2, in any order of bytes.
        """
        codes = tiles.view(np.uint16)
        found = [
            np.bincount(codes[..., band].ravel()) for band in range(len(self.counts))
        ]
        missing = 0
        if self._sensor == "s2" and found[0].size and found[0][S2_NODATA]:
            missing = int((codes == S2_NODATA).all(axis=-1).sum())
        for counts, values in zip(self.counts, found, strict=True):
            counts[: len(values)] += values
            counts[S2_NODATA] -= missing
        if self._sensor == "s1":
            self.counts[:, S1_NAN] = 0

    def summary(self) -> dict[str, dict[str, float]]:
        """Mean, standard deviation and percentiles by band.

        Returns:
            Band name -> "mean", "sd", "p1" .. "p99" in dB or reflectance x 10000.
        """
        values, ordered = self._ascending()
        return {
            name: _summarise(values, counts, name)
            for name, counts in zip(BANDS[self._sensor], ordered, strict=True)
        }

    def binned(self) -> dict[str, list[int]]:
        """Pixels by band in the bins of ``HISTOGRAM_EDGES``.

        Returns:
            Band name -> counts; what lies beyond the ends is in the first or last bin.
        """
        values, ordered = self._ascending()
        edges = HISTOGRAM_EDGES[self._sensor]
        bins = np.searchsorted(edges, values, side="right") - 1
        bins = np.clip(bins, 0, len(edges) - 2)
        return {
            name: np.bincount(bins, counts, len(edges) - 1).astype(int).tolist()
            for name, counts in zip(BANDS[self._sensor], ordered, strict=True)
        }

    def _ascending(
        self,
    ) -> tuple[Float[np.ndarray, " codes"], Integer[np.ndarray, "bands codes"]]:
        """Values in their unit, ascending, and their counts."""
        # S1 is signed: its lower half stands behind its upper half
        first = S1_NAN if self._sensor == "s1" else 0
        values = np.arange(first, first + _CODES) / _UNITS[self._sensor]
        return values, np.roll(self.counts, -first, axis=1)


def _summarise(
    values: Float[np.ndarray, " codes"], counts: Shaped[np.ndarray, " codes"], name: str
) -> dict[str, float]:
    total = int(counts.sum())
    if total == 0:
        raise ValueError(f"{name} needs at least 1 valid pixel, got 0")
    mean = float(values @ counts) / total
    variance = float(((values - mean) ** 2) @ counts) / total
    cumulative = np.cumsum(counts)
    is_constant = np.count_nonzero(counts) == 1  # rounding would leave a tiny sd
    summary = {"mean": mean, "sd": 0.0 if is_constant else variance**0.5}
    for percent in PERCENTILES:
        code = int(np.searchsorted(cumulative, percent / 100 * total))
        summary[f"p{percent}"] = float(values[code])
    return summary


@dataclass(frozen=True)
class Normalisation:
    """Mean and standard deviation a band, carried with every encoder.

    Args:
        mean: Sensor -> one mean a band, in dB or reflectance x 10000.
        sd: Sensor -> one standard deviation a band, all > 0.
    """

    mean: dict[str, list[float]]
    sd: dict[str, list[float]]


def normalisation_of(bands: dict[str, dict[str, dict[str, float]]]) -> Normalisation:
    """The normalisation that makes every band zero mean and unit deviation.

    Args:
        bands: Sensor -> band -> summary, the ``bands`` entry of a store's stats.json.

    Returns:
        Means and deviations in storage order; a constant band has deviation 1.
    """
    return Normalisation(
        mean={s: [bands[s][b]["mean"] for b in BANDS[s]] for s in bands},
        sd={s: [bands[s][b]["sd"] or 1.0 for b in BANDS[s]] for s in bands},
    )
