import json
from typing import Any

import pytest
import timm
import torch

from sentinel_fusion.models.swin import build, window_tokens
from sentinel_fusion.models.timm_encoder import TimmEncoder

SMALL: dict[str, Any] = {
    "in_channels": 2,
    "size_px": 32,
    "patch_px": 4,
    "embed_dim": 12,
    "depths": (2, 2),
    "num_heads": (3, 6),
    "drop_path": 0.0,
}
PUBLISHED: dict[str, Any] = {
    "in_channels": 3,
    "size_px": 224,
    "patch_px": 4,
    "embed_dim": 96,
    "depths": (2, 2, 6, 2),
    "num_heads": (3, 6, 12, 24),
    "drop_path": 0.1,
}


def small(**changes: Any) -> TimmEncoder:  # noqa: ANN401
    torch.manual_seed(0)
    return build(**SMALL | changes)


def test_published_size_has_the_parameters_of_swin_tiny() -> None:
    with torch.device("meta"):  # shapes are all that is compared
        ours = build(**PUBLISHED).network
        timms = timm.create_model("swin_tiny_patch4_window7_224", num_classes=0)
    expected = {name: p.shape for name, p in timms.named_parameters()}
    assert {name: p.shape for name, p in ours.named_parameters()} == expected


@pytest.mark.parametrize("in_channels", [2, 13])
def test_features_have_the_width_of_the_last_stage(in_channels: int) -> None:
    encoder = small(in_channels=in_channels)
    features = encoder(torch.zeros(3, in_channels, 32, 32))
    assert features.shape == (3, 24) == (3, encoder.num_features)


@pytest.mark.parametrize("in_channels", [2, 13])
def test_maps_have_the_stated_channels_and_strides(in_channels: int) -> None:
    encoder = small(in_channels=in_channels)
    maps = encoder.feature_maps(torch.zeros(3, in_channels, 32, 32))
    assert [m.shape for m in maps] == [(3, 12, 8, 8), (3, 24, 4, 4)]
    assert encoder.map_channels == (12, 24)
    assert encoder.map_strides == (4, 8)


@pytest.mark.parametrize(
    ("size_px", "patch_px", "stages", "window"),
    [(224, 4, 4, 7), (32, 4, 2, 4), (32, 2, 3, 4), (48, 3, 1, 16)],
)
def test_window_is_the_grid_of_the_last_stage(
    size_px: int, patch_px: int, stages: int, window: int
) -> None:
    assert window_tokens(size_px, patch_px, stages) == window


def test_gradients_reach_every_parameter() -> None:
    encoder = small()
    encoder(torch.randn(4, 2, 32, 32)).square().sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in encoder.parameters())


def test_drop_path_skips_branches_in_training_mode_only() -> None:
    encoder, images = small(drop_path=0.5), torch.randn(8, 2, 32, 32)
    assert not torch.equal(encoder(images), encoder(images))
    encoder.eval()
    torch.testing.assert_close(encoder(images), small()(images))


def test_model_args_survive_json_and_rebuild_the_network() -> None:
    encoder, images = small().eval(), torch.randn(2, 2, 32, 32)
    model_args = json.loads(json.dumps(encoder.model_args))
    twin = timm.create_model(encoder.architecture, **model_args).eval()
    twin.load_state_dict(encoder.network.state_dict())
    assert torch.equal(twin(images), encoder(images))


def test_same_seed_gives_the_same_weights() -> None:
    first, second = small().state_dict(), small().state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_tiles_of_another_size_are_refused() -> None:
    with pytest.raises(AssertionError, match=r"height \(64\) doesn't match.*\(32\)"):
        small()(torch.zeros(1, 2, 64, 64))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"size_px": 36}, r"whole and >= 2, got 36 / 8 = 4.5; take another tile size"),
        ({"size_px": 8}, r"whole and >= 2, got 8 / 8 = 1; take another tile size"),
        ({"size_px": 0}, "the tile size must be > 0, got 0"),
        ({"patch_px": 0}, "patch_px must be > 0, got 0"),
        ({"embed_dim": 0}, "embed_dim must be > 0, got 0"),
        ({"depths": (2, 0)}, "depths must be > 0, got 0"),
        ({"num_heads": (-3, 6)}, "num_heads must be > 0, got -3"),
        ({"num_heads": (5, 6)}, "got 5 heads for the 12 channels of stage 1"),
        ({"num_heads": (3, 7)}, "got 7 heads for the 24 channels of stage 2"),
        ({"num_heads": (3,)}, "one value a stage, got 2 and 1 values"),
        ({"depths": (), "num_heads": ()}, "one value a stage, got 0 and 0 values"),
        ({"drop_path": 1.0}, r"drop_path must be >= 0 and < 1, got 1\.0"),
        ({"drop_path": -0.1}, r"drop_path must be >= 0 and < 1, got -0\.1"),
    ],
)
def test_impossible_sizes_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        small(**changes)
