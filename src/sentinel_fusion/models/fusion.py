"""Encoders of an arm and how their sensors meet: single, early or late fusion."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sentinel_fusion.bands import BANDS

FUSIONS = ("single", "early", "late")
_EARLY = "stacked"


def width(encoder: nn.Module) -> int:
    """Length of an encoder's feature vectors.

    Args:
        encoder: Encoder with ``num_features``.

    Returns:
        Its ``num_features``.
    """
    num_features = encoder.num_features
    assert isinstance(num_features, int)
    return num_features


class FusedEncoder(nn.Module):
    """One feature vector a tile, from one sensor or both.

    Single and late fusion hold one encoder a sensor and concatenate their features;
    early fusion holds one encoder over the stacked bands of all sensors.
    """

    def __init__(self, encoders: nn.ModuleDict, inputs: tuple[str, ...]) -> None:
        """Hold the encoders.

        Args:
            encoders: Encoder by sensor, or the one over stacked bands.
            inputs: Sensors in the order of concatenation.
        """
        super().__init__()
        self.encoders = encoders
        self.inputs = inputs
        self.num_features = sum(width(e) for e in encoders.values())

    def forward(
        self, images: dict[str, Float[Tensor, "batch bands height width"]]
    ) -> Float[Tensor, "batch features"]:
        """Features of a batch.

        Args:
            images: Sensor -> normalised images of the same tiles.

        Returns:
            One vector a tile.
        """
        if _EARLY in self.encoders:
            stacked = torch.cat([images[sensor] for sensor in self.inputs], dim=1)
            early: Tensor = self.encoders[_EARLY](stacked)
            return early
        features = [self.encoders[sensor](images[sensor]) for sensor in self.inputs]
        return torch.cat(features, dim=1)


def to_channels_last(encoder: nn.Module) -> None:
    """Lay an encoder's weights out as the loader lays out its batches.

    Args:
        encoder: Encoder, changed in place.
    """
    encoder.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def build_fused(
    build: Callable[[int], nn.Module],
    *,
    inputs: tuple[str, ...],
    fusion: str,
    seed: int,
) -> FusedEncoder:
    """An arm's encoders with seeded initial weights.

    Args:
        build: Makes an encoder for a number of input channels.
        inputs: Sensors of the arm.
        fusion: One of ``FUSIONS``.
        seed: Seed of the weights; torch's global state is left as it was.

    Returns:
        The encoders in channels-last memory format.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if fusion == "early":
            channels = sum(len(BANDS[sensor]) for sensor in inputs)
            encoders = {_EARLY: build(channels)}
        else:
            encoders = {sensor: build(len(BANDS[sensor])) for sensor in inputs}
    fused = FusedEncoder(nn.ModuleDict(encoders), inputs)
    to_channels_last(fused)
    return fused
