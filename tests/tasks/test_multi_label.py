import numpy as np
import pytest
import torch
from tests.builders import band_images, no_decoder

from sentinel_fusion.data.loader import TileStore
from sentinel_fusion.models.fusion import FusedEncoder
from sentinel_fusion.tasks.multi_label import (
    build_head,
    encode,
    loss,
    probabilities,
    targets,
)


def test_targets_mark_the_classes_a_tile_has(store: TileStore) -> None:
    forest, water = np.eye(8, dtype=int)[[0, 7]]
    row = [forest.tolist(), (forest + water).tolist(), water.tolist()]
    assert targets(store).tolist() == row * 3


def test_undecided_logits_cost_the_log_of_two() -> None:
    value = loss(torch.zeros(3, 8), torch.eye(8, dtype=torch.int64)[:3])
    assert float(value) == pytest.approx(np.log(2))


def test_loss_equals_the_formula_tile_by_tile() -> None:
    logits = torch.tensor([[1.0, -2.0]])
    p = 1 / (1 + np.exp([-1.0, 2.0]))
    expected = -(np.log(p[0]) + np.log(1 - p[1])) / 2
    assert float(loss(logits, torch.tensor([[1, 0]]))) == pytest.approx(expected)


def test_probabilities_are_independent() -> None:
    torch.testing.assert_close(
        probabilities(torch.zeros(1, 8)), torch.full((1, 8), 0.5)
    )


def test_the_head_takes_the_pooled_features(encoder: FusedEncoder) -> None:
    images = band_images(3, 32)
    features = encode(encoder, images)
    assert torch.equal(features, encoder(images))
    assert build_head(encoder, decoder=no_decoder, seed=0)(features).shape == (3, 8)
