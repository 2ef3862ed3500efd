from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from sentinel_fusion.models import resnet, swin
from sentinel_fusion.models.fusion import FusedEncoder, build_fused
from sentinel_fusion.models.swin_unet import PatchExpand, SwinUNet, build, spread
from sentinel_fusion.models.timm_encoder import TimmEncoder

FUSIONS = [
    (("s1",), "single"),
    (("s2",), "single"),
    (("s1", "s2"), "early"),
    (("s1", "s2"), "late"),
]


def small(**changes: Any) -> Callable[[int], TimmEncoder]:  # noqa: ANN401
    sizes: dict[str, Any] = {
        "size_px": 32,
        "patch_px": 4,
        "embed_dim": 12,
        "depths": (2, 2),
        "num_heads": (3, 6),
        "drop_path": 0.0,
    }
    return lambda in_channels: swin.build(in_channels=in_channels, **sizes | changes)


def published(**changes: Any) -> Callable[[int], TimmEncoder]:  # noqa: ANN401
    """Swin-T but for its width."""
    shape = {"size_px": 224, "depths": (2, 2, 6, 2), "num_heads": (3, 6, 12, 24)}
    return small(**shape | {"embed_dim": 24} | changes)


def fused(
    encoder: Callable[[int], TimmEncoder],
    inputs: tuple[str, ...] = ("s1", "s2"),
    fusion: str = "late",
) -> FusedEncoder:
    return build_fused(encoder, inputs=inputs, bands={}, fusion=fusion, seed=0)


def images(size_px: int = 32, batch: int = 2) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {
        sensor: torch.randn(batch, bands, size_px, size_px, generator=generator)
        for sensor, bands in (("s1", 2), ("s2", 13))
    }


def stages_of(decoder: SwinUNet, sensor: str) -> list[Any]:
    """Levels of one sensor's decoder, coarse to fine."""
    part: Any = decoder.decoders[sensor]
    return list(part.stages)


def drop_paths(stage: Any) -> list[float]:  # noqa: ANN401
    return [getattr(block.drop_path1, "drop_prob", 0.0) for block in stage.blocks]


@pytest.mark.parametrize(("inputs", "fusion"), FUSIONS)
def test_logits_have_the_size_of_the_input(
    inputs: tuple[str, ...], fusion: str
) -> None:
    part = fused(small(), inputs, fusion)
    logits = build(part, num_classes=8)(part.feature_maps(images()))
    assert logits.shape == (2, 8, 32, 32)


@pytest.mark.parametrize(
    "changes",
    [
        {"patch_px": 2, "depths": (1, 1, 1), "num_heads": (3, 3, 3)},
        {"depths": (2,), "num_heads": (3,)},
        {"size_px": 36, "patch_px": 3},
    ],
)
def test_any_patch_and_number_of_stages_lead_back_to_the_input(
    changes: dict[str, Any],
) -> None:
    part, size_px = fused(small(**changes)), changes.get("size_px", 32)
    logits = build(part, num_classes=3)(part.feature_maps(images(size_px)))
    assert logits.shape == (2, 3, size_px, size_px)


def test_gradients_reach_decoder_and_encoders() -> None:
    part = fused(small())
    decoder = build(part, num_classes=8)
    decoder(part.feature_maps(images())).square().sum().backward()
    for p in [*decoder.parameters(), *part.parameters()]:
        assert p.grad is not None
        assert p.grad.any()


def test_published_depths_give_grids_of_14_28_and_56_tokens() -> None:
    part, grids = fused(published()), []
    decoder = build(part, num_classes=8)
    for stage in stages_of(decoder, "s2"):
        stage.register_forward_hook(lambda *call: grids.append(call[-1].shape[1:]))
    logits = decoder(part.feature_maps(images(224, batch=1)))
    assert grids == [(14, 14, 96), (28, 28, 48), (56, 56, 24)]
    assert logits.shape == (1, 8, 224, 224)


def test_published_decoder_has_6_2_2_blocks_of_the_encoders_heads() -> None:
    with torch.device("meta"):
        decoder = build(fused(published(embed_dim=96)), num_classes=8)
    blocks = [list(stage.blocks.blocks) for stage in stages_of(decoder, "s2")]
    assert [len(level) for level in blocks] == [6, 2, 2]
    assert [level[0].attn.num_heads for level in blocks] == [12, 6, 3]
    assert [level[0].dim for level in blocks] == [384, 192, 96]
    assert decoder.expand.linear.weight.shape == (16 * 192, 192)


def test_every_second_block_shifts_its_windows_by_half() -> None:
    part = fused(small(depths=(4, 2)), ("s1",), "single")
    (stage,) = stages_of(build(part, num_classes=3), "s1")
    assert [block.window_size for block in stage.blocks.blocks] == [(4, 4)] * 4
    shifts = [block.shift_size for block in stage.blocks.blocks]
    assert shifts == [(0, 0), (2, 2), (0, 0), (2, 2)]


def test_drop_path_of_a_level_is_the_encoders() -> None:
    part = fused(small(depths=(2, 2, 2), num_heads=(3, 3, 3), drop_path=0.5))
    mirror = stages_of(build(part, num_classes=3), "s1")
    network: Any = part.encoders["s1"].network
    for stage, twin in zip(mirror, (network.layers[1], network.layers[0]), strict=True):
        assert drop_paths(stage.blocks) == pytest.approx(drop_paths(twin))
    assert drop_paths(mirror[0].blocks) == pytest.approx([0.2, 0.3])


def test_spread_lays_channels_out_row_by_row() -> None:
    one_token = torch.arange(8.0).reshape(1, 1, 1, 8)
    square = torch.tensor([[[0, 1], [2, 3]], [[4, 5], [6, 7]]]).float()
    torch.testing.assert_close(spread(one_token, 2), square[None])


def test_spread_keeps_every_square_in_the_place_of_its_token() -> None:
    tokens = torch.tensor([[1, 2, 3], [4, 5, 6]]).float()[None, :, :, None]
    expected = tokens.repeat_interleave(4, dim=1).repeat_interleave(4, dim=2)
    assert torch.equal(spread(tokens.expand(1, 2, 3, 16), 4), expected)


def test_patch_expand_doubles_the_grid_and_halves_the_channels() -> None:
    expand = PatchExpand(8, 4, factor=2)
    finer = expand(torch.randn(2, 7, 7, 8))
    assert finer.shape == (2, 14, 14, 4)
    assert expand.linear.weight.shape == (16, 8)
    torch.testing.assert_close(finer.mean(dim=-1), torch.zeros(2, 14, 14))


def test_sensors_have_decoders_of_their_own() -> None:
    part = fused(small())
    decoder = build(part, num_classes=3)
    assert set(decoder.decoders) == {"s1", "s2"}
    maps = part.feature_maps(images())
    swapped = {"s1": maps["s2"], "s2": maps["s1"]}
    assert not torch.allclose(decoder(swapped), decoder(maps))


def test_encoder_stays_outside_the_decoder() -> None:
    part = fused(small())
    decoder = build(part, num_classes=3)
    assert isinstance(decoder, SwinUNet)
    inside = {id(p) for p in decoder.parameters()}
    assert inside.isdisjoint(id(p) for p in part.parameters())


def test_encoder_that_is_no_swin_is_refused() -> None:
    part = fused(
        lambda c: resnet.build(in_channels=c, architecture="resnet10t", width=8)
    )
    with pytest.raises(ValueError, match="needs a swin encoder, got resnet10t; set"):
        build(part, num_classes=3)
