import pytest
import torch

from sentinel_fusion.train.optim import cosine_factor, cosine_schedule


def test_warm_up_rises_by_equal_steps() -> None:
    factors = [cosine_factor(s, total_steps=100, warmup_steps=4) for s in range(4)]
    assert factors == [0.25, 0.5, 0.75, 1.0]


def test_peak_comes_right_after_warm_up() -> None:
    assert cosine_factor(4, total_steps=100, warmup_steps=4) == 1


def test_half_way_down_is_half_the_peak() -> None:
    factor = cosine_factor(52, total_steps=100, warmup_steps=4)
    assert factor == pytest.approx(0.5)


def test_the_last_step_ends_at_zero() -> None:
    factor = cosine_factor(100, total_steps=100, warmup_steps=4)
    assert factor == pytest.approx(0, abs=1e-12)


def test_warm_up_longer_than_the_training_is_cut() -> None:
    assert cosine_factor(9, total_steps=10, warmup_steps=50) == 1


def test_schedule_counts_optimiser_steps_not_epochs() -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=2.0)
    schedule = cosine_schedule(optimizer, total_steps=10, warmup_steps=2)
    rates = []
    for _ in range(3):
        rates.append(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
    assert rates == [1.0, 2.0, 2.0]
