from contextlib import nullcontext
from dataclasses import replace
from functools import partial

import pytest
import torch
from tests.builders import unit_normalisation
from torch import Tensor, nn

from sentinel_fusion.data.loader import Batch
from sentinel_fusion.train.arms import ArmConfig, build_method
from sentinel_fusion.train.device import autocast
from sentinel_fusion.train.gradient_cache import PairMethod, cached_backward

TOLERANCE = 1e-5
SIMCLR = {
    "projection_dim": 8,
    "temperature": 0.1,
    "negatives": "both",
    "views": "bands",
    "min_crop_share": 0.5,
    "jitter_strength": 0.5,
}


def _swin(arm: ArmConfig, drop_path: float) -> ArmConfig:
    options = {
        "patch_px": 4,
        "embed_dim": 8,
        "depths": [2, 1],
        "num_heads": [1, 2],
        "drop_path": drop_path,
    }
    return replace(arm, encoder="swin", encoder_options=options, size_px=16)


def _simclr(arm: ArmConfig) -> ArmConfig:
    return replace(
        arm, method="simclr", method_options=SIMCLR, inputs=("s2",), fusion="single"
    )


def _images(tiles: int = 7, size_px: int = 16) -> Batch:
    generator = torch.Generator().manual_seed(1)
    return {
        "s1": torch.randn(tiles, 2, size_px, size_px, generator=generator),
        "s2": torch.randn(tiles, 13, size_px, size_px, generator=generator),
    }


def _method(arm: ArmConfig) -> nn.Module:
    return build_method(arm, unit_normalisation()).train()


def _gradients(method: nn.Module) -> list[Tensor]:
    return [p.grad for p in method.parameters() if p.grad is not None]


def _by_parts(method: nn.Module, images: Batch, count: int) -> Tensor:
    """Loss of a whole batch with the graph of all its parts in memory."""
    assert isinstance(method, PairMethod)
    split = {sensor: x.tensor_split(count) for sensor, x in images.items()}
    encoded = [
        method.encode_pairs({sensor: x[part] for sensor, x in split.items()})
        for part in range(count)
    ]
    first, second = (torch.cat(side) for side in zip(*encoded, strict=True))
    return method.pair_loss(first, second)


@pytest.mark.parametrize("micro_batch", [2, 3, 6])
def test_gradients_are_those_of_the_whole_batch(
    arm: ArmConfig, micro_batch: int
) -> None:
    whole, cached = (_method(_swin(arm, drop_path=0.0)) for _ in range(2))
    expected = whole.training_loss(_images())  # type: ignore[operator]
    expected.backward()
    loss = cached_backward(
        cached, _images(), micro_batch=micro_batch, precision=nullcontext
    )
    torch.testing.assert_close(loss, expected.detach(), rtol=TOLERANCE, atol=TOLERANCE)
    torch.testing.assert_close(
        _gradients(cached), _gradients(whole), rtol=TOLERANCE, atol=TOLERANCE
    )


@pytest.mark.parametrize("kind", ["drop_path", "views", "batch_norm"])
def test_both_passes_draw_alike(arm: ArmConfig, kind: str) -> None:
    config = {
        "drop_path": _swin(arm, drop_path=0.5),
        "views": _simclr(_swin(arm, drop_path=0.5)),
        "batch_norm": _simclr(arm),
    }[kind]
    whole, cached = _method(config), _method(config)
    torch.manual_seed(3)
    _by_parts(whole, _images(), count=3).backward()
    torch.manual_seed(3)
    cached_backward(cached, _images(), micro_batch=3, precision=nullcontext)
    torch.testing.assert_close(
        _gradients(cached), _gradients(whole), rtol=TOLERANCE, atol=TOLERANCE
    )


def test_the_global_generator_is_left_where_one_pass_leaves_it(arm: ArmConfig) -> None:
    method = _method(_swin(arm, drop_path=0.5))
    torch.manual_seed(3)
    _by_parts(method, _images(), count=3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    cached_backward(method, _images(), micro_batch=3, precision=nullcontext)
    assert torch.equal(torch.rand(2), expected)


def test_running_statistics_move_once(arm: ArmConfig) -> None:
    once, cached = _method(arm), _method(arm)
    _by_parts(once, _images(), count=3)
    cached_backward(cached, _images(), micro_batch=3, precision=nullcontext)
    expected = dict(once.named_buffers())
    assert expected
    for name, statistic in cached.named_buffers():
        torch.testing.assert_close(statistic, expected[name])


def test_a_later_step_moves_running_statistics_again(arm: ArmConfig) -> None:
    method = _method(arm)
    cached_backward(method, _images(), micro_batch=3, precision=nullcontext)
    before = {name: x.clone() for name, x in method.named_buffers()}
    method.training_loss(_images())  # type: ignore[operator]
    moved = [not torch.equal(x, before[name]) for name, x in method.named_buffers()]
    assert all(moved)


def test_gradients_add_to_those_that_are_there(arm: ArmConfig) -> None:
    method = _method(_swin(arm, drop_path=0.0))
    run = partial(
        cached_backward, method, _images(), micro_batch=3, precision=nullcontext
    )
    run()
    once = [g.clone() for g in _gradients(method)]
    run()
    torch.testing.assert_close(_gradients(method), [2 * g for g in once])


def test_bfloat16_gradients_are_close_to_the_whole_batchs(arm: ArmConfig) -> None:
    whole, cached = (_method(_swin(arm, drop_path=0.0)) for _ in range(2))
    precision = partial(autocast, torch.device("cpu"), "bfloat16")
    with precision():
        expected = whole.training_loss(_images())  # type: ignore[operator]
    expected.backward()
    cached_backward(cached, _images(), micro_batch=3, precision=precision)
    torch.testing.assert_close(
        _gradients(cached), _gradients(whole), rtol=0.1, atol=0.02
    )


class Alone(nn.Module):
    def training_loss(self, images: Batch) -> Tensor:
        return images["s1"].mean()


def test_a_method_that_compares_nothing_is_refused() -> None:
    with pytest.raises(TypeError, match=r"needs a method .* got Alone; set"):
        cached_backward(Alone(), _images(), micro_batch=2, precision=nullcontext)
