from collections.abc import Callable

import pytest
import torch
from tests.builders import open_residual_branches
from torch import Tensor
from torch.nn import functional as F

from sentinel_fusion.losses.alignment import alignment_loss
from sentinel_fusion.methods.mma import LOSS, MMA, build
from sentinel_fusion.models import resnet, vgg
from sentinel_fusion.models.fusion import FusedEncoder, build_fused
from sentinel_fusion.models.timm_encoder import TimmEncoder

OPTIONS = [("pad", 1), ("crop", 1), ("pool", 0)]


def _vgg(in_channels: int) -> TimmEncoder:
    return vgg.build(in_channels=in_channels, width=2, num_features=6)


def _resnet(in_channels: int) -> TimmEncoder:
    return resnet.build(in_channels=in_channels, architecture="resnet10t", width=8)


def _fused(
    encoder: Callable[[int], TimmEncoder] = _vgg,
    inputs: tuple[str, ...] = ("s1", "s2"),
    fusion: str = "late",
) -> FusedEncoder:
    return build_fused(encoder, inputs=inputs, bands={}, fusion=fusion, seed=0)


def _method(search: str = "pad", margin_px: int = 1) -> MMA:
    return build(_fused(), temperature=0.1, search=search, margin_px=margin_px)


def _images(size_px: int = 32) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {
        "s1": torch.randn(6, 2, size_px, size_px, generator=generator),
        "s2": torch.randn(6, 13, size_px, size_px, generator=generator),
    }


def test_the_loss_has_its_own_module() -> None:
    assert alignment_loss.__module__ == f"sentinel_fusion.losses.{LOSS}"


@pytest.mark.parametrize(("search", "margin_px"), OPTIONS)
def test_loss_aligns_the_coarsest_maps(search: str, margin_px: int) -> None:
    method = _method(search, margin_px).eval()
    maps = method.encoder.feature_maps(_images())
    expected = alignment_loss(
        maps["s1"][-1],
        maps["s2"][-1],
        temperature=0.1,
        search=search,
        margin_px=margin_px,
    )
    torch.testing.assert_close(method.training_loss(_images()), expected)


def test_projections_are_flattened_maps_of_unit_vectors() -> None:
    z1, z2 = _method().project(_images())
    assert z1.shape == z2.shape == (6, 6 * 4 * 4)
    lengths = z1.reshape(6, 6, 16).norm(dim=1)
    torch.testing.assert_close(lengths, torch.ones(6, 16))


def test_pooled_projections_are_the_features_direction() -> None:
    method = _method("pool", 0).eval()
    z1, z2 = method.project(_images())
    features = method.encoder(_images()).split(6, dim=1)
    torch.testing.assert_close(z1, F.normalize(features[0], dim=1))
    torch.testing.assert_close(z2, F.normalize(features[1], dim=1))


def test_projections_come_in_the_order_of_the_arms_sensors() -> None:
    there = build(_fused(), temperature=0.1, search="pad", margin_px=0).eval()
    encoder = FusedEncoder(there.encoder.encoders, ("s2", "s1"), there.encoder.bands)
    back = build(encoder, temperature=0.1, search="pad", margin_px=0).eval()
    assert torch.equal(there.project(_images())[0], back.project(_images())[1])


@pytest.mark.parametrize("encoder", [_vgg, _resnet])
@pytest.mark.parametrize(("search", "margin_px"), OPTIONS)
def test_gradients_reach_both_encoders(
    encoder: Callable[[int], TimmEncoder], search: str, margin_px: int
) -> None:
    fused = _fused(encoder)
    method = build(fused, temperature=0.1, search=search, margin_px=margin_px)
    open_residual_branches(method)
    method.training_loss(_images(size_px=96)).backward()
    assert all(p.grad is not None and p.grad.any() for p in method.parameters())


def test_the_method_has_no_weights_beside_its_encoders() -> None:
    method = _method()
    assert len(list(method.parameters())) == len(list(method.encoder.parameters()))


@pytest.mark.parametrize(
    ("inputs", "fusion"), [(("s1",), "single"), (("s1", "s2"), "early")]
)
def test_an_arm_without_two_encoders_is_refused(
    inputs: tuple[str, ...], fusion: str
) -> None:
    encoder = _fused(inputs=inputs, fusion=fusion)
    with pytest.raises(ValueError, match="mma needs an arm with inputs s1, s2 and fus"):
        build(encoder, temperature=0.1, search="pad", margin_px=1)


def test_encoders_with_other_map_channels_are_refused() -> None:
    encoder = _fused(lambda n: vgg.build(in_channels=n, width=2, num_features=n))
    with pytest.raises(ValueError, match="same channels, got 2 for s1, 13 for s2"):
        build(encoder, temperature=0.1, search="pad", margin_px=1)


def test_an_option_out_of_range_is_refused_before_training() -> None:
    with pytest.raises(ValueError, match="margin_px must be 0 for search pool, got 1"):
        _method("pool", 1)


@pytest.mark.parametrize("search", ["pad", "crop"])
def test_tiles_whose_maps_are_smaller_than_the_search_are_refused(search: str) -> None:
    with pytest.raises(ValueError, match=r"margin_px must be < .* maps of 2 x 2 px"):
        _method(search, 2).training_loss(_images(size_px=16))
