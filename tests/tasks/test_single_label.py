import numpy as np
import pytest
import torch
from tests.builders import band_images, no_decoder

from sentinel_fusion.data.loader import TileStore
from sentinel_fusion.models.fusion import FusedEncoder
from sentinel_fusion.tasks.single_label import (
    build_head,
    encode,
    loss,
    probabilities,
    targets,
)


def test_the_target_is_the_majority_class(store: TileStore) -> None:
    assert targets(store).tolist() == [0, 0, 7] * 3


def test_equal_logits_cost_the_log_of_the_classes() -> None:
    value = loss(torch.zeros(2, 8), torch.tensor([0, 5]))
    assert float(value) == pytest.approx(np.log(8))


def test_probabilities_sum_to_one() -> None:
    total = probabilities(torch.randn(5, 8)).sum(dim=1)
    torch.testing.assert_close(total, torch.ones(5))


def test_the_head_takes_the_pooled_features(encoder: FusedEncoder) -> None:
    images = band_images(3, 32)
    features = encode(encoder, images)
    assert torch.equal(features, encoder(images))
    assert build_head(encoder, decoder=no_decoder, seed=0)(features).shape == (3, 8)


def test_the_head_is_repeatable_by_seed(encoder: FusedEncoder) -> None:
    first, again, other = (
        build_head(encoder, decoder=no_decoder, seed=seed).state_dict()["weight"]
        for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
