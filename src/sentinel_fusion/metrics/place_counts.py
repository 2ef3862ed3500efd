"""Counts of test predictions by place, by the metrics module of the task."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Integer

from sentinel_fusion.metrics.evidence import Evidence, Part, runs

_Seed = tuple[int, tuple[str, ...], np.ndarray, float]
"""Seed, places, counts, and validation score."""


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


def count_places(parts: Iterable[Part], task: str) -> dict[str, PlaceCounts]:
    """Count the predictions of a cell or an ensemble.

    Args:
        parts: Parts, those of a use and seed one after another.
        task: Name of the task, a module of ``sentinel_fusion.metrics``.

    Returns:
        Use -> counts.
    """
    found: dict[str, list[_Seed]] = {}
    for use, seed, tiles in runs(parts, task):
        all_tiles = Evidence(task, tiles)
        found.setdefault(use, []).append(
            (seed, all_tiles.places, all_tiles.counts(), all_tiles.val_score())
        )
    return {use: _joined(rows) for use, rows in found.items()}


def _joined(rows: Sequence[_Seed]) -> PlaceCounts:
    """All seeds of a use."""
    seeds, places, counts, scores = zip(*rows, strict=True)
    return PlaceCounts(
        counts=np.stack(counts),
        seeds=seeds,
        places=places[0],
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
