"""Classification scores, all from one confusion matrix or a batch of them."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int64, Real

from sentinel_fusion.classes import CLASS_NAMES
from sentinel_fusion.metrics.confusion import hits


def add_up(
    confusions: Sequence[Int64[np.ndarray, "classes classes"]],
) -> Int64[np.ndarray, "classes classes"]:
    """Counts over several sets of items.

    Args:
        confusions: Counts of each, of at least one.

    Returns:
        Their sum.
    """
    return np.asarray(np.sum(confusions, axis=0))


def stack_places(
    places: Sequence[Int64[np.ndarray, "classes classes"]],
    val: Int64[np.ndarray, "classes classes"],
) -> Int64[np.ndarray, "places classes classes"]:
    """Counts of every test place, where the likeliest class is predicted.

    Args:
        places: Counts of each.
        val: Not looked at: the likeliest class needs no threshold.

    Returns:
        The counts.
    """
    return np.stack(places)


def overall_accuracy(
    confusion: Real[np.ndarray, "*batch classes classes"],
) -> Float[np.ndarray, "*batch"]:
    """Share of items predicted right (OA).

    Args:
        confusion: Counts by true and predicted class, not empty.

    Returns:
        A share, 0..1.
    """
    return np.asarray(hits(confusion).sum(axis=-1) / confusion.sum(axis=(-2, -1)))


def macro_f1(
    confusion: Real[np.ndarray, "*batch classes classes"],
) -> Float[np.ndarray, "*batch"]:
    """Mean F1 over the classes that occur or are predicted.

    Args:
        confusion: Counts by true and predicted class, not empty.

    Returns:
        A share, 0..1.
    """
    support = confusion.sum(axis=-1) + confusion.sum(axis=-2)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.nanmean(2 * hits(confusion) / support, axis=-1))


def kappa(
    confusion: Real[np.ndarray, "*batch classes classes"],
) -> Float[np.ndarray, "*batch"]:
    """Cohen's kappa: agreement beyond what the class totals give by chance.

    Args:
        confusion: Counts by true and predicted class, not empty.

    Returns:
        At most 1; 0 where all items and predictions are of one class.

    Source: Cohen 1960, doi 10.1177/001316446002000104.
    """
    expected = overall_accuracy(by_chance(confusion))
    room = 1 - expected
    gain = overall_accuracy(confusion) - expected
    return np.asarray(np.divide(gain, room, out=np.zeros_like(gain), where=room > 0))


def by_chance(
    confusion: Real[np.ndarray, "*batch classes classes"],
) -> Float[np.ndarray, "*batch classes classes"]:
    """The confusion of predictions that know nothing about the items.

    Args:
        confusion: Counts by true and predicted class, not empty.

    Returns:
        The counts expected when as many items of each class, and as many predictions
        of it, meet at random; they need not be whole.
    """
    rows = confusion.sum(axis=-1, keepdims=True).astype(np.float64)
    columns = confusion.sum(axis=-2, keepdims=True)
    return np.asarray(rows * columns / rows.sum(axis=-2, keepdims=True))


def class_scores(
    prefix: str, values: Float[np.ndarray, " classes"]
) -> dict[str, float]:
    """A score of each class, by name.

    Args:
        prefix: Name of the score.
        values: One a class, NaN where it is not defined.

    Returns:
        "<prefix>_<class>" where defined.
    """
    return {
        f"{prefix}_{name}": float(value)
        for name, value in zip(CLASS_NAMES, values, strict=True)
        if np.isfinite(value)
    }


def confusion_scores(
    confusion: Int64[np.ndarray, "classes classes"],
) -> dict[str, float]:
    """A confusion matrix, by name.

    Args:
        confusion: Counts by true and predicted class.

    Returns:
        "confusion_<true>_<predicted>" where the count is above 0.
    """
    return {
        f"confusion_{name}_{other}": float(count)
        for name, row in zip(CLASS_NAMES, confusion, strict=True)
        for other, count in zip(CLASS_NAMES, row, strict=True)
        if count
    }
