import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from sentinel_fusion.classes import CLASS_NAMES, IGNORE_INDEX
from sentinel_fusion.metrics.segmentation import (
    class_iou,
    from_predictions,
    prediction_columns,
    reduce,
    score,
    selection_score,
)
from sentinel_fusion.metrics.selection import segmentation


def _bytes(predicted: np.ndarray) -> np.ndarray:
    """Probabilities of sure predictions, a row of pixels a tile."""
    return np.asarray((255 * np.eye(8)[predicted]).astype(np.uint8))


def _labels(*tiles: list[int]) -> np.ndarray:
    return np.array(tiles, np.uint8)


def _score(wanted: np.ndarray, probability: np.ndarray) -> dict[str, float]:
    counts = reduce(probability, wanted)
    return score(counts, counts)


# of three forest pixels two are found, one is called water; water is found
WANTED = _labels([0, 0], [0, 7])
PROBABILITY = _bytes(_labels([0, 7], [0, 7]))
PIXELS = st.lists(
    st.tuples(st.integers(0, 7), st.integers(0, 7)), min_size=1, max_size=40
)


def test_confusion_counts_true_rows_and_predicted_columns() -> None:
    confusion = reduce(PROBABILITY, WANTED)
    assert confusion[np.ix_([0, 7], [0, 7])].tolist() == [[2, 1], [0, 1]]


@pytest.mark.parametrize("at_once", [1, 2, 3, 5])
def test_counts_do_not_depend_on_how_many_pixels_are_counted_at_once(
    at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = reduce(PROBABILITY, WANTED)
    monkeypatch.setattr(segmentation, "_PIXELS_AT_ONCE", at_once)
    assert reduce(PROBABILITY, WANTED).tolist() == expected.tolist()


def test_iou_by_hand() -> None:
    iou = class_iou(reduce(PROBABILITY, WANTED))
    assert (iou[0], iou[7]) == pytest.approx((2 / 3, 1 / 2))


def test_iou_of_a_class_that_neither_occurs_nor_is_predicted_is_undefined() -> None:
    assert np.isnan(class_iou(reduce(PROBABILITY, WANTED))[1:7]).all()


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("miou", (2 / 3 + 1 / 2) / 2),
        ("aa", (2 / 3 + 1) / 2),
        ("oa", 3 / 4),
        ("iou_forest", 2 / 3),
        ("iou_water", 1 / 2),
        ("accuracy_forest", 2 / 3),
        ("accuracy_water", 1),
        ("confusion_forest_water", 1),
    ],
)
def test_scores_by_hand(metric: str, expected: float) -> None:
    assert _score(WANTED, PROBABILITY)[metric] == pytest.approx(expected)


def test_a_class_only_predicted_lowers_the_mean_iou() -> None:
    scores = _score(_labels([0, 0]), _bytes(_labels([0, 5])))
    assert scores["miou"] == pytest.approx((1 / 2 + 0) / 2)


@pytest.mark.parametrize("metric", ["iou_urban", "accuracy_urban"])
def test_an_undefined_class_score_is_left_out(metric: str) -> None:
    assert metric not in _score(WANTED, PROBABILITY)


@given(PIXELS)
@settings(deadline=None, max_examples=50)
def test_every_score_is_finite(pixels: list[tuple[int, int]]) -> None:
    wanted, predicted = np.array(pixels, np.uint8).T[:, None]
    assert all(np.isfinite(v) for v in _score(wanted, _bytes(predicted)).values())


@given(PIXELS)
@settings(deadline=None, max_examples=50)
def test_mean_iou_agrees_with_scikit_learn(pixels: list[tuple[int, int]]) -> None:
    wanted, predicted = np.array(pixels, np.uint8).T[:, None]
    theirs = reference.jaccard_score(wanted[0], predicted[0], average="macro")
    assert _score(wanted, _bytes(predicted))["miou"] == pytest.approx(theirs)


@pytest.mark.filterwarnings(
    "ignore:y_pred contains classes not in y_true", "ignore:A single label was found"
)
@given(PIXELS)
@settings(deadline=None, max_examples=50)
def test_average_accuracy_agrees_with_scikit_learn(
    pixels: list[tuple[int, int]],
) -> None:
    wanted, predicted = np.array(pixels, np.uint8).T[:, None]
    theirs = reference.balanced_accuracy_score(wanted[0], predicted[0])
    assert _score(wanted, _bytes(predicted))["aa"] == pytest.approx(theirs)


@given(PIXELS)
@settings(deadline=None, max_examples=50)
def test_overall_accuracy_agrees_with_scikit_learn(
    pixels: list[tuple[int, int]],
) -> None:
    wanted, predicted = np.array(pixels, np.uint8).T[:, None]
    theirs = reference.accuracy_score(wanted[0], predicted[0])
    assert _score(wanted, _bytes(predicted))["oa"] == pytest.approx(theirs)


@pytest.mark.parametrize("predicted", range(8))
def test_ignored_pixels_count_nowhere(predicted: int) -> None:
    wanted = np.pad(WANTED, ((0, 0), (0, 1)), constant_values=IGNORE_INDEX)
    more = np.concatenate([PROBABILITY, _bytes(np.full((2, 1), predicted))], axis=1)
    assert _score(wanted, more) == _score(WANTED, PROBABILITY)


@pytest.mark.parametrize("metric", ["miou", "aa", "oa"])
def test_pixels_are_counted_over_all_tiles_not_averaged_over_tiles(
    metric: str,
) -> None:
    wanted = _labels([0, 0, 0, 0], [0, 7, 7, IGNORE_INDEX])
    probability = _bytes(_labels([0, 0, 0, 7], [7, 7, 7, 0]))
    tiles = [_score(wanted[[tile]], probability[[tile]])[metric] for tile in range(2)]
    pooled = {"miou": (3 / 5 + 2 / 4) / 2, "aa": (3 / 5 + 1) / 2, "oa": 5 / 7}
    ours = _score(wanted, probability)[metric]
    assert ours == pytest.approx(pooled[metric])
    assert ours != pytest.approx(np.mean(tiles), abs=1e-3)


def test_validation_tiles_are_not_looked_at() -> None:
    other = _labels([3, 3])
    scores = score(reduce(PROBABILITY, WANTED), reduce(_bytes(other), other))
    assert scores == _score(WANTED, PROBABILITY)


def test_selection_is_by_mean_iou() -> None:
    probability, wanted = PROBABILITY[None], WANTED[None]
    expected = _score(WANTED, PROBABILITY)["miou"]
    assert selection_score(probability, wanted) == pytest.approx(expected)


def test_without_a_labelled_pixel_there_is_no_score() -> None:
    nothing = np.full_like(WANTED, IGNORE_INDEX)
    with pytest.raises(ValueError, match="at least 1 labelled pixel, got 0"):
        _score(nothing, PROBABILITY)


def test_confusion_rows_of_all_classes_sum_to_the_labelled_pixels() -> None:
    scores = _score(WANTED, PROBABILITY)
    names = [f"confusion_{a}_{b}" for a in CLASS_NAMES for b in CLASS_NAMES]
    assert sum(scores.get(name, 0) for name in names) == WANTED.size


def test_prediction_table_round_trips_pixel_by_pixel() -> None:
    rng = np.random.default_rng(0)
    probability = rng.integers(0, 256, (3, 4, 5, 8)).astype(np.uint8)
    wanted = rng.integers(0, 8, (3, 4, 5)).astype(np.uint8)
    again = from_predictions(prediction_columns(probability, wanted))
    assert np.array_equal(again[0], probability.reshape(3, 20, 8))
    assert np.array_equal(again[1], wanted.reshape(3, 20))
