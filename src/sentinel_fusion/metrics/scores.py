"""Scores of a cell's predictions, by the metrics module of its task."""

from collections.abc import Iterable, Iterator
from itertools import product

import pandas as pd

from sentinel_fusion.classes import CLASS_NAMES
from sentinel_fusion.metrics.evidence import Evidence, Part, runs
from sentinel_fusion.metrics.task_metrics import metrics_of

_DIGITS = 6
_TABULAR = ("confusion_", "precision_")
"""Scores left out of the headline, where they would hide the others."""
MOST_ROWS = 20_000
"""Length of the confusion table from which its rows are thinned out."""


def score_predictions(
    parts: Iterable[Part], task: str
) -> Iterator[tuple[str, int, dict[str, float]]]:
    """Score a cell or an ensemble, one use and seed after the other.

    Args:
        parts: Parts, those of a use and seed one after another.
        task: Name of the task, a module of ``sentinel_fusion.metrics``.

    Yields:
        Use, seed, and metric -> value of the test tiles.
    """
    for use, seed, tiles in runs(parts, task):
        yield use, seed, Evidence(task, tiles).scores()


def headline_summary(scores: pd.DataFrame, task: str) -> dict[str, dict[str, float]]:
    """Means over seeds, as ``dvc metrics`` shows them.

    Args:
        scores: Scores of one cell.
        task: Name of the task.

    Returns:
        Use -> metric -> mean, and "<metric>_sd" for the task's headline metric.
    """
    headline = metrics_of(task).HEADLINE_METRIC
    shown = scores[~scores["metric"].str.startswith(_TABULAR)]
    summary = {}
    for use, group in shown.groupby("use"):
        values = group.groupby("metric", sort=False)["value"]
        means = {
            str(name): round(mean, _DIGITS) for name, mean in values.mean().items()
        }
        spread = float(values.std(ddof=0)[headline])
        summary[str(use)] = {**means, f"{headline}_sd": round(spread, _DIGITS)}
    return summary


def confusion_rows(scores: pd.DataFrame, use: str) -> pd.DataFrame:
    """A row a test item and seed, as DVC's confusion plot counts them.

    Args:
        scores: Scores of one cell.
        use: Use of the encoder.

    Returns:
        Columns "actual" and "predicted" with class names; beyond ``MOST_ROWS`` items,
        as the pixels of segmentation are, a row stands for equally many of them.
    """
    counts = scores[scores["use"] == use].groupby("metric")["value"].sum()
    cells = {
        (true, other): int(counts.get(f"confusion_{true}_{other}", 0))
        for true, other in product(CLASS_NAMES, CLASS_NAMES)
    }
    items_a_row = max(1, -(-sum(cells.values()) // MOST_ROWS))
    rows = [
        pair for pair, count in cells.items() for _ in range(round(count / items_a_row))
    ]
    return pd.DataFrame(rows, columns=["actual", "predicted"])
