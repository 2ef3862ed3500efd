import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from sentinel_fusion.metrics import retrieval
from sentinel_fusion.metrics.retrieval import retrieve

SPREAD = torch.eye(4)


def _random(tiles: int, dim: int, seed: int = 0) -> Tensor:
    return torch.randn(tiles, dim, generator=torch.Generator().manual_seed(seed))


def _slow_ranks(queries: Tensor, candidates: Tensor) -> list[int]:
    """Position of each partner after sorting all candidates."""
    ranks = []
    for row, query in enumerate(queries):
        cosines = [float(torch.cosine_similarity(query, c, dim=0)) for c in candidates]
        ranks.append(1 + sorted(cosines, reverse=True).index(cosines[row]))
    return ranks


def test_equal_projections_find_their_partner() -> None:
    assert retrieve(SPREAD, SPREAD).top_k(1) == 1


def test_opposite_partners_are_not_found() -> None:
    assert retrieve(SPREAD, -SPREAD).top_k(1) == 0


def test_top_k_over_all_tiles_is_one() -> None:
    assert retrieve(SPREAD, SPREAD.roll(1, 0)).top_k(4) == 1


def test_the_directions_differ() -> None:
    # s1 tile 0 finds s2 tile 0, s1 tile 1 prefers it too; s2 tile 1 is alone far off,
    # nearest to s1 tile 0
    z1 = torch.tensor([[1.0, 0.0], [0.9, 0.1]])
    z2 = torch.tensor([[1.0, 0.0], [1.0, -0.5]])
    assert retrieve(z1, z2).top_k(1) == pytest.approx(0.5)
    assert retrieve(z2, z1).median_rank() == pytest.approx(1.5)


@given(st.integers(0, 1000), st.integers(1, 9))
def test_ranks_are_those_of_a_sorted_list(seed: int, k: int) -> None:
    queries, candidates = _random(9, 3, seed), _random(9, 3, seed + 1)
    ranks = _slow_ranks(queries, candidates)
    found = retrieve(queries, candidates)
    assert found.top_k(k) == pytest.approx(np.mean([rank <= k for rank in ranks]))
    assert found.median_rank() == pytest.approx(np.median(ranks))


def test_random_vectors_are_found_by_chance() -> None:
    found = retrieve(_random(2000, 16), _random(2000, 16, seed=1))
    assert found.top_k(20) == pytest.approx(0.01, abs=0.005)
    assert found.median_rank() == pytest.approx(1000, rel=0.1)


def test_collapsed_vectors_are_found_by_chance() -> None:
    found = retrieve(torch.ones(10, 4), torch.ones(10, 4))
    assert found.top_k(1) == pytest.approx(0.1)
    assert found.top_k(5) == pytest.approx(0.5)
    assert found.median_rank() == 5.5


def test_tiles_compared_in_blocks_give_the_same_ranks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    queries, candidates = _random(11, 3), _random(11, 3, seed=1)
    whole = retrieve(queries, candidates)
    monkeypatch.setattr(retrieval, "_BLOCK_ROWS", 4)
    assert torch.equal(retrieve(queries, candidates).better, whole.better)
