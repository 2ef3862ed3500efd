import pytest
import timm
import torch
from torch import Tensor

from sentinel_fusion.models import resnet
from sentinel_fusion.models.timm_encoder import TimmEncoder

SIZE_PX = 64
RESNETS = [("resnet10t", 8), ("resnet18", 64), ("resnet50", 8)]


def _encoder(architecture: str, width: int) -> TimmEncoder:
    torch.manual_seed(0)
    return resnet.build(in_channels=3, architecture=architecture, width=width).eval()


def _images() -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(2, 3, SIZE_PX, SIZE_PX, generator=generator)


@pytest.mark.parametrize(("architecture", "width"), RESNETS)
def test_maps_have_the_stated_channels_and_strides(
    architecture: str, width: int
) -> None:
    encoder = _encoder(architecture, width)
    shapes = [tuple(m.shape) for m in encoder.feature_maps(_images())]
    levels = zip(encoder.map_channels, encoder.map_strides, strict=True)
    assert shapes == [(2, c, SIZE_PX // s, SIZE_PX // s) for c, s in levels]


@pytest.mark.parametrize(("architecture", "width"), RESNETS)
def test_every_stride_is_twice_the_last(architecture: str, width: int) -> None:
    assert _encoder(architecture, width).map_strides == (2, 4, 8, 16, 32)


@pytest.mark.parametrize(("architecture", "width"), RESNETS)
def test_features_are_the_mean_of_the_last_map(architecture: str, width: int) -> None:
    encoder = _encoder(architecture, width)
    last = encoder.feature_maps(_images())[-1]
    torch.testing.assert_close(encoder(_images()), last.mean(dim=(2, 3)))


@pytest.mark.parametrize(("architecture", "width"), RESNETS)
def test_the_last_map_has_the_width_of_the_features(
    architecture: str, width: int
) -> None:
    encoder = _encoder(architecture, width)
    assert encoder.map_channels[-1] == encoder.num_features


@pytest.mark.parametrize(("architecture", "width"), RESNETS)
def test_the_network_can_be_built_from_what_is_kept_of_it(
    architecture: str, width: int
) -> None:
    encoder = _encoder(architecture, width)
    twin = timm.create_model(encoder.architecture, **encoder.model_args).eval()
    twin.load_state_dict(encoder.network.state_dict())
    assert torch.equal(twin(_images()), encoder(_images()))


def test_layout_of_few_channels_changes_no_gradient() -> None:
    encoder = _encoder("resnet10t", 8).train()
    plain = timm.create_model(encoder.architecture, **encoder.model_args).train()
    plain.load_state_dict(encoder.network.state_dict())
    images = _images().contiguous(memory_format=torch.channels_last)
    for network in (encoder, plain):
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        network(images).square().sum().backward()
    for own, other in zip(encoder.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(own.grad, other.grad, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("width", "layers"), [(8, 2), (16, 1), (32, 0)])
def test_only_few_channels_are_normalised_channels_first(
    width: int, layers: int
) -> None:
    encoder = _encoder("resnet10t", width)
    encoder.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    formats = []
    for module in encoder.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.register_forward_pre_hook(
                lambda _, inputs: formats.append(inputs[0].is_contiguous())
            )
    encoder(_images().contiguous(memory_format=torch.channels_last))
    assert sum(formats) == layers
