import math

import pytest
import torch
from torch import Tensor

from sentinel_fusion.metrics import uniformity as module
from sentinel_fusion.metrics.uniformity import alignment, uniformity


def _random(tiles: int, dim: int, seed: int = 0) -> Tensor:
    return torch.randn(tiles, dim, generator=torch.Generator().manual_seed(seed))


def test_equal_partners_are_aligned() -> None:
    assert alignment(_random(6, 3), 5 * _random(6, 3)) == pytest.approx(0, abs=1e-6)


def test_orthogonal_partners_are_two_apart() -> None:
    assert alignment(torch.eye(3), torch.eye(3).roll(1, 0)) == pytest.approx(2)


def test_opposite_partners_are_four_apart() -> None:
    assert alignment(torch.eye(3), -torch.eye(3)) == pytest.approx(4)


def test_random_partners_are_two_apart() -> None:
    z1, z2 = _random(2000, 64), _random(2000, 64, seed=1)
    assert alignment(z1, z2) == pytest.approx(2, abs=0.02)


def test_equal_vectors_are_not_uniform() -> None:
    assert uniformity(torch.ones(4, 3)) == pytest.approx(0, abs=1e-9)


def test_two_opposite_vectors_by_hand() -> None:
    # squared distance 4, potential exp(-2 * 4)
    assert uniformity(torch.tensor([[1.0], [-1.0]])) == pytest.approx(-8)


def test_three_vectors_by_hand() -> None:
    # two coincide, the third is orthogonal: pairs at 0, 2 and 2
    z = torch.tensor([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]])
    expected = math.log((1 + 2 * math.exp(-4)) / 3)
    assert uniformity(z) == pytest.approx(expected)


def test_all_pairs_count_once() -> None:
    z = torch.nn.functional.normalize(_random(9, 4), dim=1).tolist()
    potentials = [
        math.exp(-2 * math.dist(z[i], z[j]) ** 2) for i in range(9) for j in range(i)
    ]
    expected = math.log(sum(potentials) / len(potentials))
    assert uniformity(_random(9, 4)) == pytest.approx(expected, rel=1e-5)


def test_random_vectors_of_many_dimensions_reach_minus_four() -> None:
    assert uniformity(_random(500, 512)) == pytest.approx(-4, abs=0.05)


def test_tiles_compared_in_blocks_give_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    z = _random(11, 4)
    whole = uniformity(z)
    monkeypatch.setattr(module, "_BLOCK_ROWS", 4)
    assert uniformity(z) == pytest.approx(whole)
