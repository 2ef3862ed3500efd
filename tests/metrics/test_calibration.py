import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve

from sentinel_fusion.classes import IGNORE_INDEX
from sentinel_fusion.metrics.calibration import (
    Reliability,
    calibrate_classes,
    calibrate_presence,
    level_reliability,
    reliability,
    stack,
)

BINS = 15
# 4 tiles, 2 classes: two are right with 0.9, one is right and one wrong with 0.6
PROBABILITY = np.array([[0.9, 0.1], [0.1, 0.9], [0.6, 0.4], [0.6, 0.4]])
WANTED = np.array([0, 1, 0, 1])


def _random(items: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.dirichlet(np.ones(8), items), rng.integers(0, 8, items)


def _calibrate(
    probability: np.ndarray, wanted: np.ndarray, bins: int = BINS, max_level: int = 1
) -> tuple[Reliability, Reliability]:
    return calibrate_classes(probability, wanted, num_bins=bins, max_level=max_level)


def _slow_error(confidence: np.ndarray, right: np.ndarray, bins: int) -> float:
    """Equation 3 of Guo et al. as it stands, bin by bin."""
    error = 0.0
    for number in range(bins):
        low, high = number / bins, (number + 1) / bins
        inside = [
            (c, r) for c, r in zip(confidence, right, strict=True) if low < c <= high
        ]
        if inside:
            accuracy = np.mean([r for _, r in inside])
            mean_confidence = np.mean([c for c, _ in inside])
            share = len(inside) / len(confidence)
            error += share * abs(accuracy - mean_confidence)
    return error


def test_top_label_error_by_hand() -> None:
    # bin of 0.9: accuracy 1, off by 0.1; bin of 0.6: accuracy 0.5, off by 0.1
    top, _ = _calibrate(PROBABILITY, WANTED)
    assert top.errors() == pytest.approx(0.1)


def test_class_wise_errors_by_hand() -> None:
    # class 0: bins of 0.9 (1 of 1), 0.1 (0 of 1) and 0.6 (1 of 2), all off by 0.1
    _, by_class = _calibrate(PROBABILITY, WANTED)
    assert by_class.errors() == pytest.approx([0.1, 0.1])


def test_presence_errors_by_hand() -> None:
    # class 0: 0.8 and 0.8, present once: off by 0.3; class 1: 0.2 and 0.2, never: 0.2
    probability = np.array([[0.8, 0.2], [0.8, 0.2]])
    wanted = np.array([[1, 0], [0, 0]])
    pooled, by_class = calibrate_presence(probability, wanted, num_bins=BINS)
    assert by_class.errors() == pytest.approx([0.3, 0.2])
    assert pooled.errors() == pytest.approx(0.25)


@given(st.integers(0, 100), st.integers(1, 20))
def test_the_error_is_that_of_the_equation(seed: int, bins: int) -> None:
    probability, wanted = _random(60, seed)
    top, by_class = _calibrate(probability, wanted, bins)
    right = probability.argmax(axis=1) == wanted
    assert top.errors() == pytest.approx(
        _slow_error(probability.max(axis=1), right, bins)
    )
    assert by_class.errors()[3] == pytest.approx(
        _slow_error(probability[:, 3], wanted == 3, bins)
    )


def test_the_curve_is_that_of_scikit_learn() -> None:
    probability, wanted = _random(5000)
    confidence, right = probability.max(axis=1), probability.argmax(axis=1) == wanted
    curve = reliability(confidence, right, num_bins=BINS)
    accuracy, mean_confidence = calibration_curve(right, confidence, n_bins=BINS)
    filled = curve.count > 0
    assert curve.right[filled] / curve.count[filled] == pytest.approx(accuracy)
    assert curve.confidence[filled] / curve.count[filled] == pytest.approx(
        mean_confidence
    )


def test_certain_and_right_is_calibrated() -> None:
    curve = reliability(np.ones(3), np.ones(3, bool), num_bins=BINS)
    assert curve.errors() == 0
    assert curve.count[-1] == 3


def test_zero_falls_into_the_first_bin() -> None:
    curve = reliability(np.zeros(2), np.zeros(2, bool), num_bins=BINS)
    assert curve.count[0] == 2


def test_a_confidence_on_an_edge_falls_below_it() -> None:
    curve = reliability(np.arange(1, 11) / 10, np.ones(10), num_bins=10)
    assert curve.count.tolist() == [1] * 10


def test_confidence_drawn_from_the_truth_is_calibrated() -> None:
    rng = np.random.default_rng(0)
    confidence = rng.random(200_000)
    right = rng.random(200_000) < confidence
    assert reliability(confidence, right, num_bins=BINS).errors() < 0.01


@pytest.mark.parametrize("max_level", [255, 510])
def test_whole_numbers_give_the_curve_of_their_shares(max_level: int) -> None:
    rng = np.random.default_rng(0)
    levels = rng.integers(0, max_level + 1, 3000).astype(np.uint16)
    right = rng.random(3000) < 0.4
    exact = level_reliability(levels, right, num_bins=BINS, max_level=max_level)
    expected = reliability(levels / max_level, right, num_bins=BINS)
    assert np.array_equal(exact.count, expected.count)
    assert np.array_equal(exact.right, expected.right)
    assert exact.confidence == pytest.approx(expected.confidence)


def test_pixels_as_bytes_are_calibrated_as_shares_are() -> None:
    probability, wanted = _random(600)
    levels = np.rint(probability * 255).astype(np.uint8)
    pixels, labels = levels.reshape(6, 100, 8), wanted.reshape(6, 100).astype(np.uint8)
    found = _calibrate(pixels, labels, max_level=255)
    expected = _calibrate(levels / 255, wanted)
    for one, other in zip(found, expected, strict=True):
        assert one.errors() == pytest.approx(other.errors())


def test_pixels_without_a_label_count_nowhere() -> None:
    levels = np.array([[200, 55], [55, 200]], np.uint8)
    wanted = np.array([0, IGNORE_INDEX], np.uint8)
    top, by_class = _calibrate(levels, wanted, max_level=255)
    assert top.count.sum() == 1
    assert by_class.count.sum() == 2


def test_pooling_adds_predictions_not_errors() -> None:
    # one is too sure by as much as the other is too unsure, in the same bin
    sure = reliability(np.array([0.5]), np.array([False]), num_bins=1)
    unsure = reliability(np.array([0.5]), np.array([True]), num_bins=1)
    both = stack([sure, unsure])
    assert both.errors() == pytest.approx([0.5, 0.5])
    assert both.pooled().errors() == pytest.approx(0)
