import pytest
import torch
from tests.builders import open_residual_branches

from sentinel_fusion.models.resnet import build


@pytest.mark.parametrize(
    ("architecture", "width", "num_features"),
    [
        ("resnet18", 64, 512),
        ("resnet18", 16, 128),
        ("resnet10t", 16, 128),
        ("resnet50", 64, 2048),
        ("resnet50", 16, 512),
    ],
)
@pytest.mark.parametrize("in_channels", [2, 13, 15])
def test_features_have_the_width_of_the_last_stage(
    architecture: str, width: int, num_features: int, in_channels: int
) -> None:
    encoder = build(in_channels=in_channels, architecture=architecture, width=width)
    features = encoder(torch.zeros(2, in_channels, 32, 32))
    assert features.shape == (2, num_features) == (2, encoder.num_features)


@pytest.mark.parametrize("size_px", [32, 64, 100])
def test_any_tile_size_gives_one_vector(size_px: int) -> None:
    encoder = build(in_channels=2, architecture="resnet18", width=16)
    assert encoder(torch.zeros(3, 2, size_px, size_px)).shape == (3, 128)


@pytest.mark.parametrize("architecture", ["resnet18", "resnet50"])
def test_gradients_reach_every_parameter(architecture: str) -> None:
    encoder = build(in_channels=2, architecture=architecture, width=16)
    open_residual_branches(encoder)
    encoder(torch.randn(4, 2, 32, 32)).square().sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in encoder.parameters())


def test_unknown_architecture_is_refused() -> None:
    with pytest.raises(ValueError, match=r"must be a timm ResNet.*got 'resnet7'"):
        build(in_channels=2, architecture="resnet7", width=64)


def test_a_width_that_leaves_no_stem_is_refused() -> None:
    with pytest.raises(ValueError, match=r"resnet\.width must be >= 8, got 7"):
        build(in_channels=2, architecture="resnet18", width=7)
