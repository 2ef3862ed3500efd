from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from sentinel_fusion.classes import CLASS_NAMES, NUM_CLASSES
from sentinel_fusion.metrics.classification import (
    by_chance,
    class_scores,
    confusion_scores,
    kappa,
    macro_f1,
    overall_accuracy,
)
from sentinel_fusion.metrics.confusion import average_accuracy, confusion_matrix

# two classes by hand: 3 of 4 zeros and 1 of 2 ones are found
BY_HAND = np.array([[3, 1], [1, 1]])
LABELS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=2)


def test_overall_accuracy_by_hand() -> None:
    assert overall_accuracy(BY_HAND) == pytest.approx(4 / 6)


def test_macro_f1_by_hand() -> None:
    assert macro_f1(BY_HAND) == pytest.approx((6 / 8 + 2 / 4) / 2)


def test_kappa_by_hand() -> None:
    expected = (4 * 4 + 2 * 2) / 36
    assert kappa(BY_HAND) == pytest.approx((4 / 6 - expected) / (1 - expected))


def test_a_class_without_items_is_left_out_of_the_average() -> None:
    assert average_accuracy(np.array([[1, 1, 0], [0, 2, 0], [0, 0, 0]])) == 0.75


def test_kappa_of_a_single_class_is_zero() -> None:
    assert kappa(np.array([[5, 0], [0, 0]])) == 0


@pytest.mark.parametrize(
    "metric", [average_accuracy, overall_accuracy, macro_f1, kappa]
)
def test_a_batch_gives_what_its_members_give(
    metric: Callable[[np.ndarray], np.ndarray],
) -> None:
    batch = np.random.default_rng(0).integers(0, 9, (2, 3, 4, 4))
    alone = [[metric(confusion) for confusion in row] for row in batch]
    assert metric(batch) == pytest.approx(np.array(alone))


def test_predictions_by_chance_keep_both_totals() -> None:
    # 4 zeros and 2 ones, predicted as 4 zeros and 2 ones
    assert by_chance(BY_HAND) == pytest.approx(np.array([[16, 8], [8, 4]]) / 6)


@given(LABELS)
@settings(deadline=None, max_examples=50)
@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
@pytest.mark.filterwarnings("ignore:A single label was found")
def test_metrics_agree_with_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    targets, predicted = np.array(pairs).T
    confusion = confusion_matrix(targets, predicted, 4)
    ours = [overall_accuracy(confusion), average_accuracy(confusion)]
    ours.append(macro_f1(confusion))
    theirs = [
        reference.accuracy_score(targets, predicted),
        reference.balanced_accuracy_score(targets, predicted),
        reference.f1_score(targets, predicted, average="macro"),
    ]
    assert ours == pytest.approx(theirs)


@given(LABELS.filter(lambda pairs: len({a for a, _ in pairs}) > 1))
@settings(deadline=None, max_examples=50)
def test_kappa_agrees_with_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    targets, predicted = np.array(pairs).T
    theirs = reference.cohen_kappa_score(targets, predicted)
    ours = kappa(confusion_matrix(targets, predicted, 4))
    assert ours == pytest.approx(theirs, abs=1e-9)


def test_a_score_of_a_class_has_its_name_where_it_is_defined() -> None:
    values = np.full(NUM_CLASSES, np.nan)
    values[[1, 3]] = 0.25, 1
    expected = {f"iou_{CLASS_NAMES[1]}": 0.25, f"iou_{CLASS_NAMES[3]}": 1}
    assert class_scores("iou", values) == expected


def test_a_confusion_has_the_names_of_both_classes_where_it_occurs() -> None:
    counts = np.zeros((NUM_CLASSES, NUM_CLASSES), np.int64)
    counts[0, 2] = 7
    expected = {f"confusion_{CLASS_NAMES[0]}_{CLASS_NAMES[2]}": 7}
    assert confusion_scores(counts) == expected
