import numpy as np

from sentinel_fusion.metrics.confusion import (
    average_accuracy,
    class_accuracies,
    confusion_matrix,
)

# two classes by hand: 3 of 4 zeros and 1 of 2 ones are found
BY_HAND = np.array([[3, 1], [1, 1]])


def test_confusion_counts_true_by_row_and_predicted_by_column() -> None:
    confusion = confusion_matrix(np.array([0, 0, 1]), np.array([0, 1, 1]), 3)
    assert confusion.tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 0]]


def test_class_accuracies_by_hand() -> None:
    assert class_accuracies(BY_HAND).tolist() == [0.75, 0.5]


def test_average_accuracy_by_hand() -> None:
    assert average_accuracy(BY_HAND) == 0.625
