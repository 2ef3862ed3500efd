"""Classification metrics, all from one confusion matrix."""

import numpy as np
from jaxtyping import Float, Int64, Integer


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
    confusion: Int64[np.ndarray, "classes classes"],
) -> Float[np.ndarray, " classes"]:
    """Accuracy of each class, the share of its items that are found (recall).

    Args:
        confusion: Counts by true and predicted class.

    Returns:
        One value a class; NaN where no item has the class.
    """
    totals = confusion.sum(axis=1)
    with np.errstate(invalid="ignore"):
        accuracies: Float[np.ndarray, " classes"] = np.diag(confusion) / totals
    return accuracies


def average_accuracy(confusion: Int64[np.ndarray, "classes classes"]) -> float:
    """Mean class accuracy over the classes that occur (AA).

    Args:
        confusion: Counts by true and predicted class, not empty.

    Returns:
        A share, 0..1.
    """
    return float(np.nanmean(class_accuracies(confusion)))


def overall_accuracy(confusion: Int64[np.ndarray, "classes classes"]) -> float:
    """Share of items predicted right (OA).

    Args:
        confusion: Counts by true and predicted class, not empty.

    Returns:
        A share, 0..1.
    """
    return float(np.trace(confusion) / confusion.sum())


def macro_f1(confusion: Int64[np.ndarray, "classes classes"]) -> float:
    """Mean F1 over the classes that occur or are predicted.

    Args:
        confusion: Counts by true and predicted class, not empty.

    Returns:
        A share, 0..1.
    """
    support = confusion.sum(axis=1) + confusion.sum(axis=0)
    present = support > 0
    return float((2 * np.diag(confusion)[present] / support[present]).mean())


def kappa(confusion: Int64[np.ndarray, "classes classes"]) -> float:
    """Cohen's kappa: agreement beyond what the class totals give by chance.

    Args:
        confusion: Counts by true and predicted class, not empty.

    Returns:
        At most 1; 0 where all items and predictions are of one class.

    Source: Cohen 1960, doi 10.1177/001316446002000104.
    """
    total = confusion.sum()
    expected = float(confusion.sum(axis=0) @ confusion.sum(axis=1)) / total**2
    if expected == 1:
        return 0.0
    return float((overall_accuracy(confusion) - expected) / (1 - expected))
