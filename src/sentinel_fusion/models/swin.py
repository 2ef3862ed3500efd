"""Swin Transformer encoders from timm, for tiles of one size.

Source: Liu et al. 2021, arXiv 2103.14030; timm ``models/swin_transformer.py``.
"""

from typing import Any

import timm

from sentinel_fusion.models.timm_encoder import TimmEncoder

ARCHITECTURE = "swin_tiny_patch4_window7_224"
"""timm's name for the family; every size in it is set by the other arguments."""
SMALLEST_WINDOW = 2


def build(
    *,
    in_channels: int,
    size_px: int,
    patch_px: int,
    embed_dim: int,
    depths: tuple[int, ...],
    num_heads: tuple[int, ...],
    drop_path: float,
) -> TimmEncoder:
    """A randomly initialised Swin; seed torch before for repeatable weights.

    The encoder takes tiles of ``size_px`` only, others fail in timm with both sizes
    named. Swin-T as published: 224 px, patches of 4, width 96, depths 2, 2, 6, 2, heads
    3, 6, 12, 24, drop path 0.1 for a P2 encoder.

    Args:
        in_channels: Bands of the input.
        size_px: Height and width of a tile.
        patch_px: Height and width of the patch behind one token of the first stage.
        embed_dim: Channels of the first stage; each later stage doubles it.
        depths: Blocks of every stage.
        num_heads: Attention heads of every stage.
        drop_path: Chance that the last block's branches are skipped in training; it
            grows from 0 at the first block.

    Returns:
        The encoder, with a map a stage at strides ``patch_px``, twice that, ...

    Raises:
        ValueError: If a size is not positive, the heads do not divide the channels, the
            lengths differ, the drop path is no probability below 1, or the tile has no
            whole window.

    Source: arXiv 2103.14030, section 3.
    """
    _check_stages(embed_dim, depths, num_heads)
    if not 0 <= drop_path < 1:
        raise ValueError(
            f"encoders.swin.drop_path must be >= 0 and < 1, got {drop_path}"
        )
    model_args: dict[str, Any] = {
        "img_size": size_px,
        "in_chans": in_channels,
        "num_classes": 0,
        "patch_size": patch_px,
        "window_size": window_tokens(size_px, patch_px, len(depths)),
        "embed_dim": embed_dim,
        "depths": list(depths),
        "num_heads": list(num_heads),
        "drop_path_rate": drop_path,
    }
    network = timm.create_model(ARCHITECTURE, **model_args)
    return TimmEncoder(network, ARCHITECTURE, model_args)


def window_tokens(size_px: int, patch_px: int, stages: int) -> int:
    """Side of the attention windows: the grid of the last stage.

    So the last stage attends over the whole tile and every finer grid divides into
    whole windows, as 7 does for 224 px.

    Args:
        size_px: Height and width of a tile.
        patch_px: Height and width of a patch.
        stages: Number of stages.

    Returns:
        The side in tokens.

    Raises:
        ValueError: If a size is not positive or the side is not whole or below 2.
    """
    for name, value in (("the tile size", size_px), ("patch_px", patch_px)):
        if value <= 0:
            raise ValueError(f"encoders.swin: {name} must be > 0, got {value}")
    stride: int = patch_px * 2 ** (stages - 1)
    if size_px % stride or size_px // stride < SMALLEST_WINDOW:
        raise ValueError(
            "encoders.swin: tile size / (patch_px * 2 ** (stages - 1)) must be whole "
            f"and >= {SMALLEST_WINDOW}, got {size_px} / {stride} = "
            f"{size_px / stride:g}; take another tile size, a smaller patch_px or "
            "fewer depths"
        )
    return size_px // stride


def _check_stages(
    embed_dim: int, depths: tuple[int, ...], num_heads: tuple[int, ...]
) -> None:
    if len(depths) != len(num_heads) or not depths:
        raise ValueError(
            "encoders.swin.depths and num_heads must have one value a stage, got "
            f"{len(depths)} and {len(num_heads)} values"
        )
    sizes = {"embed_dim": (embed_dim,), "depths": depths, "num_heads": num_heads}
    for name, values in sizes.items():
        if min(values) <= 0:
            raise ValueError(f"encoders.swin.{name} must be > 0, got {min(values)}")
    for stage, heads in enumerate(num_heads):
        channels = embed_dim * 2**stage
        if channels % heads:
            raise ValueError(
                f"encoders.swin.num_heads must divide the channels, got {heads} heads "
                f"for the {channels} channels of stage {stage + 1}; change num_heads "
                "or embed_dim"
            )
