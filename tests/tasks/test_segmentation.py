from itertools import product

import numpy as np
import pytest
import torch
from tests.builders import band_images
from torch import Tensor, nn

from sentinel_fusion.classes import IGNORE_INDEX
from sentinel_fusion.data.loader import TileStore
from sentinel_fusion.models.fusion import FusedEncoder
from sentinel_fusion.tasks.segmentation import (
    build_head,
    encode,
    loss,
    probabilities,
    targets,
)


def _logits() -> Tensor:
    return torch.randn(2, 8, 3, 4, generator=torch.Generator().manual_seed(0))


def _wanted() -> Tensor:
    wanted = torch.arange(24).view(2, 3, 4) % 8
    wanted[0, :2] = IGNORE_INDEX
    return wanted.to(torch.uint8)


def _slow_loss(logits: Tensor, wanted: Tensor) -> float:
    values = []
    tiles, height, width = wanted.shape
    for tile, row, col in product(range(tiles), range(height), range(width)):
        true = int(wanted[tile, row, col])
        if true != IGNORE_INDEX:
            odds = np.exp(logits[tile, :, row, col].double().numpy())
            values.append(-np.log(odds[true] / odds.sum()))
    return float(np.mean(values))


def test_targets_are_the_class_of_every_pixel(store: TileStore) -> None:
    half = targets(store)[1]
    assert (half[:, :8] == 0).all()
    assert (half[:, 8:] == 7).all()


def test_every_tile_has_a_target_of_its_size(store: TileStore) -> None:
    assert targets(store).shape == (9, 16, 16)


def test_loss_equals_a_loop_over_the_labelled_pixels() -> None:
    expected = _slow_loss(_logits(), _wanted())
    assert float(loss(_logits(), _wanted())) == pytest.approx(expected, rel=1e-5)


def test_equal_logits_cost_the_log_of_the_classes() -> None:
    value = loss(torch.zeros(2, 8, 3, 4), _wanted())
    assert float(value) == pytest.approx(np.log(8))


def test_ignored_pixels_get_no_gradient() -> None:
    logits = _logits().requires_grad_()
    loss(logits, _wanted()).backward()
    assert logits.grad is not None
    has_gradient = logits.grad.abs().sum(dim=1) > 0
    assert torch.equal(has_gradient, _wanted() != IGNORE_INDEX)


def test_loss_is_a_mean_over_pixels_not_over_tiles() -> None:
    logits, wanted = _logits(), _wanted()
    tiles = [float(loss(logits[[i]], wanted[[i]])) for i in range(2)]
    labelled = [(4, tiles[0]), (12, tiles[1])]
    expected = sum(count * value for count, value in labelled) / 16
    assert float(loss(logits, wanted)) == pytest.approx(expected)


def test_probabilities_of_a_pixel_sum_to_255_but_for_rounding() -> None:
    total = probabilities(_logits()).sum(dim=-1, dtype=torch.int64)
    assert (total - 255).abs().max() <= 8 / 2


def test_probabilities_are_bytes_with_the_class_last() -> None:
    probability = probabilities(_logits())
    assert probability.shape == (2, 3, 4, 8)
    assert probability.dtype == torch.uint8


def test_probabilities_are_the_softmax_over_classes() -> None:
    shares = torch.softmax(_logits(), dim=1)[1, :, 2, 3]
    ours = probabilities(_logits())[1, 2, 3].float() / 255
    torch.testing.assert_close(ours, shares, atol=0.5 / 255 + 1e-6, rtol=0)


def test_a_sure_pixel_has_all_255() -> None:
    logits = torch.zeros(1, 8, 1, 1)
    logits[0, 6] = 100
    assert probabilities(logits)[0, 0, 0].tolist() == [0, 0, 0, 0, 0, 0, 255, 0]


def test_the_decoder_takes_the_encoders_maps(encoder: FusedEncoder) -> None:
    images = band_images(2, 32)
    maps = encode(encoder, images)
    expected = encoder.feature_maps(images)
    assert list(maps) == ["s1", "s2"]
    assert all(torch.equal(maps["s2"][i], m) for i, m in enumerate(expected["s2"]))


def test_the_decoder_is_built_for_the_encoder_all_classes_and_the_seed(
    encoder: FusedEncoder,
) -> None:
    calls: list[object] = []

    def decoder(given: FusedEncoder, **arguments: int) -> nn.Module:
        calls.append((given, arguments))
        return nn.Identity()

    head = build_head(encoder, decoder=decoder, seed=3)
    assert isinstance(head, nn.Identity)
    assert calls == [(encoder, {"num_classes": 8, "seed": 3})]
