"""Scores of a cell's predictions, by the metrics module of its task."""

import importlib
from itertools import product

import pandas as pd

from sentinel_fusion.classes import CLASS_NAMES

_DIGITS = 6
_TABULAR = ("confusion_", "precision_")
"""Scores left out of the headline, where they would hide the others."""


def score_predictions(predictions: pd.DataFrame, task: str) -> pd.DataFrame:
    """Every score of the test tiles, for each use of the encoder and each seed.

    Where a task has a threshold, it is chosen on the validation tiles.

    Args:
        predictions: Prediction table of a cell.
        task: Name of the task, a module of ``sentinel_fusion.metrics``.

    Returns:
        Columns "use", "seed", "metric" and "value".
    """
    metrics = importlib.import_module(f"sentinel_fusion.metrics.{task}")
    rows = []
    for (use, seed), group in predictions.groupby(["use", "seed"], sort=True):
        val, test = (
            metrics.from_predictions(group[group["split"] == split])
            for split in ("val", "test")
        )
        scores = metrics.score(*test, *val)
        rows += [(use, seed, name, value) for name, value in scores.items()]
    return pd.DataFrame(rows, columns=["use", "seed", "metric", "value"])


def headline_summary(scores: pd.DataFrame, task: str) -> dict[str, dict[str, float]]:
    """Means over seeds, as ``dvc metrics`` shows them.

    Args:
        scores: Scores of one cell.
        task: Name of the task.

    Returns:
        Use -> metric -> mean, and "<metric>_sd" for the task's headline metric.
    """
    metrics = importlib.import_module(f"sentinel_fusion.metrics.{task}")
    headline = metrics.HEADLINE_METRIC
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
    """A row a test tile and seed, as DVC's confusion plot counts them.

    Args:
        scores: Scores of one cell.
        use: Use of the encoder.

    Returns:
        Columns "actual" and "predicted" with class names.
    """
    counts = scores[scores["use"] == use].groupby("metric")["value"].sum()
    rows = [
        (true, other)
        for true, other in product(CLASS_NAMES, CLASS_NAMES)
        for _ in range(int(counts.get(f"confusion_{true}_{other}", 0)))
    ]
    return pd.DataFrame(rows, columns=["actual", "predicted"])
