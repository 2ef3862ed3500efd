"""The VGG-style encoder of MMA, whose maps stay fine: a map pixel is 8 tile pixels.

timm knows the network as "sentinel_vgg" once this module is imported; published
weights load through ``timm.create_model("local-dir:FOLDER", pretrained=True)``.

Source: Windsor et al. 2021, arXiv 2107.06652;
    https://github.com/rwindsor1/biobank-self-supervised-alignment
    ``src/models/VGGEncoders.py``.
"""

from typing import Any

import timm
from jaxtyping import Float
from timm.models import build_model_with_cfg, generate_default_cfgs, register_model
from torch import Tensor, nn

from sentinel_fusion.models.timm_encoder import TimmEncoder

ARCHITECTURE = "sentinel_vgg"
"""Name of the network in timm."""
default_cfgs = generate_default_cfgs({ARCHITECTURE: {"num_classes": 0}})
"""What timm's ``register_model`` looks up by this name; without it timm would ask for
1000 classes."""


class Vgg(nn.Module):
    """Four blocks of two 3x3 convolutions, halving the map between blocks.

    Attributes:
        num_features: Channels of the last block.
        num_classes: Always 0, the network ends in pooled features.
        feature_info: Channels, stride and module of each block's map, fine to coarse.
    """

    def __init__(
        self, *, in_chans: int, num_classes: int, width: int, num_features: int
    ) -> None:
        """Build the blocks; the argument names are timm's.

        Args:
            in_chans: Bands of the input.
            num_classes: 0; timm states it for every network.
            width: Channels of the first block; the second and third double it.
            num_features: Channels of the last block.

        Raises:
            ValueError: If a classifier is asked for.
        """
        super().__init__()
        if num_classes != 0:
            raise ValueError(
                f"num_classes must be 0 as {ARCHITECTURE} has no classifier, "
                f"got {num_classes}"
            )
        channels = (width, 2 * width, 4 * width, num_features)
        inputs = (in_chans, *channels[:-1])
        self.num_features = num_features
        self.num_classes = num_classes
        self.pool = nn.MaxPool2d(2)
        self.blocks = nn.ModuleList(map(_block, inputs, channels))
        self.feature_info = [
            {"num_chs": size, "reduction": 2**level, "module": f"blocks.{level}"}
            for level, size in enumerate(channels)
        ]

    def forward(
        self, images: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch features"]:
        """Features of a batch.

        Args:
            images: Normalised images, at least 8 px a side.

        Returns:
            Mean of the last map over its pixels.
        """
        return self._maps(images)[-1].mean(dim=(2, 3))

    def forward_intermediates(
        self,
        images: Float[Tensor, "batch channels height width"],
        *,
        norm: bool = False,
        intermediates_only: bool = False,
    ) -> list[Tensor] | tuple[Tensor, list[Tensor]]:
        """Maps of every block, under the name that timm networks offer them by.

        Args:
            images: Normalised images, at least 8 px a side.
            norm: Not looked at: every block ends in its own normalisation.
            intermediates_only: Whether the maps are all that is wanted.

        Returns:
            The maps, fine to coarse; else the last map and then all maps.
        """
        maps = self._maps(images)
        return maps if intermediates_only else (maps[-1], maps)

    def _maps(self, images: Tensor) -> list[Tensor]:
        maps: list[Tensor] = []
        for block in self.blocks:
            maps.append(block(self.pool(maps[-1]) if maps else images))
        return maps


def _block(in_channels: int, channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(in_channels, channels, kernel_size=3, padding=1, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(inplace=True),
        nn.Conv2d(channels, channels, kernel_size=3, padding=1, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(inplace=True),
    )


@register_model
def sentinel_vgg(pretrained: bool = False, **model_args: Any) -> Vgg:  # noqa: ANN401
    """The network as ``timm.create_model("sentinel_vgg")`` builds it.

    Args:
        pretrained: Whether to load the weights that timm was told of.
        **model_args: Arguments of ``Vgg`` and what timm adds about the weights.

    Returns:
        The network.
    """
    return build_model_with_cfg(Vgg, ARCHITECTURE, pretrained, **model_args)


def build(*, in_channels: int, width: int, num_features: int) -> TimmEncoder:
    """A randomly initialised VGG; seed torch before for repeatable weights.

    Args:
        in_channels: Bands of the input.
        width: Channels of the first block; the second and third double it. 64 is as
            published.
        num_features: Channels of the last block, hence length of a feature vector.

    Returns:
        The encoder, with maps at strides 1, 2, 4 and 8.

    Raises:
        ValueError: If the width or the number of features is too small.
    """
    for name, value in (("width", width), ("num_features", num_features)):
        if value < 1:
            raise ValueError(f"encoders.vgg.{name} must be >= 1, got {value}")
    model_args: dict[str, Any] = {
        "in_chans": in_channels,
        "num_classes": 0,
        "width": width,
        "num_features": num_features,
    }
    network = timm.create_model(ARCHITECTURE, **model_args)
    return TimmEncoder(network, ARCHITECTURE, model_args)
