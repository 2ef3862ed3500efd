"""presets/paper.yaml: same keys as params.yaml, and every model takes a step."""

from pathlib import Path

import pytest
import torch
import yaml
from torch import nn

from sentinel_fusion.bands import BANDS
from sentinel_fusion.models.heads import linear_head
from sentinel_fusion.params import Params, load_params
from sentinel_fusion.tasks import single_label
from sentinel_fusion.train.arms import ArmConfig, build_method, trains

ROOT = Path(__file__).parents[1]
PAPER = ROOT / "presets" / "paper.yaml"
BATCH = 4


def _keys(node: object, path: str = "") -> set[str]:
    if not isinstance(node, dict):
        return {path}
    return {path}.union(*(_keys(node[key], f"{path}.{key}") for key in node))


def _load() -> Params:
    return load_params(PAPER, paths_must_exist=False)


def test_the_preset_has_the_keys_of_the_live_params() -> None:
    live, paper = (
        _keys(yaml.safe_load(file.read_text()))
        for file in (ROOT / "params.yaml", PAPER)
    )
    assert live == paper


@pytest.mark.slow
@pytest.mark.parametrize("name", list(_load().arms))
def test_every_arm_of_the_preset_takes_a_step(name: str) -> None:
    params = _load()
    config = ArmConfig(**params.arm_settings(name))
    method = build_method(config)
    size_px = params.pretrain.crop_px
    images = {s: torch.randn(BATCH, len(BANDS[s]), size_px, size_px) for s in BANDS}
    model: nn.Module = method
    if trains(config):
        loss = method.training_loss(images)  # type: ignore[operator]
    else:
        encoder = method.get_submodule("encoder")
        assert isinstance(encoder.num_features, int)
        head = linear_head(encoder.num_features, single_label.NUM_OUTPUTS, 0)
        model = nn.Sequential(encoder, head)
        loss = single_label.loss(model(images), torch.arange(BATCH))
    loss.backward()
    torch.optim.AdamW(model.parameters()).step()
    assert all(torch.isfinite(p).all() for p in model.parameters())
