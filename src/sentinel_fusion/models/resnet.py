"""ResNet encoders from timm, any input channels, any width.

Source: He et al. 2016, arXiv 1512.03385; timm ``models/resnet.py``.
"""

from typing import Any

import timm
from jaxtyping import Float
from torch import Tensor, nn

PUBLISHED_WIDTH = 64
SMALLEST_WIDTH = 8


class ResNetEncoder(nn.Module):
    """A ResNet without its classifier."""

    num_features: int

    def __init__(self, network: nn.Module, num_features: int) -> None:
        """Wrap a network.

        Args:
            network: timm ResNet with average pooling and no classifier.
            num_features: Length of its feature vectors.
        """
        super().__init__()
        self.network = network
        self.num_features = num_features

    def forward(
        self, images: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch features"]:
        """Average-pooled features.

        Args:
            images: Normalised images.

        Returns:
            One vector an image.
        """
        features: Tensor = self.network(images)
        return features


def build(*, in_channels: int, architecture: str, width: int) -> ResNetEncoder:
    """A randomly initialised ResNet; seed torch before for repeatable weights.

    Args:
        in_channels: Bands of the input.
        architecture: Name of a timm ResNet such as "resnet18".
        width: Channels of the first stage; later stages double it. 64 is as published.
            timm keeps the 64 channels of a plain stem at any width.

    Returns:
        The encoder.

    Raises:
        ValueError: If timm has no ResNet of that name or the width is too small.
    """
    if architecture not in timm.list_models("*resnet*", module="resnet"):
        raise ValueError(
            "encoders.resnet.architecture must be a timm ResNet such as resnet18 or "
            f"resnet50, got {architecture!r}; timm.list_models('*resnet*') lists them"
        )
    if width < SMALLEST_WIDTH:
        raise ValueError(
            f"encoders.resnet.width must be >= {SMALLEST_WIDTH}, got {width}"
        )
    options: dict[str, Any] = {}
    if width != PUBLISHED_WIDTH:
        options["channels"] = tuple(width * 2**stage for stage in range(4))
        options["stem_width"] = width // 2
    network = timm.create_model(
        architecture, in_chans=in_channels, num_classes=0, **options
    )
    num_features = network.num_features
    assert isinstance(num_features, int)
    return ResNetEncoder(network, num_features)
