import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from sentinel_fusion.data.loader import Batch, BatchLoader
from sentinel_fusion.data.part import Part
from sentinel_fusion.train import passes
from sentinel_fusion.train.one_rank import OneRank
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
    return watch(method, loader, ROWS, precision="float32")


def test_projections_come_in_the_order_of_the_rows(
    loader: BatchLoader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passes, "TILES_A_PASS", 5)
    z, _ = project_tiles(Projector(), loader, ROWS, precision="float32")
    assert torch.equal(z, loader.load(ROWS)["s1"].flatten(1))


class Counting(Projector):
    """Remembers how many tiles it was given at once."""

    def __init__(self) -> None:
        super().__init__()
        self.tiles: list[int] = []

    def project(self, images: Batch) -> tuple[Tensor, Tensor]:
        self.tiles.append(len(images["s1"]))
        return super().project(images)


class Alone(OneRank):
    """One of two ranks; what the other would project is left out as empty."""

    def merge(self, own: Mapping[int, Any]) -> dict[int, Any]:
        sizes = {0: 5, 1: 5, 2: 2}
        empty = {k: (torch.zeros(n, 128),) * 2 for k, n in sizes.items()}
        return dict(sorted({**empty, **own}.items()))


@pytest.mark.parametrize(("number", "tiles"), [(0, [5, 2]), (1, [5])])
def test_ranks_get_passes_in_turn(
    loader: BatchLoader,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    tiles: list[int],
) -> None:
    monkeypatch.setattr(passes, "TILES_A_PASS", 5)
    method, rank = Counting(), Alone(torch.device("cpu"), Part(number, 2))
    project_tiles(method, loader, ROWS, precision="float32", ranks=rank)
    assert method.tiles == tiles


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
