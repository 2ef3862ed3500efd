"""ResNet encoders from timm, any input channels, any width.

Source: He et al. 2016, arXiv 1512.03385; timm ``models/resnet.py``.
"""

from typing import Any

import timm

from sentinel_fusion.models.timm_encoder import TimmEncoder

PUBLISHED_WIDTH = 64
SMALLEST_WIDTH = 8


def build(*, in_channels: int, architecture: str, width: int) -> TimmEncoder:
    """A randomly initialised ResNet; seed torch before for repeatable weights.

    Args:
        in_channels: Bands of the input.
        architecture: Name of a timm ResNet such as "resnet18".
        width: Channels of the first stage; later stages double it. 64 is as published.
            timm keeps the 64 channels of a plain stem at any width.

    Returns:
        The encoder, with maps at strides 2 (the stem), 4, 8, 16 and 32.

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
    model_args: dict[str, Any] = {"in_chans": in_channels, "num_classes": 0}
    if width != PUBLISHED_WIDTH:
        model_args["channels"] = [width * 2**stage for stage in range(4)]
        model_args["stem_width"] = width // 2
    network = timm.create_model(architecture, **model_args)
    return TimmEncoder(network, architecture, model_args)
