"""Counts of test predictions by place, by the metrics module of the task."""

import importlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Integer

from sentinel_fusion.metrics.scores import score_arguments

_Part = tuple[int, dict[str, np.ndarray], float]
"""Seed, place -> counts, and validation score."""


@dataclass(frozen=True)
class PlaceCounts:
    """What the scores of one use of an arm are functions of.

    Args:
        counts: Counts of each seed and test place.
        seeds: Seeds, in the order of ``counts``.
        places: Test places, likewise.
        val_score: What learning rates were chosen by, the mean over seeds.
    """

    counts: Integer[np.ndarray, "seeds places rows columns"]
    seeds: tuple[int, ...]
    places: tuple[str, ...]
    val_score: float


def count_places(
    parts: Iterable[tuple[str, int, Sequence[pd.DataFrame]]], task: str
) -> dict[str, PlaceCounts]:
    """Count the predictions of a cell or an ensemble.

    Args:
        parts: Use, seed, and the prediction table of each member (one of a cell).
        task: Name of the task, a module of ``sentinel_fusion.metrics``.

    Returns:
        Use -> counts.
    """
    metrics = importlib.import_module(f"sentinel_fusion.metrics.{task}")
    found: dict[str, list[_Part]] = {}
    for use, seed, members in parts:
        probability, wanted, *val = score_arguments(members, task)
        table = members[0]
        names = table["place_id"][table["split"] == "test"].to_numpy()
        decided = metrics.decide(probability, *val)
        counts = {
            place: metrics.count(decided[names == place], wanted[names == place])
            for place in sorted(set(names))
        }
        score = metrics.selection_score(*val)
        found.setdefault(use, []).append((seed, counts, score))
    return {use: _joined(rows) for use, rows in found.items()}


def _joined(rows: Sequence[_Part]) -> PlaceCounts:
    """All seeds of a use."""
    seeds, counts, scores = zip(*rows, strict=True)
    return PlaceCounts(
        counts=np.stack([np.stack(list(places.values())) for places in counts]),
        seeds=seeds,
        places=tuple(counts[0]),
        val_score=float(np.mean(scores)),
    )


def require_paired(cells: Mapping[tuple[str, str, float], PlaceCounts]) -> None:
    """Refuse cells that cannot be compared seed by seed and place by place.

    Args:
        cells: Arm, use and label fraction -> counts.

    Raises:
        ValueError: If their seeds or test places differ; names the cell.
    """
    first, *others = cells
    for key in ("seeds", "places"):
        wanted = getattr(cells[first], key)
        for point in others:
            if getattr(cells[point], key) != wanted:
                arm, use, label_frac = point
                raise ValueError(
                    f"{arm} {use} {label_frac:g} must have the {key} of "
                    f"{first[0]}; remove its folder below runs/grid, run `dvc repro`"
                )
