"""Scores of resampled test places.

Tiles of a place are alike, so that places are drawn, never tiles. A score is a function
of counts summed over places: draws are one product of a matrix of weights with the
counts of places. All arms get the same weights, which keeps their comparisons paired.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Real

Score = Callable[
    [Real[np.ndarray, "*batch rows columns"]], dict[str, Float[np.ndarray, "*batch"]]
]


@dataclass(frozen=True)
class Sample:
    """A score of every seed, and what it is on other selections of test places.

    Differences and mixtures of samples are samples: seeds, draws and places of two of
    them are paired.

    Args:
        values: On the test places as they are.
        draws: On as many places drawn with replacement.
        left_out: On all places but one, one after the other; NaN where there is one.
    """

    values: Float[np.ndarray, "*batch seeds"]
    draws: Float[np.ndarray, "*batch seeds draws"]
    left_out: Float[np.ndarray, "*batch seeds places"]

    def __sub__(self, other: "Sample") -> "Sample":
        """How much higher this score is than another of the same seeds and places."""
        return Sample(
            self.values - other.values,
            self.draws - other.draws,
            self.left_out - other.left_out,
        )


def place_weights(
    num_places: int, draws: int, seed: int
) -> Float[np.ndarray, "draws places"]:
    """How often each place is drawn.

    Args:
        num_places: Test places.
        draws: Bootstrap draws.
        seed: Of the random numbers.

    Returns:
        Whole numbers, whose rows sum to the number of places.
    """
    shares = np.full(num_places, 1 / num_places)
    drawn = np.random.default_rng(seed).multinomial(num_places, shares, size=draws)
    return drawn.astype(np.float64)


def resample(
    counts: Real[np.ndarray, "*batch seeds places rows columns"],
    score: Score,
    weights: Float[np.ndarray, "draws places"],
) -> dict[str, Sample]:
    """Scores of every seed on all places, on drawn ones and without one.

    Args:
        counts: Counts of each seed and place, of which a score of several places is a
            function of the sum.
        score: Scores of a batch of counts.
        weights: What ``place_weights`` gives.

    Returns:
        Score -> sample.
    """
    *before, _, rows, columns = counts.shape
    flat = counts.reshape(*counts.shape[:-2], -1).astype(np.float64)
    drawn = (weights @ flat).reshape(*before, len(weights), rows, columns)
    total = counts.sum(axis=-3)
    values, draws = score(total), score(drawn)
    if counts.shape[-3] == 1:  # without it there is nothing to score
        left_out = {
            name: np.full_like(found[..., None], np.nan)
            for name, found in values.items()
        }
    else:
        left_out = score(total[..., None, :, :] - counts)
    return {name: Sample(values[name], draws[name], left_out[name]) for name in values}


def mix(first: Sample, second: Sample, shares: Float[np.ndarray, " steps"]) -> Sample:
    """Samples between two, one a share.

    Args:
        first: Where the share is 0.
        second: Where it is 1.
        shares: Values in 0..1.

    Returns:
        A sample with the shares as its batch.
    """
    change, steps = second - first, shares[:, None]
    return Sample(
        first.values + steps * change.values,
        first.draws + steps[..., None] * change.draws,
        first.left_out + steps[..., None] * change.left_out,
    )
