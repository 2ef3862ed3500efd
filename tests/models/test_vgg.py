import json
from itertools import pairwise
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file

from sentinel_fusion.models.timm_encoder import TimmEncoder
from sentinel_fusion.models.vgg import Vgg, build


def _encoder(
    in_channels: int = 2, width: int = 4, num_features: int = 6
) -> TimmEncoder:
    return build(in_channels=in_channels, width=width, num_features=num_features)


def _save(folder: Path, encoder: TimmEncoder) -> None:
    config = {
        "architecture": encoder.architecture,
        "num_classes": 0,
        "num_features": encoder.num_features,
        "model_args": encoder.model_args,
        "pretrained_cfg": {},
    }
    (folder / "config.json").write_text(json.dumps(config))
    save_file(encoder.network.state_dict(), folder / "model.safetensors")


@pytest.mark.parametrize("in_channels", [2, 13, 15])
@pytest.mark.parametrize(("width", "num_features"), [(64, 256), (8, 128), (1, 1)])
def test_features_have_the_asked_width(
    in_channels: int, width: int, num_features: int
) -> None:
    encoder = _encoder(in_channels, width, num_features)
    features = encoder(torch.zeros(2, in_channels, 16, 16))
    assert features.shape == (2, num_features) == (2, encoder.num_features)


@pytest.mark.parametrize("size_px", [8, 32, 100])
def test_each_block_halves_the_map(size_px: int) -> None:
    maps = _encoder().feature_maps(torch.zeros(3, 2, size_px, size_px))
    assert [tuple(level.shape) for level in maps] == [
        (3, channels, size_px // stride, size_px // stride)
        for channels, stride in ((4, 1), (8, 2), (16, 4), (6, 8))
    ]


def test_the_encoder_tells_the_channels_and_strides_of_its_maps() -> None:
    encoder = _encoder()
    assert encoder.map_channels == (4, 8, 16, 6)
    assert encoder.map_strides == (1, 2, 4, 8)


def test_features_are_the_mean_of_the_last_map() -> None:
    encoder = _encoder().eval()
    images = torch.randn(2, 2, 32, 32)
    expected = encoder.feature_maps(images)[-1].flatten(2).mean(dim=2)
    torch.testing.assert_close(encoder(images), expected)


def test_the_last_map_comes_first_when_more_than_the_maps_is_wanted() -> None:
    network = timm.create_model("sentinel_vgg", in_chans=2, width=4, num_features=6)
    assert isinstance(network, Vgg)
    last, maps = network.forward_intermediates(
        torch.randn(2, 2, 8, 8), intermediates_only=False
    )
    assert len(maps) == 4
    assert last is maps[-1]


def test_gradients_reach_every_parameter() -> None:
    encoder = _encoder()
    encoder(torch.randn(4, 2, 32, 32)).square().sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in encoder.parameters())


def test_a_published_width_has_the_papers_parameters() -> None:
    # two convolutions and two scale-and-shift pairs a block, worked by hand
    channels = (13, 64, 128, 256, 128)
    expected = sum(9 * a * b + 9 * b * b + 4 * b for a, b in pairwise(channels))
    encoder = _encoder(in_channels=13, width=64, num_features=128)
    assert sum(p.numel() for p in encoder.parameters()) == expected


@pytest.mark.parametrize("in_channels", [3, 13])
def test_timm_loads_a_saved_folder(in_channels: int, tmp_path: Path) -> None:
    encoder = _encoder(in_channels).eval()
    encoder(torch.randn(4, in_channels, 16, 16))
    _save(tmp_path, encoder)
    loaded = timm.create_model(f"local-dir:{tmp_path}", pretrained=True).eval()
    images = torch.randn(2, in_channels, 16, 16)
    assert torch.equal(loaded(images), encoder(images))


def test_batch_statistics_travel_with_the_weights(tmp_path: Path) -> None:
    encoder = _encoder()
    encoder(torch.randn(4, 2, 16, 16))
    _save(tmp_path, encoder)
    loaded = timm.create_model(f"local-dir:{tmp_path}", pretrained=True)
    for name, buffer in encoder.network.named_buffers():
        assert torch.equal(loaded.get_buffer(name), buffer)


def test_weights_of_another_width_do_not_load(tmp_path: Path) -> None:
    _save(tmp_path, _encoder(width=4))
    with pytest.raises(RuntimeError, match="size mismatch"):
        timm.create_model(f"local-dir:{tmp_path}", pretrained=True, width=2)


@pytest.mark.parametrize(
    ("width", "num_features", "message"),
    [
        (0, 8, r"encoders\.vgg\.width must be >= 1, got 0"),
        (8, -2, r"encoders\.vgg\.num_features must be >= 1, got -2"),
    ],
)
def test_an_encoder_without_channels_is_refused(
    width: int, num_features: int, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        _encoder(width=width, num_features=num_features)


def test_a_classifier_is_refused() -> None:
    with pytest.raises(ValueError, match=r"num_classes must be 0 .*, got 8"):
        timm.create_model("sentinel_vgg", num_classes=8, width=4, num_features=6)
