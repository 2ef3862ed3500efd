from collections.abc import Callable

import pytest
import segmentation_models_pytorch as smp
import torch
from tests.builders import open_residual_branches
from torch import Tensor, nn

from sentinel_fusion.models import resnet, swin, vgg
from sentinel_fusion.models.fusion import FusedEncoder, build_fused
from sentinel_fusion.models.timm_encoder import TimmEncoder
from sentinel_fusion.models.unet import UNet, build

FUSIONS = [
    (("s1",), "single"),
    (("s2",), "single"),
    (("s1", "s2"), "early"),
    (("s1", "s2"), "late"),
]


class Levels(nn.Module):
    """A network that only states its maps."""

    def __init__(self, strides: tuple[int, ...], channels: tuple[int, ...]) -> None:
        super().__init__()
        self.num_features = channels[-1]
        pairs = zip(strides, channels, strict=True)
        self.feature_info = [{"reduction": s, "num_chs": c} for s, c in pairs]


def small_resnet(in_channels: int) -> TimmEncoder:
    return resnet.build(in_channels=in_channels, architecture="resnet10t", width=8)


def small_swin(in_channels: int) -> TimmEncoder:
    return swin.build(
        in_channels=in_channels,
        size_px=32,
        patch_px=4,
        embed_dim=12,
        depths=(1, 1),
        num_heads=(3, 6),
        drop_path=0.0,
    )


def small_vgg(in_channels: int) -> TimmEncoder:
    return vgg.build(in_channels=in_channels, width=4, num_features=6)


def fused(
    encoder: Callable[[int], TimmEncoder],
    inputs: tuple[str, ...] = ("s1", "s2"),
    fusion: str = "late",
) -> FusedEncoder:
    return build_fused(encoder, inputs=inputs, bands={}, fusion=fusion, seed=0)


def only_levels(strides: tuple[int, ...], channels: tuple[int, ...]) -> FusedEncoder:
    encoder = TimmEncoder(Levels(strides, channels), "levels", {})
    return fused(lambda _: encoder, ("s1",), "single")


def images(size_px: int = 32) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {
        sensor: torch.randn(2, bands, size_px, size_px, generator=generator)
        for sensor, bands in (("s1", 2), ("s2", 13))
    }


@pytest.mark.parametrize("encoder", [small_resnet, small_swin, small_vgg])
@pytest.mark.parametrize(("inputs", "fusion"), FUSIONS)
def test_logits_have_the_size_of_the_input(
    encoder: Callable[[int], TimmEncoder], inputs: tuple[str, ...], fusion: str
) -> None:
    part = fused(encoder, inputs, fusion)
    logits = build(part, num_classes=8, width=4)(part.feature_maps(images()))
    assert logits.shape == (2, 8, 32, 32)


def test_maps_of_odd_sizes_are_met() -> None:
    part = fused(small_resnet)  # 100 px: maps of 50, 25, 13, 7 and 4 px
    logits = build(part, num_classes=3, width=4)(part.feature_maps(images(100)))
    assert logits.shape == (2, 3, 100, 100)


@pytest.mark.parametrize("encoder", [small_resnet, small_swin, small_vgg])
def test_gradients_reach_decoder_and_encoders(
    encoder: Callable[[int], TimmEncoder],
) -> None:
    part = fused(encoder)
    open_residual_branches(part)
    decoder = build(part, num_classes=8, width=4)
    decoder(part.feature_maps(images())).square().sum().backward()
    for p in [*decoder.parameters(), *part.parameters()]:
        assert p.grad is not None
        assert p.grad.any()


def test_single_encoder_gives_the_unet_of_segmentation_models_pytorch() -> None:
    torch.manual_seed(0)
    theirs = smp.Unet("resnet18", encoder_weights=None, in_channels=2, classes=3).eval()
    part = only_levels((2, 4, 8, 16, 32), (64, 64, 128, 256, 512))
    ours = build(part, num_classes=3, width=16).eval()
    ours.decoder.load_state_dict(theirs.decoder.state_dict())
    ours.head.load_state_dict(theirs.segmentation_head[0].state_dict())
    maps = theirs.encoder(images()["s1"])[1:]
    torch.testing.assert_close(ours({"s1": maps}), theirs(images()["s1"]))


def test_sensors_are_told_apart_by_name_not_by_order() -> None:
    part = fused(small_vgg)
    decoder = build(part, num_classes=3, width=4).eval()
    maps = part.feature_maps(images())
    turned = dict(reversed(maps.items()))
    torch.testing.assert_close(decoder(turned), decoder(maps))


def test_every_level_sees_both_sensors() -> None:
    part = fused(small_resnet)
    decoder = build(part, num_classes=3, width=4)
    maps = part.feature_maps(images())
    levels = [level for levels in maps.values() for level in levels]
    slopes = torch.autograd.grad(decoder(maps).square().sum(), levels)
    assert all(slope.any() for slope in slopes)


def test_channels_double_from_full_resolution_down() -> None:
    decoder = build(fused(small_resnet), num_classes=3, width=4)
    blocks = decoder.decoder.blocks
    assert [b.conv1[0].out_channels for b in blocks] == [64, 32, 16, 8, 4]
    assert isinstance(decoder, UNet)


def test_encoder_stays_outside_the_decoder() -> None:
    part = fused(small_resnet)
    inside = {id(p) for p in build(part, num_classes=3, width=4).parameters()}
    assert inside.isdisjoint(id(p) for p in part.parameters())


def test_width_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match=r"decoders\.unet\.width must be > 0, got 0"):
        build(fused(small_vgg), num_classes=3, width=0)


def test_finest_stride_that_is_no_power_of_two_is_refused() -> None:
    with pytest.raises(ValueError, match=r"must be a power of 2, got 6; change"):
        build(only_levels((6, 12), (4, 8)), num_classes=3, width=4)
