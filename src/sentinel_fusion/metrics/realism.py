"""Where simulated places lie inside the spread of real ones, and where not."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from sentinel_fusion.metrics.place_measures import BANDS, PlaceMeasures

SYNTHETIC_PERCENTILES = (5, 50, 95)
"""Low, median and high of the simulated places."""
POOLED = "all places"
"""Group of the statistics over all places together, against published ones."""
COLUMNS = [
    *("measure", "group", "synthetic_median", "synthetic_low", "synthetic_high"),
    *("real_low", "real_high", "published", "inside", "covered"),
]
Published = Sequence[Mapping[str, tuple[float, float]]]


def compare_places(
    synthetic: Sequence[PlaceMeasures],
    real: Sequence[PlaceMeasures],
    published: Published,
) -> pd.DataFrame:
    """Compares simulated places with real ones, measure by measure.

    Args:
        synthetic: Simulated places; none gives no row.
        real: Real places, at least one.
        published: Mean and deviation of each band of data sets, the first of which
            stands in the table.

    Returns:
        Columns ``COLUMNS``, a row a measure: median and 5th and 95th percentile of the
        simulated places, lowest and highest real place, whether the median lies between
        them ("inside"), and the share of real places between the percentiles
        ("covered"). Rows of the group ``POOLED`` hold mean and deviation over all
        places together instead, between the published data sets.
    """
    if not synthetic:
        return pd.DataFrame(columns=COLUMNS)
    rows = [
        {"measure": measure, "group": group}
        | _place(_values(synthetic, group, measure), _values(real, group, measure))
        for group, measures in real[0].values.items()
        for measure in measures
    ]
    table = pd.DataFrame([*rows, *_pooled(synthetic, published)], columns=COLUMNS)
    is_mean = table["group"] == "means"
    found = [published[0][band][0] for band in table.loc[is_mean, "measure"]]
    table.loc[is_mean, "published"] = found
    table["inside"] = table["inside"].astype(bool)
    return table


def _values(places: Sequence[PlaceMeasures], group: str, measure: str) -> np.ndarray:
    return np.array([place.values[group][measure] for place in places])


def _place(synthetic: np.ndarray, real: np.ndarray) -> dict[str, Any]:
    low, median, high = np.percentile(synthetic, SYNTHETIC_PERCENTILES)
    return {
        "synthetic_median": median,
        "synthetic_low": low,
        "synthetic_high": high,
        "real_low": real.min(),
        "real_high": real.max(),
        "inside": real.min() <= median <= real.max(),
        "covered": ((low <= real) & (real <= high)).mean(),
    }


def _pooled(
    synthetic: Sequence[PlaceMeasures], published: Published
) -> list[dict[str, Any]]:
    rows = []
    for band in BANDS:
        means = _values(synthetic, "means", band)
        spreads = _values(synthetic, "spreads", band)
        deviation = np.sqrt((spreads**2).mean() + means.var())
        for name, value, part in (("mean", means.mean(), 0), ("sd", deviation, 1)):
            others = [data_set[band][part] for data_set in published]
            rows.append(
                {
                    "measure": f"{band} {name}",
                    "group": POOLED,
                    "synthetic_median": value,
                    "real_low": min(others),
                    "real_high": max(others),
                    "published": others[0],
                    "inside": min(others) <= value <= max(others),
                }
            )
    return rows


def summarise_realism(
    table: pd.DataFrame, *, num_synthetic: int, num_real: int
) -> dict[str, Any]:
    """Numbers that ``dvc metrics diff`` can compare.

    Args:
        table: As ``compare_places`` gives it.
        num_synthetic: Simulated places.
        num_real: Real places.

    Returns:
        Numbers of places and, where there are simulated ones, over all measures and by
        group: how many measures, the share of them "inside" and, except for the pooled
        ones, the mean share of real places "covered".
    """
    counts = {"synthetic_places": num_synthetic, "real_places": num_real}
    if table.empty:
        return counts
    groups = {
        str(name).replace(" ", "_").replace("-", "_").lower(): _shares(rows)
        for name, rows in table.groupby("group", sort=False)
    }
    return counts | _shares(table) | {"groups": groups}


def _shares(rows: pd.DataFrame) -> dict[str, Any]:
    shares = {"measures": len(rows), "inside": round(float(rows["inside"].mean()), 4)}
    covered = float(rows["covered"].mean())
    return shares if np.isnan(covered) else shares | {"covered": round(covered, 4)}
