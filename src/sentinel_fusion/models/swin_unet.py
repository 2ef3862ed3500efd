"""SwinUNet of P2: a Swin decoder an encoder, joined before the last projection.

Source: Scheibenreif et al. 2022, CVPRW EarthVision, 1422-1431; the parts are those of
Cao et al. 2021, arXiv 2105.05537.
"""

from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from timm.models.swin_transformer import SwinTransformerStage
from torch import Tensor, nn

from sentinel_fusion.models.fusion import FusedEncoder, Maps

LINEAR_SD = 0.02
"""Standard deviation of the initial weights of linear layers, as in Swin."""


def build(encoder: FusedEncoder, *, num_classes: int) -> "SwinUNet":
    """A randomly initialised decoder; seed torch before for repeatable weights.

    Depths, heads, windows, drop path and sizes are the encoder's.

    Args:
        encoder: Swin encoders whose maps will be decoded; they stay outside the
            decoder.
        num_classes: Number of classes.

    Returns:
        The decoder.

    Raises:
        ValueError: If an encoder is no Swin.
    """
    parts: dict[str, Any] = dict(encoder.encoders.items())
    for part in parts.values():
        if "window_size" not in part.model_args:
            raise ValueError(
                f"swin_unet needs a swin encoder, got {part.architecture}; set "
                "decoder_of of this encoder to unet"
            )
    swin_args = {name: part.model_args for name, part in parts.items()}
    return SwinUNet(swin_args, num_classes)


def spread(
    grid: Float[Tensor, "batch height width channels"], factor: int
) -> Float[Tensor, "batch rows columns fewer"]:
    """Turn channels into pixels: each token becomes a square of finer tokens.

    The channels of a token are read as (row, column, channel) of its square.

    Args:
        grid: Tokens.
        factor: Side of the square; its area divides the channels.

    Returns:
        Tokens on a grid ``factor`` times as high and wide, with the channels over the
        area.
    """
    batch, height, width, _ = grid.shape
    squares = grid.reshape(batch, height, width, factor, factor, -1)
    # (B, H, row, W, column, C): rows beside H and columns beside W before merging
    squares = squares.transpose(2, 3)
    return squares.reshape(batch, height * factor, width * factor, -1)


class PatchExpand(nn.Module):
    """Patch expanding: the inverse of patch merging, with learned values."""

    def __init__(self, in_channels: int, out_channels: int, factor: int) -> None:
        """Lay out the layer.

        Args:
            in_channels: Channels of a token.
            out_channels: Channels of a finer token.
            factor: Finer tokens a token, along each axis.
        """
        super().__init__()
        self.factor = factor
        self.linear = nn.Linear(in_channels, factor**2 * out_channels, bias=False)
        self.norm = nn.LayerNorm(out_channels)

    def forward(
        self, grid: Float[Tensor, "batch height width channels"]
    ) -> Float[Tensor, "batch rows columns fewer"]:
        """Finer tokens.

        Args:
            grid: Tokens.

        Returns:
            Normalised tokens on a grid ``factor`` times as high and wide.

        Source: arXiv 2105.05537, "Patch expanding layer".
        """
        finer: Tensor = self.norm(spread(self.linear(grid), self.factor))
        return finer


class UpStage(nn.Module):
    """One level of the decoder: expand the coarser level, join the skip, attend."""

    def __init__(
        self,
        channels: int,
        grid: int,
        *,
        num_heads: int,
        window: int,
        drop_paths: list[float],
    ) -> None:
        """Lay out the level.

        Args:
            channels: Channels of this level; the coarser one has twice as many.
            grid: Tokens along each side of this level.
            num_heads: Attention heads.
            window: Tokens along each side of a window.
            drop_paths: Drop path of each block, as many as there are blocks.
        """
        super().__init__()
        self.expand = PatchExpand(2 * channels, channels, factor=2)
        self.join = nn.Linear(2 * channels, channels)
        # timm's stage shifts the windows of every second block by half a window, and
        # of none where one window spans the grid
        self.blocks = SwinTransformerStage(
            dim=channels,
            out_dim=channels,
            input_resolution=(grid, grid),
            depth=len(drop_paths),
            downsample=False,
            num_heads=num_heads,
            window_size=window,
            drop_path=drop_paths,
        )

    def forward(
        self,
        coarser: Float[Tensor, "batch rows columns more"],
        skip: Float[Tensor, "batch height width channels"],
    ) -> Float[Tensor, "batch height width channels"]:
        """Tokens of this level.

        Args:
            coarser: Tokens of the coarser level.
            skip: The encoder's tokens of this level.

        Returns:
            Tokens of this level.
        """
        both = torch.cat([self.expand(coarser), skip], dim=-1)
        tokens: Tensor = self.blocks(self.join(both))
        return tokens


class SwinDecoder(nn.Module):
    """Mirror image of one Swin encoder, from its coarsest map to its finest grid.

    The skips are what the encoder's stages give out; P2's code takes what goes into
    them, of the same size, which timm does not offer.
    """

    def __init__(self, swin_args: dict[str, Any]) -> None:
        """Lay out the levels.

        Args:
            swin_args: Arguments that timm built the encoder with.
        """
        super().__init__()
        width, depths = swin_args["embed_dim"], swin_args["depths"]
        finest_grid = swin_args["img_size"] // swin_args["patch_size"]
        # block by block what the encoder has at the same level
        rates = np.linspace(0, swin_args["drop_path_rate"], sum(depths))
        drop_paths = np.split(rates, np.cumsum(depths)[:-1])
        self.stages = nn.ModuleList(
            UpStage(
                width * 2**level,
                finest_grid // 2**level,
                num_heads=swin_args["num_heads"][level],
                window=swin_args["window_size"],
                drop_paths=drop_paths[level].tolist(),
            )
            for level in reversed(range(len(depths) - 1))
        )
        self.norm = nn.LayerNorm(width)

    def forward(
        self, maps: list[Tensor]
    ) -> Float[Tensor, "batch height width channels"]:
        """Tokens on the finest grid.

        Args:
            maps: The encoder's maps (B, C, H, W), fine to coarse.

        Returns:
            Normalised tokens of the size of the finest map.
        """
        *skips, tokens = (level.permute(0, 2, 3, 1) for level in maps)
        for stage, skip in zip(self.stages, reversed(skips), strict=True):
            tokens = stage(tokens, skip)
        finest: Tensor = self.norm(tokens)
        return finest


class SwinUNet(nn.Module):
    """A Swin decoder an encoder, one expansion to pixels, one projection to classes."""

    def __init__(self, swin_args: dict[str, dict[str, Any]], num_classes: int) -> None:
        """Lay out the decoders.

        Args:
            swin_args: Encoder's name -> arguments that timm built it with.
            num_classes: Number of classes.
        """
        super().__init__()
        self.decoders = nn.ModuleDict(
            {name: SwinDecoder(args) for name, args in swin_args.items()}
        )
        joined = sum(args["embed_dim"] for args in swin_args.values())
        patch_px = next(iter(swin_args.values()))["patch_size"]
        self.expand = PatchExpand(joined, joined, factor=patch_px)
        self.head = nn.Conv2d(joined, num_classes, kernel_size=1)
        self.apply(_initialise)

    def forward(self, maps: Maps) -> Float[Tensor, "batch classes height width"]:
        """Class scores of every input pixel.

        Args:
            maps: Encoder's name -> its maps (B, C, H, W), fine to coarse.

        Returns:
            Logits at the size of the input.
        """
        decoded = [decoder(maps[name]) for name, decoder in self.decoders.items()]
        pixels = self.expand(torch.cat(decoded, dim=-1))
        logits: Tensor = self.head(pixels.permute(0, 3, 1, 2))
        return logits


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=LINEAR_SD)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
