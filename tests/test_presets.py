"""presets/paper.yaml: same keys as params.yaml, and every model takes a step."""

from pathlib import Path

import pytest
import torch
import yaml
from tests.builders import band_images, no_decoder, unit_normalisation
from torch import Tensor, nn

from sentinel_fusion.classes import NUM_CLASSES
from sentinel_fusion.data.augment import build_augment
from sentinel_fusion.models.fusion import FusedEncoder
from sentinel_fusion.params import Params, load_params
from sentinel_fusion.tasks import segmentation, single_label
from sentinel_fusion.train.arms import (
    ArmConfig,
    build_decoder,
    build_encoder,
    build_method,
    trains,
)

ROOT = Path(__file__).parents[1]
PAPER = ROOT / "presets" / "paper.yaml"
BATCH = 2


def _keys(node: object, path: str = "") -> set[str]:
    if not isinstance(node, dict):
        return {path}
    return {path}.union(*(_keys(node[key], f"{path}.{key}") for key in node))


def _load() -> Params:
    return load_params(PAPER)


PARAMS = _load()


def _config(name: str) -> ArmConfig:
    return ArmConfig(**PARAMS.arm_settings(name))


def _step(parts: list[nn.Module], loss: Tensor) -> None:
    """One step of the optimiser, after which every weight must be a number."""
    loss.backward()
    weights = [p for part in parts for p in part.parameters()]
    torch.optim.AdamW(weights).step()
    assert all(torch.isfinite(p).all() for p in weights)


def test_the_preset_has_the_keys_of_the_live_params() -> None:
    live, paper = (
        _keys(yaml.safe_load(file.read_text()))
        for file in (ROOT / "params.yaml", PAPER)
    )
    assert live == paper


PRETRAINED = [name for name in PARAMS.arms if trains(_config(name))]


@pytest.mark.slow
@pytest.mark.parametrize("name", PRETRAINED)
def test_every_pre_trained_arm_of_the_preset_takes_a_step(name: str) -> None:
    method = build_method(_config(name), unit_normalisation())
    section = PARAMS.pretrain_settings(name)
    augment = build_augment(section.augment, section.crop_px)
    images = augment(band_images(BATCH, PARAMS.tile.size_px), torch.Generator())
    _step([method], method.training_loss(images))  # type: ignore[operator]


@pytest.mark.slow
@pytest.mark.parametrize("name", list(PARAMS.arms))
def test_every_arm_of_the_preset_takes_a_step_of_classification(name: str) -> None:
    method = build_method(_config(name), unit_normalisation())
    encoder = method.get_submodule("encoder")
    assert isinstance(encoder, FusedEncoder)
    head = single_label.build_head(encoder, decoder=no_decoder, seed=0)
    images = band_images(BATCH, PARAMS.tile.size_px)
    logits = head(single_label.encode(encoder, images))
    _step([encoder, head], single_label.loss(logits, torch.arange(BATCH)))


@pytest.mark.slow
@pytest.mark.parametrize("name", PARAMS.grid.arms["segmentation"])
def test_every_segmented_arm_of_the_preset_takes_a_step(name: str) -> None:
    config, size_px = _config(name), PARAMS.tile.size_px
    encoder, kind = build_encoder(config), PARAMS.decoder_of[config.encoder]
    decoder = build_decoder(
        kind, PARAMS.decoders[kind], encoder, num_classes=NUM_CLASSES, seed=0
    )
    maps = segmentation.encode(encoder, band_images(BATCH, size_px))
    wanted = torch.arange(BATCH * size_px**2) % NUM_CLASSES
    wanted = wanted.view(BATCH, size_px, size_px).to(torch.uint8)
    _step([encoder, decoder], segmentation.loss(decoder(maps), wanted))
