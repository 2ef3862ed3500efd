"""The scores of a task's arms on the same resampled test places."""

from collections.abc import Collection

import numpy as np
import pandas as pd
from jaxtyping import Real

from sentinel_fusion.metrics.bootstrap import place_weights, resample
from sentinel_fusion.metrics.comparisons import (
    FINETUNED,
    Best,
    Point,
    Samples,
    find_best,
)
from sentinel_fusion.metrics.intervals import interval
from sentinel_fusion.metrics.place_counts import PlaceCounts, require_paired
from sentinel_fusion.metrics.task_metrics import metrics_of

_COLUMNS = (
    *("arm", "use", "label_frac", "metric", "mean", "low", "high"),
    *("num_seeds", "num_places"),
)
_LOWEST = {"kappa": -1.0}
"""Least value of a score where it is not 0; the greatest is 1."""


class Study:
    """Samples of every score of every arm, use and label fraction of a task."""

    def __init__(
        self, cells: dict[Point, PlaceCounts], task: str, *, draws: int, seed: int
    ) -> None:
        """Draw places, the same for all.

        Args:
            cells: Counts of every arm, use and label fraction.
            task: Name of the task, a module of ``sentinel_fusion.metrics``.
            draws: Bootstrap draws.
            seed: Of the random numbers.
        """
        require_paired(cells)
        self._cells = cells
        self._metrics = metrics_of(task)
        num_places = len(next(iter(cells.values())).places)
        self._weights = place_weights(num_places, draws, seed)
        self._scores = {
            point: resample(cell.counts, self._metrics.count_scores, self._weights)
            for point, cell in cells.items()
        }

    @property
    def metric(self) -> str:
        """The score of the label-fraction curve."""
        return self._metrics.HEADLINE_METRIC

    @property
    def samples(self) -> Samples:
        """That score at every point of the curves."""
        return {point: scores[self.metric] for point, scores in self._scores.items()}

    def chance(self, label_frac: float) -> Samples:
        """That score of predictions that know nothing about the test tiles.

        Args:
            label_frac: Fraction of the points looked at.

        Returns:
            Samples of predictions as frequent as those of each arm and use.
        """

        def score(
            counts: Real[np.ndarray, "*batch rows columns"],
        ) -> dict[str, np.ndarray]:
            return self._metrics.count_scores(self._metrics.chance_counts(counts))

        return {
            point: resample(cell.counts, score, self._weights)[self.metric]
            for point, cell in self._cells.items()
            if point[2] == label_frac
        }

    def best(
        self, supervised: Collection[str], label_frac: float, confidence: float
    ) -> Best | None:
        """The best supervised arm.

        Args:
            supervised: Arms among which it is; those without a cell are left out.
            label_frac: Fraction of the labels that it has.
            confidence: Of the intervals of comparisons with it.

        Returns:
            The best, or None where none was run.
        """
        val_scores = {
            arm: cell.val_score
            for (arm, use, frac), cell in self._cells.items()
            if arm in supervised and (use, frac) == (FINETUNED, label_frac)
        }
        return find_best(
            self.samples, val_scores, label_frac=label_frac, confidence=confidence
        )

    def intervals(self, confidence: float) -> pd.DataFrame:
        """Every score with its interval.

        Args:
            confidence: Share of intervals that shall cover.

        Returns:
            "arm", "use", "label_frac", "metric", "mean" over seeds, "low" and "high",
            cut where no score can be, "num_seeds" and "num_places".
        """
        rows = []
        for point, scores in self._scores.items():
            for metric, sample in scores.items():
                found = interval(sample, confidence)
                ends = np.clip([found.low, found.high], _LOWEST.get(metric, 0), 1)
                sizes = sample.values.shape[-1], sample.left_out.shape[-1]
                rows.append((*point, metric, found.value, *ends, *sizes))
        return pd.DataFrame(rows, columns=list(_COLUMNS))
