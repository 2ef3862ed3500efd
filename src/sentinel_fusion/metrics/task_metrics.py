"""What a task's metrics module offers; the module's name is the task's."""

import importlib
from collections.abc import Sequence
from typing import Any, Protocol, cast, runtime_checkable

import numpy as np
import pandas as pd
from jaxtyping import Real

Counts = Real[np.ndarray, "*batch rows columns"]
"""What count scores are functions of; sums over items."""


@runtime_checkable
class TaskMetrics(Protocol):
    """The scores of a task.

    What ``reduce`` gives is the task's own, here Any: counts, which add up, or where a
    score needs every item, the predictions themselves.
    """

    HEADLINE_METRIC: str
    """The score of the label-fraction curve."""
    HEADLINE_TITLE: str
    """That score in words."""
    HAS_ONE_CLASS: bool
    """Whether an item has one class, of a confusion matrix; else any may be present."""
    LEVELS: int
    """Whole levels that a probability is kept in; 1 where it is kept as it is."""

    def from_predictions(self, table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """Probabilities and targets out of a cell's prediction table.

        Args:
            table: Rows of the table.

        Returns:
            Both, a row a tile.
        """
        ...

    def reduce(self, probability: np.ndarray, wanted: np.ndarray) -> Any:  # noqa: ANN401
        """What the scores of some tiles are functions of.

        Args:
            probability: Probabilities, as ``from_predictions`` gives them.
            wanted: Targets, likewise.

        Returns:
            What the functions below take.
        """
        ...

    def join(self, parts: Sequence[Any]) -> Any:  # noqa: ANN401
        """What ``reduce`` gives of several parts of the tiles, as one.

        Args:
            parts: That of each, of at least one.

        Returns:
            That of all.
        """
        ...

    def val_score(self, val: Any) -> float:  # noqa: ANN401
        """What learning rate and step are chosen by.

        Args:
            val: What ``reduce`` gives of the validation tiles.

        Returns:
            A score, 0..1.
        """
        ...

    def score(self, test: Any, val: Any) -> dict[str, float]:  # noqa: ANN401
        """Every metric of the task.

        Args:
            test: What ``reduce`` gives of the test tiles.
            val: That of the validation tiles, on which a threshold is chosen.

        Returns:
            Metric -> value, where it is defined; more than those of ``count_scores``.
        """
        ...

    def count_places(
        self,
        places: Sequence[Any],
        val: Any,  # noqa: ANN401
    ) -> Counts:
        """Counts of every test place.

        Args:
            places: What ``reduce`` gives of each.
            val: That of the validation tiles, on which a threshold is chosen.

        Returns:
            Counts, a matrix a place.
        """
        ...

    def count_scores(self, counts: Counts) -> dict[str, np.ndarray]:
        """The metrics that are functions of counts, the headline among them.

        Args:
            counts: Sums over items, with any axes before the last two.

        Returns:
            Metric -> a value for each of those axes' entries.
        """
        ...

    def chance_counts(self, counts: Counts) -> Counts:
        """Counts of predictions as frequent that know nothing about the items.

        Args:
            counts: As ``count_scores`` takes them.

        Returns:
            Counts of the same shape; they need not be whole.
        """
        ...


def metrics_of(task: str) -> TaskMetrics:
    """The metrics module of a task.

    Args:
        task: Name of the task.

    Returns:
        The module.

    Raises:
        TypeError: If the module lacks something of ``TaskMetrics``.
    """
    module = importlib.import_module(f"sentinel_fusion.metrics.{task}")
    wanted = {*TaskMetrics.__annotations__, *vars(TaskMetrics)}
    missing = sorted(n for n in wanted if n[0] != "_" and not hasattr(module, n))
    if missing:
        raise TypeError(f"metrics/{task}.py must define {', '.join(missing)}; add them")
    return cast("TaskMetrics", module)
