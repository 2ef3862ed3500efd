"""U-Net decoder over the feature maps of one encoder or several.

Source: Ronneberger et al. 2015, arXiv 1505.04597; segmentation_models_pytorch
``decoders/unet``.
"""

from typing import Any

import torch
from jaxtyping import Float
from segmentation_models_pytorch.base.initialization import (
    initialize_decoder,
    initialize_head,
)
from segmentation_models_pytorch.decoders.unet.decoder import UnetDecoder
from torch import Tensor, nn

from sentinel_fusion.models.fusion import FusedEncoder, Maps


def build(encoder: FusedEncoder, *, num_classes: int, width: int) -> "UNet":
    """A randomly initialised decoder; seed torch before for repeatable weights.

    Args:
        encoder: Encoders whose maps will be decoded; they stay outside the decoder.
        num_classes: Number of classes.
        width: Channels at full resolution; each coarser level doubles them. 16 is
            segmentation_models_pytorch's.

    Returns:
        The decoder. Two encoders are joined at every level: P2's double U-Net.

    Raises:
        ValueError: If the width is not positive or the finest stride is no power of 2.
    """
    if width <= 0:
        raise ValueError(f"decoders.unet.width must be > 0, got {width}")
    parts: list[Any] = list(encoder.encoders.values())
    finest = parts[0].map_strides[0]
    if finest.bit_count() != 1:
        raise ValueError(
            "unet doubles the resolution level by level, so the finest stride of the "
            f"encoder must be a power of 2, got {finest}; change the encoder's patch_px"
        )
    levels = zip(*(part.map_channels for part in parts), strict=True)
    return UNet(
        tuple(encoder.encoders),
        [sum(level) for level in levels],
        finest_stride=finest,
        num_classes=num_classes,
        width=width,
    )


class UNet(nn.Module):
    """U-Net decoder: upsample, join the maps of the next finer level, convolve twice.

    The maps of all encoders are concatenated at every level. Levels finer than the
    finest map have nothing to join. A map at full resolution gives its size alone, as
    segmentation_models_pytorch has it.
    """

    def __init__(
        self,
        names: tuple[str, ...],
        channels: list[int],
        *,
        finest_stride: int,
        num_classes: int,
        width: int,
    ) -> None:
        """Lay out the decoder.

        Args:
            names: Encoders in the order of concatenation.
            channels: Channels of every level, summed over encoders, fine to coarse.
            finest_stride: Input pixels a pixel of the finest map, a power of 2.
            num_classes: Number of classes.
            width: Channels at full resolution.
        """
        super().__init__()
        self.names = names
        self.finest_stride = finest_stride
        self.mapless_strides = [2**k for k in range(finest_stride.bit_length() - 1)]
        channels = [0] * len(self.mapless_strides) + channels
        blocks = len(channels) - 1
        self.decoder = UnetDecoder(
            encoder_channels=channels,
            decoder_channels=[width * 2**k for k in reversed(range(blocks))],
            n_blocks=blocks,
        )
        self.head = nn.Conv2d(width, num_classes, kernel_size=3, padding=1)
        initialize_decoder(self.decoder)
        initialize_head(self.head)

    def forward(self, maps: Maps) -> Float[Tensor, "batch classes height width"]:
        """Class scores of every input pixel.

        Args:
            maps: Encoder's name -> its maps (B, C, H, W), fine to coarse.

        Returns:
            Logits at the size of the input: finest map times its stride.
        """
        levels = [
            torch.cat(level, dim=1)
            for level in zip(*(maps[name] for name in self.names), strict=True)
        ]
        batch, _, height, width = levels[0].shape
        # smp reads the size of each level off its map: where there is none, one
        # without channels says it
        sizes = [
            levels[0].new_empty(
                batch,
                0,
                height * self.finest_stride // stride,
                width * self.finest_stride // stride,
            )
            for stride in self.mapless_strides
        ]
        logits: Tensor = self.head(self.decoder([*sizes, *levels]))
        return logits
