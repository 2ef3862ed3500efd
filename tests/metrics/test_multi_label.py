import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from sentinel_fusion.classes import CLASS_NAMES
from sentinel_fusion.metrics.multi_label import (
    average_precision,
    chance_counts,
    choose_threshold,
    class_f1,
    count,
    from_predictions,
    prediction_columns,
    score,
    selection_score,
)

# forest in both tiles, water in the second only; the model is sure of forest once
WANTED = np.zeros((2, 8), np.int64)
WANTED[:, 0] = 1
WANTED[1, 7] = 1
PROBABILITY = np.full((2, 8), 0.01)
PROBABILITY[0, 0] = 0.9
PROBABILITY[1, 0] = 0.3
PROBABILITY[1, 7] = 0.6
ROWS = st.lists(
    st.tuples(*[st.tuples(st.integers(0, 1), st.floats(0, 1, width=16))] * 8),
    min_size=3,
    max_size=12,
)


def _arrays(rows: list[tuple[tuple[int, float], ...]]) -> tuple[np.ndarray, np.ndarray]:
    pairs = np.array(rows)
    return pairs[..., 1], pairs[..., 0].astype(np.int64)


def test_class_f1_by_hand() -> None:
    f1 = class_f1(count(PROBABILITY >= 0.5, WANTED))
    assert (f1[0], f1[7]) == pytest.approx((2 / 3, 1))


def test_a_class_that_never_occurs_nor_is_called_is_undefined() -> None:
    assert np.isnan(class_f1(count(PROBABILITY >= 0.5, WANTED))[1:7]).all()


def test_calls_by_chance_are_right_as_often_as_a_class_is_there() -> None:
    # forest called in one of two tiles and there in both, water in one and there in one
    chance = chance_counts(count(PROBABILITY >= 0.5, WANTED))
    assert chance[0, [0, 7]] == pytest.approx([1 * 2 / 2, 1 * 1 / 2])


def test_the_threshold_is_the_one_nearest_to_a_half_that_finds_everything() -> None:
    assert choose_threshold(PROBABILITY, WANTED) == pytest.approx(0.3)


def test_selection_is_by_macro_f1_at_the_best_threshold() -> None:
    assert selection_score(PROBABILITY, WANTED) == 1


def test_the_threshold_comes_from_validation_not_from_test() -> None:
    val = np.where(WANTED == 1, 0.8, 0.7)
    scores = score((PROBABILITY, WANTED), (val, WANTED))
    assert scores["threshold"] == pytest.approx(0.75)
    assert scores["macro_f1"] == pytest.approx((2 / 3 + 0) / 2)


def test_an_undefined_class_score_is_left_out() -> None:
    assert "f1_urban" not in score((PROBABILITY, WANTED), (PROBABILITY, WANTED))


@given(ROWS)
@settings(deadline=None, max_examples=50)
def test_f1_agrees_with_scikit_learn(
    rows: list[tuple[tuple[int, float], ...]],
) -> None:
    probability, wanted = _arrays(rows)
    called = probability >= 0.5
    ours = np.nan_to_num(class_f1(count(called, wanted)))
    theirs = reference.f1_score(wanted, called, average=None, zero_division=0)
    assert ours == pytest.approx(theirs)


@given(ROWS)
@settings(deadline=None, max_examples=50)
def test_overall_f1_agrees_with_scikit_learns_micro_average(
    rows: list[tuple[tuple[int, float], ...]],
) -> None:
    probability, wanted = _arrays(rows)
    wanted[0] = 1
    ours = score((probability, wanted), (probability, wanted))
    called = probability >= ours["threshold"]
    theirs = reference.f1_score(wanted, called, average="micro")
    assert ours["overall_f1"] == pytest.approx(theirs)


@given(ROWS)
@settings(deadline=None, max_examples=50)
def test_average_precision_agrees_with_scikit_learn(
    rows: list[tuple[tuple[int, float], ...]],
) -> None:
    probability, wanted = _arrays(rows)
    wanted[0] = 1
    ours = average_precision(probability[:, 0], wanted[:, 0])
    theirs = reference.average_precision_score(wanted[:, 0], probability[:, 0])
    assert ours == pytest.approx(theirs)


def test_prediction_columns_are_what_is_read_back() -> None:
    probability, wanted = from_predictions(prediction_columns(PROBABILITY, WANTED))
    assert np.array_equal(probability, PROBABILITY)
    assert np.array_equal(wanted, WANTED)


def test_prediction_table_round_trips() -> None:
    table = pd.DataFrame(PROBABILITY, columns=[f"p{code}" for code in range(8)])
    for code, name in enumerate(CLASS_NAMES):
        table[f"has_{name}"] = WANTED[:, code] == 1
    probability, wanted = from_predictions(table)
    assert np.array_equal(probability, PROBABILITY)
    assert np.array_equal(wanted, WANTED)
