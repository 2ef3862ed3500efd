import logging

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from sentinel_fusion.data.loader import Batch, BatchLoader
from sentinel_fusion.train.watch import CollapseAlarm, Curve, project_tiles, watch

ROWS = np.arange(12)
HEALTHY = {"epoch": 1, "step": 20, "spread": 0.8, "projection_rank": 20.0}
POINT = {"epoch": 2, "step": 40, "spread": 0.05, "projection_rank": 20.0}
LINE = {"epoch": 2, "step": 40, "spread": 0.8, "projection_rank": 1.5}
IDLE = nn.Identity()


class Projector(nn.Module):
    """A method whose two projections are functions of the first sensor's pixels."""

    def __init__(self, *, is_constant: bool = False, scale: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((1,), scale))
        self._is_constant = is_constant

    def project(self, images: Batch) -> tuple[Tensor, Tensor]:
        z = images["s1"].flatten(1) * self.weight
        if self._is_constant:
            ones = torch.ones_like(z)
            return ones, -ones
        return z, z


def _watch(method: nn.Module, loader: BatchLoader) -> dict[str, float]:
    return watch(method, loader, ROWS, batch_size=5, precision="float32")


def test_projections_come_in_the_order_of_the_rows(loader: BatchLoader) -> None:
    z, _ = project_tiles(Projector(), loader, ROWS, batch_size=5, precision="float32")
    assert torch.equal(z, loader.load(ROWS)["s1"].flatten(1))


def test_equal_views_find_each_other(loader: BatchLoader) -> None:
    measured = _watch(Projector(), loader)
    assert measured["retrieval_top1"] == 1
    assert measured["retrieval_chance"] == pytest.approx(1 / 12)


def test_two_constant_sensors_are_collapsed_though_far_apart(
    loader: BatchLoader,
) -> None:
    measured = _watch(Projector(is_constant=True), loader)
    assert measured["spread"] == pytest.approx(0, abs=1e-5)
    assert measured["projection_rank"] == pytest.approx(1, abs=1e-3)


def test_constant_sensors_retrieve_by_chance(loader: BatchLoader) -> None:
    measured = _watch(Projector(is_constant=True), loader)
    assert measured["retrieval_top1"] == pytest.approx(1 / 12)
    assert measured["retrieval_top5"] == pytest.approx(5 / 12)


def test_projections_that_are_no_numbers_are_refused(loader: BatchLoader) -> None:
    with pytest.raises(FloatingPointError, match=r"lower pretrain\.learning_rate"):
        _watch(Projector(scale=float("nan")), loader)


def _warnings(curve: Curve, caplog: pytest.LogCaptureFixture) -> list[str]:
    alarm = CollapseAlarm(min_spread=0.1, min_rank=2, warmup_steps=10)
    with caplog.at_level(logging.WARNING):
        for epochs in range(1, len(curve) + 1):
            alarm(IDLE, curve[:epochs])
    return [record.getMessage() for record in caplog.records]


@pytest.mark.parametrize("collapsed", [POINT, LINE])
def test_a_collapse_is_warned_of_with_what_to_try(
    collapsed: dict[str, float], caplog: pytest.LogCaptureFixture
) -> None:
    (message,) = _warnings([HEALTHY, collapsed], caplog)
    assert message.startswith("epoch 2: the projections have collapsed")
    assert "lower pretrain.learning_rate" in message


def test_a_lasting_collapse_is_warned_of_once(caplog: pytest.LogCaptureFixture) -> None:
    assert len(_warnings([POINT, LINE, POINT], caplog)) == 1


def test_a_second_collapse_is_warned_of_again(caplog: pytest.LogCaptureFixture) -> None:
    assert len(_warnings([POINT, HEALTHY, LINE], caplog)) == 2


def test_a_healthy_training_is_silent(caplog: pytest.LogCaptureFixture) -> None:
    assert _warnings([HEALTHY, HEALTHY], caplog) == []


def test_random_weights_are_not_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    assert _warnings([POINT | {"step": 10}, HEALTHY], caplog) == []


def test_a_collapse_since_the_start_is_warned_of_after_the_warm_up(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert len(_warnings([POINT | {"step": 10}, POINT], caplog)) == 1
