import copy

import numpy as np
import pytest
import torch

from sentinel_fusion.data.augment import build_augment
from sentinel_fusion.data.loader import BatchLoader
from sentinel_fusion.models.fusion import FusedEncoder
from sentinel_fusion.models.heads import linear_head
from sentinel_fusion.train.arms import ArmConfig, build_encoder
from sentinel_fusion.train.learners import FineTuned, LinearProbe, frozen_features

ROWS = np.arange(48)


@pytest.fixture
def encoder(arm: ArmConfig) -> FusedEncoder:
    return build_encoder(arm)


def _features(encoder: FusedEncoder, loader: BatchLoader) -> torch.Tensor:
    return frozen_features(
        encoder, loader, num_tiles=48, scale_rows=ROWS[:32], batch_size=20
    )


def _fine_tuned(encoder: FusedEncoder, loader: BatchLoader) -> FineTuned:
    return FineTuned(
        encoder,
        linear_head(128, 8, seed=0),
        loader,
        build_augment("d4", None),
        batch_size=16,
        precision="float32",
    )


def test_freezing_changes_no_weight_and_no_batch_statistic(
    encoder: FusedEncoder, loader: BatchLoader
) -> None:
    before = copy.deepcopy(encoder.state_dict())
    _features(encoder.train(), loader)
    after = encoder.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_frozen_features_do_not_depend_on_the_batch(
    encoder: FusedEncoder, loader: BatchLoader
) -> None:
    alone = frozen_features(
        encoder, loader, num_tiles=48, scale_rows=ROWS[:32], batch_size=1
    )
    torch.testing.assert_close(_features(encoder, loader), alone, atol=1e-3, rtol=1e-3)


def test_features_are_standardised_over_the_training_places(
    encoder: FusedEncoder, loader: BatchLoader
) -> None:
    reference = _features(encoder, loader)[:32]
    torch.testing.assert_close(
        reference.mean(dim=0), torch.zeros(128), atol=1e-4, rtol=0
    )


def test_a_probe_trains_the_head_alone(
    encoder: FusedEncoder, loader: BatchLoader
) -> None:
    head = linear_head(128, 8, seed=0)
    probe = LinearProbe(_features(encoder, loader), head)
    probe.training_logits(ROWS, torch.Generator()).sum().backward()
    assert all(p.grad is None for p in encoder.parameters())
    assert all(p.grad is not None for p in head.parameters())


def test_fine_tuning_trains_encoder_and_head(
    encoder: FusedEncoder, loader: BatchLoader
) -> None:
    learner = _fine_tuned(encoder, loader)
    learner.training_logits(ROWS, torch.Generator()).sum().backward()
    assert all(p.grad is not None for p in learner.trained.parameters())


def test_predictions_use_running_statistics(
    encoder: FusedEncoder, loader: BatchLoader
) -> None:
    learner = _fine_tuned(encoder, loader)
    together = learner.logits(ROWS)
    torch.testing.assert_close(learner.logits(ROWS[:1]), together[:1])
