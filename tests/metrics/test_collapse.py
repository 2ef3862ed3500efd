import pytest
import torch

from sentinel_fusion.metrics.collapse import is_collapsed, spread

LIMITS = {"min_spread": 0.1, "min_rank": 2.0}


def test_equal_vectors_do_not_spread() -> None:
    assert spread(torch.ones(5, 3)) == pytest.approx(0, abs=1e-6)


def test_vectors_of_one_direction_do_not_spread() -> None:
    assert spread(torch.tensor([[1.0, 2.0], [3.0, 6.0]])) == pytest.approx(0, abs=1e-6)


def test_opposite_vectors_by_hand() -> None:
    # deviations 1 and 0, mean 1/2, times sqrt(2)
    z = torch.tensor([[1.0, 0.0], [-1.0, 0.0]])
    assert spread(z) == pytest.approx(2**0.5 / 2)


@pytest.mark.parametrize("dim", [16, 64])
def test_random_vectors_spread_by_one(dim: int) -> None:
    z = torch.randn(2000, dim, generator=torch.Generator().manual_seed(0))
    assert spread(z) == pytest.approx(1, rel=0.02)


@pytest.mark.parametrize(
    ("spread", "rank", "expected"),
    [(0.5, 9.0, False), (0.09, 9.0, True), (0.5, 1.9, True), (0.1, 2.0, False)],
)
def test_either_limit_makes_a_collapse(
    spread: float, rank: float, expected: bool
) -> None:
    assert is_collapsed(spread, rank, **LIMITS) is expected
