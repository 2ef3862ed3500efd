import numpy as np
import pytest

from sentinel_fusion.metrics.neighbours import knn_accuracy

KNOWN = np.array([[1.0, 0.0], [1.0, 0.1], [1.0, 0.2], [0.0, 1.0], [0.1, 1.0]])
CLASSES = np.array([0, 0, 1, 1, 1])


def _accuracy(asked: list[list[float]], wanted: list[int], neighbours: int) -> float:
    return knn_accuracy(
        KNOWN, CLASSES, np.array(asked), np.array(wanted), neighbours=neighbours
    )


def test_the_nearest_tile_decides_where_one_votes() -> None:
    asked = [[1.0, 0.01], [1.0, 0.19], [0.05, 1.0]]
    assert _accuracy(asked, [0, 1, 1], 1) == 1


def test_most_of_three_neighbours_decide() -> None:
    # nearest to class 1's tile, but two of the three nearest are of class 0
    assert _accuracy([[1.0, 0.19]], [0], 3) == 1


def test_length_does_not_matter() -> None:
    assert _accuracy([[100.0, 1.0]], [0], 1) == 1


def test_half_of_the_tiles_right_is_one_half() -> None:
    assert _accuracy([[1.0, 0.0], [1.0, 0.0]], [0, 1], 1) == 0.5


def test_more_neighbours_than_tiles_take_all_tiles() -> None:
    # three of the five known tiles are of class 1
    assert _accuracy([[1.0, 0.0]], [1], 50) == 1


def test_random_features_reach_chance() -> None:
    rng = np.random.default_rng(0)
    known, asked = rng.standard_normal((2, 4000, 8))
    classes, wanted = rng.integers(0, 4, (2, 4000))
    found = knn_accuracy(known, classes, asked, wanted, neighbours=20)
    assert found == pytest.approx(0.25, abs=0.03)
