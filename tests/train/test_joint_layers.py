import pytest
import torch
from timm.layers.drop import DropPath
from torch import Tensor, nn

from sentinel_fusion.data.part import WHOLE, Part
from sentinel_fusion.train.joint_layers import (
    JointBatchNorm,
    JointDropPath,
    join_layers,
)

CPU = torch.device("cpu")


def _dropped(layer: nn.Module, rows: Tensor) -> Tensor:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        dropped: Tensor = layer(rows)
    return dropped


@pytest.mark.parametrize("views", [1, 2])
def test_parts_drop_the_rows_that_the_whole_batch_would(views: int) -> None:
    layer, rows = DropPath(0.5), torch.ones(16, 3, 1)
    whole = _dropped(JointDropPath(layer, WHOLE, views), rows)
    for number in range(2):
        part = Part(number, 2)
        own = _dropped(JointDropPath(layer, part, views), part.cut(rows, views))
        assert torch.equal(own, part.cut(whole, views))


def test_the_whole_batch_is_dropped_as_by_the_layer_itself() -> None:
    layer, rows = DropPath(0.5), torch.ones(16, 3, 1)
    joint = _dropped(JointDropPath(layer, WHOLE, 1), rows)
    assert torch.equal(joint, _dropped(layer, rows))
    assert 0 < (joint == 0).float().mean() < 1


def test_nothing_is_dropped_in_evaluation() -> None:
    layer = JointDropPath(DropPath(0.5), Part(0, 2), 1).eval()
    assert torch.equal(layer(torch.ones(4, 3)), torch.ones(4, 3))


def test_joining_keeps_parameters_statistics_and_names() -> None:
    network = nn.Sequential(nn.Conv2d(2, 3, 1), nn.BatchNorm2d(3), DropPath(0.1))
    parameters, before = list(network.parameters()), network.state_dict()
    joined = join_layers(network, Part(0, 2), CPU)
    kinds = [type(layer) for layer in joined.children()]
    assert kinds == [nn.Conv2d, JointBatchNorm, JointDropPath]
    assert all(a is b for a, b in zip(joined.parameters(), parameters, strict=True))
    after = joined.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[name], x) for name, x in before.items())


def test_evaluation_uses_running_statistics() -> None:
    norm = nn.BatchNorm2d(2)
    norm(torch.randn(4, 2, 3, 3))
    images = torch.randn(4, 2, 3, 3)
    expected = norm.eval()(images)
    joined = join_layers(nn.Sequential(norm), Part(0, 2), CPU).eval()
    torch.testing.assert_close(joined(images), expected)


@pytest.mark.parametrize("layer", [nn.BatchNorm1d(3), nn.BatchNorm2d(3, affine=False)])
def test_a_normalisation_without_a_joint_form_is_refused(layer: nn.Module) -> None:
    with pytest.raises(TypeError, match=f"with weights, got {type(layer).__name__}"):
        join_layers(nn.Sequential(layer), Part(0, 2), CPU)
