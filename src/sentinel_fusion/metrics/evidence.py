"""What the scores of one use and seed are functions of, gathered a part at a time.

The metrics module of a task says what it needs of some tiles and how that of several
parts is put together, see ``TaskMetrics``.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, groupby
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Integer

from sentinel_fusion.metrics.task_metrics import metrics_of

Part = tuple[str, int, Sequence[pd.DataFrame]]
"""Use, seed, and the prediction table of each member, on the same tiles: of an arm; or
of several, whose mean probabilities are scored: an ensemble."""


@dataclass(frozen=True)
class Tiles:
    """Predictions of some tiles of one split.

    Args:
        split: "val" or "test".
        places: Place of each tile.
        probability: Probabilities, the mean over members.
        wanted: Targets.
        num_members: Number of members.
    """

    split: str
    places: np.ndarray
    probability: np.ndarray
    wanted: np.ndarray
    num_members: int


class Evidence:
    """What the scores of one use and seed are functions of."""

    def __init__(self, task: str, tiles: Iterable[Tiles] = ()) -> None:
        """Gather.

        Args:
            task: Name of the task, a module of ``sentinel_fusion.metrics``.
            tiles: Tiles to start with.
        """
        self._metrics = metrics_of(task)
        self._val: list[Any] = []
        self._test: dict[str, list[Any]] = {}
        for some in tiles:
            self.add(some)

    def add(self, tiles: Tiles) -> None:
        """Gather some more tiles.

        Args:
            tiles: Tiles of either split.
        """
        if tiles.split == "val":
            self._val.append(self._metrics.reduce(tiles.probability, tiles.wanted))
            return
        codes, places = pd.factorize(tiles.places)
        by_place = np.argsort(codes, kind="stable")
        ends = np.cumsum(np.bincount(codes))[:-1]
        for place, here in zip(places, np.split(by_place, ends), strict=True):
            found = self._metrics.reduce(tiles.probability[here], tiles.wanted[here])
            self._test.setdefault(place, []).append(found)

    @property
    def places(self) -> tuple[str, ...]:
        """Test places, by name."""
        return tuple(sorted(self._test))

    def counts(self) -> Integer[np.ndarray, "places rows columns"]:
        """What the scores that sum over tiles are functions of.

        Returns:
            Counts of each of ``places``.
        """
        tests = [self._metrics.join(self._test[place]) for place in self.places]
        return np.asarray(self._metrics.count_places(tests, self._joined_val()))

    def scores(self) -> dict[str, float]:
        """Every score of the test tiles.

        Where a task has a threshold, it is chosen on the validation tiles.

        Returns:
            Metric -> value.
        """
        test = self._metrics.join([*chain.from_iterable(self._test.values())])
        return self._metrics.score(test, self._joined_val())

    def val_score(self) -> float:
        """What learning rates were chosen by.

        Returns:
            Selection score of the validation tiles.
        """
        return self._metrics.val_score(self._joined_val())

    def _joined_val(self) -> Any:  # noqa: ANN401 - what it is, the task knows
        return self._metrics.join(self._val)


def runs(
    parts: Iterable[Part], task: str
) -> Iterator[tuple[str, int, Iterator[Tiles]]]:
    """Predictions of a cell or an ensemble, one use and seed after the other.

    Args:
        parts: Parts, those of a use and seed one after another.
        task: Name of the task.

    Yields:
        Use, seed, and their tiles, to be taken before the next use and seed are.
    """
    for (use, seed), run in groupby(parts, key=lambda part: part[:2]):
        yield use, seed, chain.from_iterable(_tiles(part[2], task) for part in run)


def _tiles(members: Sequence[pd.DataFrame], task: str) -> Iterator[Tiles]:
    """Tiles of a part, by split.

    Raises:
        ValueError: If the members do not hold the same tiles in the same order.
    """
    metrics = metrics_of(task)
    first, *others = members
    if any(list(m["tile_id"]) != list(first["tile_id"]) for m in others):
        raise ValueError("members of an ensemble must have predicted the same tiles")
    for split, rows in first.groupby("split", sort=False).indices.items():
        found = [metrics.from_predictions(table.iloc[rows]) for table in members]
        probability, wanted = found[0]
        if others:
            shares = [share for share, _ in found]
            probability = np.asarray(np.mean(shares, axis=0, dtype=np.float32))
        places = first["place_id"].to_numpy()[rows]
        yield Tiles(str(split), places, probability, wanted, len(members))
