import torch

from sentinel_fusion.models.heads import linear_head, projection_head


def test_projection_head_keeps_the_width_in_its_hidden_layer() -> None:
    shapes = [tuple(p.shape) for p in projection_head(6, 3).parameters()]
    assert shapes == [(6, 6), (6,), (3, 6), (3,)]


def test_linear_head_is_repeatable_by_seed() -> None:
    first, again, other = (linear_head(4, 2, seed).weight for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_linear_head_leaves_torchs_random_state_alone() -> None:
    before = torch.get_rng_state()
    linear_head(4, 2, 1)
    assert torch.equal(before, torch.get_rng_state())
