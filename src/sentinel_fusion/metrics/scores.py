"""Scores of a cell's predictions, by the metrics module of its task."""

import importlib
from collections.abc import Sequence
from itertools import product

import numpy as np
import pandas as pd

from sentinel_fusion.classes import CLASS_NAMES

_DIGITS = 6
_TABULAR = ("confusion_", "precision_")
"""Scores left out of the headline, where they would hide the others."""
MOST_ROWS = 20_000
"""Length of the confusion table from which its rows are thinned out."""


def score_predictions(members: Sequence[pd.DataFrame], task: str) -> dict[str, float]:
    """Every score of the test tiles of one use and seed.

    Where a task has a threshold, it is chosen on the validation tiles.

    Args:
        members: Prediction table of an arm; or of several arms on the same tiles, whose
            mean probabilities are scored: an ensemble.
        task: Name of the task, a module of ``sentinel_fusion.metrics``.

    Returns:
        Metric -> value.
    """
    metrics = importlib.import_module(f"sentinel_fusion.metrics.{task}")
    scores: dict[str, float] = metrics.score(*score_arguments(members, task))
    return scores


def score_arguments(members: Sequence[pd.DataFrame], task: str) -> list[np.ndarray]:
    """What a task's metrics take.

    Args:
        members: As ``score_predictions`` takes them.
        task: Name of the task.

    Returns:
        Probabilities and targets of the test tiles, then of the validation tiles.

    Raises:
        ValueError: If the members do not hold the same tiles in the same order.
    """
    metrics = importlib.import_module(f"sentinel_fusion.metrics.{task}")
    if any(list(m["tile_id"]) != list(members[0]["tile_id"]) for m in members[1:]):
        raise ValueError("members of an ensemble must have predicted the same tiles")
    arguments = []
    for split in ("test", "val"):
        parts = [
            metrics.from_predictions(table[table["split"] == split])
            for table in members
        ]
        probability = parts[0][0]
        if len(parts) > 1:
            probability = np.mean([part[0] for part in parts], axis=0, dtype=np.float32)
        arguments += [probability, parts[0][1]]
    return arguments


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
