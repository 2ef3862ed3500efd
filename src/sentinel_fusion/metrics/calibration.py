"""Calibration: do predictions of a confidence come true as often as it says?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Integer, Real

from sentinel_fusion.classes import IGNORE_INDEX
from sentinel_fusion.metrics.likeliest import likeliest


@dataclass(frozen=True)
class Reliability:
    """Sums over the predictions of each bin of confidence, of one or more curves.

    The bins divide 0..1 evenly; the upper edge belongs to a bin, as with Guo et al. and
    in scikit-learn, and 0 to the first.

    Args:
        count: Number of predictions.
        confidence: Sum of their confidences.
        right: Number of those that came true.
    """

    count: Float[np.ndarray, "*curves bins"]
    confidence: Float[np.ndarray, "*curves bins"]
    right: Float[np.ndarray, "*curves bins"]

    def __add__(self, other: "Reliability") -> "Reliability":
        """The curves over the predictions of both."""
        return Reliability(
            self.count + other.count,
            self.confidence + other.confidence,
            self.right + other.right,
        )

    def pooled(self) -> "Reliability":
        """One curve over the predictions of all curves."""
        bins = self.count.shape[-1]
        return Reliability(
            *(
                sums.reshape(-1, bins).sum(axis=0)
                for sums in (self.count, self.confidence, self.right)
            )
        )

    def errors(self) -> Float[np.ndarray, "*curves"]:
        """Expected calibration error of each curve.

        Returns:
            Mean over the bins of the distance between share of right predictions and
            mean confidence, weighted by the number of predictions; 0..1.

        Source: Guo et al. 2017, arXiv 1706.04599, equation 3.
        """
        distance = np.abs(self.right - self.confidence).sum(axis=-1)
        return np.asarray(distance / self.count.sum(axis=-1))


def stack(curves: Sequence[Reliability]) -> Reliability:
    """Several results as one.

    Args:
        curves: Results with the same number of bins.

    Returns:
        All of them, along a new first axis.
    """
    return Reliability(
        np.stack([curve.count for curve in curves]),
        np.stack([curve.confidence for curve in curves]),
        np.stack([curve.right for curve in curves]),
    )


def reliability(
    confidence: Float[np.ndarray, " items"],
    right: Real[np.ndarray, " items"] | Bool[np.ndarray, " items"],
    *,
    num_bins: int,
    count: Real[np.ndarray, " items"] | None = None,
) -> Reliability:
    """The curve of some predictions.

    Args:
        confidence: Predicted probabilities, 0..1.
        right: Whether each came true; with ``count``, how many of them.
        num_bins: Bins of equal width, >= 1.
        count: How many predictions each item stands for; by default one.

    Returns:
        One curve.
    """
    edges = np.arange(1, num_bins) / num_bins
    where = np.searchsorted(edges, confidence)
    count = np.ones(len(confidence)) if count is None else count
    return Reliability(
        *(
            np.bincount(where, weights, minlength=num_bins)
            for weights in (count, confidence * count, right)
        )
    )


def level_reliability(
    levels: Integer[np.ndarray, " items"],
    right: Bool[np.ndarray, " items"],
    *,
    num_bins: int,
    max_level: int,
) -> Reliability:
    """The curve of very many predictions whose probabilities are whole numbers.

    Args:
        levels: Probabilities times ``max_level``.
        right: Whether each prediction came true.
        num_bins: Bins of equal width, >= 1.
        max_level: What stands for probability 1.

    Returns:
        One curve, that of ``reliability``.
    """
    size = max_level + 1
    pairs = levels.astype(np.uint32) + right * np.uint32(size)
    # bincount is some three times as fast on its own integers
    counts = np.bincount(pairs.astype(np.int64), minlength=2 * size)
    wrong, came_true = counts.reshape(2, size)
    return reliability(
        np.arange(size) / max_level,
        came_true,
        num_bins=num_bins,
        count=wrong + came_true,
    )


def calibrate_classes(
    probability: Real[np.ndarray, "*items classes"],
    wanted: Integer[np.ndarray, "*items"],
    *,
    num_bins: int,
    max_level: int,
) -> tuple[Reliability, Reliability]:
    """Curves of predictions of one class an item.

    Args:
        probability: Class probabilities of each item; whole numbers up to
            ``max_level`` where that is above 1.
        wanted: Classes, or ``IGNORE_INDEX`` for items that count nowhere.
        num_bins: Bins of equal width.
        max_level: What stands for probability 1.

    Returns:
        The likeliest class: one curve of its probability, right where it is wanted
        (top-label calibration); and a curve a class of its own probability, right where
        that class is wanted (class-wise calibration: Kull et al. 2019, arXiv
        1910.12656).
    """
    rows, true = probability.reshape(-1, probability.shape[-1]), wanted.reshape(-1)
    if (true == IGNORE_INDEX).any():
        labelled = true != IGNORE_INDEX
        rows, true = rows[labelled], true[labelled]
    found, largest = likeliest(rows)

    def curve(part: np.ndarray, right: np.ndarray) -> Reliability:
        if max_level > 1:
            return level_reliability(
                part, right, num_bins=num_bins, max_level=max_level
            )
        return reliability(part, right, num_bins=num_bins)

    by_class = [curve(part, true == code) for code, part in enumerate(rows.T)]
    return curve(largest, found == true), stack(by_class)


def calibrate_presence(
    probability: Float[np.ndarray, "items classes"],
    wanted: Integer[np.ndarray, "items classes"],
    *,
    num_bins: int,
) -> tuple[Reliability, Reliability]:
    """Curves of predictions whether each class is present in an item.

    Args:
        probability: Probability of each class to be present.
        wanted: 1 where it is.
        num_bins: Bins of equal width.

    Returns:
        One curve over all items and classes together, and one a class; right where
        the class is present (binary calibration).
    """
    by_class = stack(
        [
            reliability(part, is_there, num_bins=num_bins)
            for part, is_there in zip(probability.T, wanted.T, strict=True)
        ]
    )
    return by_class.pooled(), by_class
