"""Confusion matrices, and the accuracies that cells are selected by."""

import numpy as np
from jaxtyping import Float, Int64, Integer, Real


def confusion_matrix(
    targets: Integer[np.ndarray, " items"],
    predicted: Integer[np.ndarray, " items"],
    num_classes: int,
) -> Int64[np.ndarray, "classes classes"]:
    """Counts by true class (row) and predicted class (column).

    Args:
        targets: True classes, 0 .. num_classes - 1.
        predicted: Predicted classes.
        num_classes: Number of classes.

    Returns:
        The counts.
    """
    pairs = targets.astype(np.int64) * num_classes + predicted
    counts = np.bincount(pairs, minlength=num_classes**2)
    return counts.reshape(num_classes, num_classes)


def class_accuracies(
    confusion: Real[np.ndarray, "*batch classes classes"],
) -> Float[np.ndarray, "*batch classes"]:
    """Accuracy of each class, the share of its items that are found (recall).

    Args:
        confusion: Counts by true and predicted class.

    Returns:
        One value a class; NaN where no item has the class.
    """
    with np.errstate(invalid="ignore"):
        return np.asarray(hits(confusion) / confusion.sum(axis=-1))


def hits(
    confusion: Real[np.ndarray, "*batch classes classes"],
) -> Real[np.ndarray, "*batch classes"]:
    """Items of each class predicted right.

    Args:
        confusion: Counts by true and predicted class.

    Returns:
        The diagonal.
    """
    return np.diagonal(confusion, axis1=-2, axis2=-1)


def average_accuracy(
    confusion: Real[np.ndarray, "*batch classes classes"],
) -> Float[np.ndarray, "*batch"]:
    """Mean class accuracy over the classes that occur (AA).

    Args:
        confusion: Counts by true and predicted class, not empty.

    Returns:
        A share, 0..1.
    """
    return np.asarray(np.nanmean(class_accuracies(confusion), axis=-1))
