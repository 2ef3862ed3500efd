import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sentinel_fusion.metrics import effective_rank as effective_rank_module
from sentinel_fusion.metrics.effective_rank import effective_rank


def _random(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("dim", [1, 3, 8])
def test_equal_singular_values_give_the_dimension(dim: int) -> None:
    assert effective_rank(torch.eye(dim)) == pytest.approx(dim)


def test_the_rank_is_the_exponential_of_the_entropy() -> None:
    # shares 3/4 and 1/4
    expected = math.exp(-(0.75 * math.log(0.75) + 0.25 * math.log(0.25)))
    assert effective_rank(torch.diag(torch.tensor([3.0, 1.0]))) == pytest.approx(
        expected
    )


def test_singular_values_are_those_of_the_decomposition() -> None:
    x = _random(30, 7) @ _random(7, 7)
    share = torch.linalg.svdvals(x.double())
    share /= share.sum()
    expected = float(torch.exp(-(share * share.log()).sum()))
    assert effective_rank(x) == pytest.approx(expected, rel=1e-6)


def test_rows_and_columns_are_alike() -> None:
    x = _random(5, 12)
    assert effective_rank(x) == pytest.approx(effective_rank(x.T), rel=1e-6)


@pytest.mark.parametrize("shape", [(12, 5), (5, 12)])
def test_blocks_are_summed_to_what_one_would_give(
    shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = effective_rank(_random(*shape))
    monkeypatch.setattr(effective_rank_module, "_BLOCK", 5)
    assert effective_rank(_random(*shape)) == pytest.approx(expected, rel=1e-12)


def test_equal_vectors_have_rank_one() -> None:
    assert effective_rank(torch.ones(50, 16)) == pytest.approx(1, abs=1e-3)


def test_zeros_have_rank_zero() -> None:
    assert effective_rank(torch.zeros(5, 3)) == 0


def test_random_vectors_fill_nearly_all_directions() -> None:
    assert effective_rank(_random(5000, 16)) == pytest.approx(16, rel=0.01)


@given(st.floats(1e-3, 1e3))
def test_scale_does_not_matter(scale: float) -> None:
    x = _random(6, 4)
    assert effective_rank(scale * x) == pytest.approx(effective_rank(x), rel=1e-5)
