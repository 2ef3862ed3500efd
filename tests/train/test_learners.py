import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from sentinel_fusion.data.augment import Augment, Window, build_augment
from sentinel_fusion.data.loader import Batch, BatchLoader
from sentinel_fusion.models.fusion import FusedEncoder, Maps
from sentinel_fusion.models.heads import linear_head
from sentinel_fusion.tasks import segmentation, single_label
from sentinel_fusion.train import passes
from sentinel_fusion.train.arms import ArmConfig, build_decoder, build_encoder
from sentinel_fusion.train.learners import (
    ImageInput,
    ImageLearner,
    LinearProbe,
    frozen_features,
)

ROWS = np.arange(48)
CLASSES = torch.zeros(48, dtype=torch.int64)
MAPS = torch.zeros(48, 8, 8, dtype=torch.uint8)
D4 = build_augment("d4", None)
SWIN = {
    "patch_px": 2,
    "embed_dim": 8,
    "depths": (1, 1),
    "num_heads": (1, 2),
    "drop_path": 0.9,
}


@pytest.fixture
def encoder(arm: ArmConfig) -> FusedEncoder:
    return build_encoder(arm)


def _features(encoder: FusedEncoder, loader: BatchLoader) -> torch.Tensor:
    return frozen_features(
        encoder, loader, num_tiles=48, scale_rows=ROWS[:32], precision="float32"
    )


def _fine_tuned(
    encoder: FusedEncoder, loader: BatchLoader, precision: str = "float32"
) -> ImageLearner:
    tiles = ImageInput(loader, D4, single_label.encode, precision)
    head = linear_head(128, 8, seed=0)
    return ImageLearner(encoder, head, tiles, is_frozen=False)


def _frozen(encoder: FusedEncoder, loader: BatchLoader) -> tuple[ImageLearner, Tensor]:
    """A decoder on the frozen encoder, and its loss over a training batch."""
    decoder = build_decoder("unet", {"width": 4}, encoder, num_classes=8, seed=0)
    tiles = ImageInput(loader, D4, segmentation.encode, "float32")
    learner = ImageLearner(encoder, decoder, tiles, is_frozen=True)
    logits, wanted = learner.training_pair(ROWS, MAPS, torch.Generator())
    return learner, segmentation.loss(logits, wanted)


def test_freezing_changes_no_weight_and_no_batch_statistic(
    encoder: FusedEncoder, loader: BatchLoader
) -> None:
    before = copy.deepcopy(encoder.state_dict())
    _features(encoder.train(), loader)
    after = encoder.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_frozen_features_do_not_depend_on_the_pass(
    encoder: FusedEncoder, loader: BatchLoader, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = _features(encoder, loader)
    monkeypatch.setattr(passes, "TILES_A_PASS", 1)
    alone = _features(encoder, loader)
    torch.testing.assert_close(together, alone, atol=1e-3, rtol=1e-3)


def test_frozen_features_are_of_the_wanted_precision(
    encoder: FusedEncoder, loader: BatchLoader
) -> None:
    rounded = frozen_features(
        encoder, loader, num_tiles=48, scale_rows=ROWS[:32], precision="bfloat16"
    )
    exact = _features(encoder, loader)
    assert rounded.dtype == exact.dtype == torch.float32
    assert 0 < (rounded - exact).abs().mean() < 0.2


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
    logits, _ = probe.training_pair(ROWS, CLASSES, torch.Generator())
    logits.sum().backward()
    assert all(p.grad is None for p in encoder.parameters())
    assert all(p.grad is not None for p in head.parameters())


def test_a_probe_hands_its_targets_on_as_they_came() -> None:
    probe = LinearProbe(torch.zeros(48, 4), linear_head(4, 8, seed=0))
    _, wanted = probe.training_pair(ROWS[:2], CLASSES[:2], torch.Generator())
    assert torch.equal(wanted, CLASSES[:2])


def test_fine_tuning_trains_encoder_and_head(
    encoder: FusedEncoder, loader: BatchLoader
) -> None:
    learner = _fine_tuned(encoder, loader)
    logits, _ = learner.training_pair(ROWS, CLASSES, torch.Generator())
    logits.sum().backward()
    assert all(p.grad is not None for p in learner.trained.parameters())


def test_predictions_use_running_statistics(
    encoder: FusedEncoder, loader: BatchLoader
) -> None:
    learner = _fine_tuned(encoder, loader)
    together = learner.logits(ROWS)
    torch.testing.assert_close(learner.logits(ROWS[:1]), together[:1])


def test_predictions_have_no_gradients(
    encoder: FusedEncoder, loader: BatchLoader
) -> None:
    assert not _fine_tuned(encoder, loader).logits(ROWS).requires_grad


def test_logits_leave_autocast_as_float32(
    encoder: FusedEncoder, loader: BatchLoader
) -> None:
    learner = _fine_tuned(encoder, loader, "bfloat16")
    assert learner.logits(ROWS).dtype == torch.float32


class Drawn(BatchLoader):
    """Tiles whose only band is the label of each pixel."""

    def __init__(self, labels: Tensor) -> None:
        self._labels = labels

    def load(self, rows: np.ndarray, window: Window | None = None) -> Batch:
        assert window is None
        return {"s2": self._labels[torch.from_numpy(rows)].unsqueeze(1).float()}


def _labels() -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, (16, 5, 5), generator=generator).to(torch.uint8)


def _only_band(encoder: FusedEncoder, images: Batch) -> Tensor:
    (band,) = images.values()  # the labels must not be among what the encoder sees
    return band


def _map_pair(encoder: FusedEncoder, augment: Augment, seed: int) -> list[Tensor]:
    """Band and label of every pixel as they reach head and loss."""
    tiles = ImageInput(Drawn(_labels()), augment, _only_band, "float32")
    learner = ImageLearner(encoder, nn.Identity(), tiles, is_frozen=True)
    generator = torch.Generator().manual_seed(seed)
    logits, wanted = learner.training_pair(np.arange(16), _labels(), generator)
    return [logits.squeeze(1), wanted]


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("augment", [D4, build_augment("d4_crop", 3)])
def test_a_label_map_moves_with_its_tile(
    encoder: FusedEncoder, augment: Augment, seed: int
) -> None:
    band, wanted = _map_pair(encoder, augment, seed)
    assert torch.equal(band, wanted.float())


def test_augmentation_moves_label_maps(encoder: FusedEncoder) -> None:
    _, wanted = _map_pair(encoder, D4, seed=0)
    assert not torch.equal(wanted, _labels())


def test_label_maps_stay_as_they_are_without_augmentation(
    encoder: FusedEncoder,
) -> None:
    _, wanted = _map_pair(encoder, build_augment("none", None), seed=0)
    assert torch.equal(wanted, _labels())


def test_a_frozen_encoder_is_in_evaluation_mode_while_its_decoder_trains(
    encoder: FusedEncoder, loader: BatchLoader
) -> None:
    learner, _ = _frozen(encoder.train(), loader)
    assert not any(module.training for module in encoder.modules())
    assert all(module.training for module in learner.trained.modules())


def test_no_gradient_reaches_a_frozen_encoder(
    encoder: FusedEncoder, loader: BatchLoader
) -> None:
    learner, loss = _frozen(encoder, loader)
    loss.backward()
    assert all(p.grad is None for p in encoder.parameters())
    assert all(p.grad is not None for p in learner.trained.parameters())


def test_a_step_changes_no_weight_and_no_statistic_of_a_frozen_encoder(
    encoder: FusedEncoder, loader: BatchLoader
) -> None:
    before = copy.deepcopy(encoder.state_dict())
    learner, loss = _frozen(encoder, loader)
    loss.backward()
    torch.optim.SGD(learner.trained.parameters(), lr=1.0).step()
    after = encoder.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


class LastMap(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(()))

    def forward(self, maps: Maps) -> Tensor:
        return maps["s1"][-1] + self.bias


@pytest.mark.parametrize("is_frozen", [True, False])
def test_drop_path_is_off_in_a_frozen_encoder_alone(
    arm: ArmConfig, loader: BatchLoader, is_frozen: bool
) -> None:
    swin = build_encoder(replace(arm, encoder="swin", encoder_options=SWIN))
    as_it_is = build_augment("none", None)
    tiles = ImageInput(loader, as_it_is, segmentation.encode, "float32")
    learner = ImageLearner(swin, LastMap(), tiles, is_frozen=is_frozen)
    generator = torch.Generator()
    first, second = (learner.training_pair(ROWS, MAPS, generator)[0] for _ in range(2))
    assert torch.equal(first, second) is is_frozen
