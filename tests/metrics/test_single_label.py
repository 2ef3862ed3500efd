import numpy as np
import pandas as pd
import pytest

from sentinel_fusion.metrics.single_label import (
    from_predictions,
    prediction_columns,
    reduce,
    score,
    selection_score,
)

# forest twice (one found), water once (found)
WANTED = np.array([0, 0, 7])
PROBABILITY = np.eye(8)[[0, 1, 7]]


def _score() -> dict[str, float]:
    counts = reduce(PROBABILITY, WANTED)
    return score(counts, counts)


def test_average_accuracy_is_over_the_classes_that_occur() -> None:
    assert _score()["aa"] == 0.75


def test_selection_is_by_average_accuracy() -> None:
    assert selection_score(PROBABILITY, WANTED) == 0.75


def test_confusion_counts_are_named_true_then_predicted() -> None:
    assert _score()["confusion_forest_shrubland"] == 1


@pytest.mark.parametrize("metric", ["accuracy_urban", "precision_urban"])
def test_an_undefined_class_score_is_left_out(metric: str) -> None:
    assert metric not in _score()


def test_every_score_is_finite() -> None:
    assert all(np.isfinite(value) for value in _score().values())


def test_prediction_columns_are_what_is_read_back() -> None:
    probability, wanted = from_predictions(prediction_columns(PROBABILITY, WANTED))
    assert np.array_equal(probability, PROBABILITY)
    assert np.array_equal(wanted, WANTED)


def test_prediction_table_round_trips() -> None:
    table = pd.DataFrame(PROBABILITY, columns=[f"p{code}" for code in range(8)])
    probability, wanted = from_predictions(table.assign(majority=WANTED))
    assert np.array_equal(probability, PROBABILITY)
    assert np.array_equal(wanted, WANTED)
