import pytest
import torch

from sentinel_fusion.metrics.retrieval import feature_sd, retrieval_top_k

SPREAD = torch.eye(4)


def test_equal_projections_find_their_partner() -> None:
    assert retrieval_top_k(SPREAD, SPREAD, 1) == 1


def test_shifted_partners_are_not_found() -> None:
    assert retrieval_top_k(SPREAD, SPREAD.roll(1, 0), 1) == 0


def test_top_k_over_all_tiles_is_one() -> None:
    assert retrieval_top_k(SPREAD, SPREAD.roll(1, 0), 4) == 1


def test_both_directions_count() -> None:
    # s1 tile 0 finds s2 tile 0; s1 tile 1 prefers it too; both s2 tiles prefer s1 0
    z1 = torch.tensor([[1.0, 0.0], [0.9, 0.1]])
    z2 = torch.tensor([[1.0, 0.0], [1.0, -0.5]])
    assert retrieval_top_k(z1, z2, 1) == pytest.approx(0.5)


def test_collapsed_projections_have_no_spread() -> None:
    assert feature_sd(torch.ones(5, 3)) == pytest.approx(0, abs=1e-6)


def test_random_projections_spread_as_one_over_root_dim() -> None:
    z = torch.randn(2000, 64, generator=torch.Generator().manual_seed(0))
    assert feature_sd(z) == pytest.approx(1 / 8, rel=0.02)
