"""Encoders of an arm and how their sensors meet: single, early or late fusion."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sentinel_fusion.bands import BANDS, band_indices
from sentinel_fusion.models.timm_encoder import TimmEncoder

FUSIONS = ("single", "early", "late")
STACKED = "stacked"
"""Name of the one encoder of early fusion."""
Bands = dict[str, tuple[str, ...]]
"""Sensor -> names of the bands an arm looks at, in the order they are stacked."""
Maps = dict[str, list[Tensor]]
"""Encoder's name -> its feature maps (B, C, H, W), fine to coarse."""


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

    def __init__(
        self, encoders: nn.ModuleDict, inputs: tuple[str, ...], bands: Bands
    ) -> None:
        """Hold the encoders.

        Args:
            encoders: Encoder by sensor, or the one over stacked bands.
            inputs: Sensors in the order of concatenation.
            bands: Bands the encoders look at.
        """
        super().__init__()
        self.encoders = encoders
        self.inputs = inputs
        self.bands = bands
        self.num_features = sum(width(e) for e in encoders.values())

    def views(
        self, images: dict[str, Float[Tensor, "batch bands height width"]]
    ) -> dict[str, Float[Tensor, "batch channels height width"]]:
        """What each encoder sees of a batch.

        Args:
            images: Sensor -> normalised images of the same tiles, all bands.

        Returns:
            Encoder's name -> its bands, stacked over sensors for early fusion.
        """
        chosen = {
            sensor: images[sensor]
            if self.bands[sensor] == BANDS[sensor]
            else images[sensor][:, band_indices(sensor, self.bands[sensor])]
            for sensor in self.inputs
        }
        if STACKED in self.encoders:
            return {STACKED: torch.cat(list(chosen.values()), dim=1)}
        return chosen

    def forward(
        self, images: dict[str, Float[Tensor, "batch bands height width"]]
    ) -> Float[Tensor, "batch features"]:
        """Features of a batch.

        Args:
            images: Sensor -> normalised images of the same tiles.

        Returns:
            One vector a tile.
        """
        features = [self.encoders[k](x) for k, x in self.views(images).items()]
        return torch.cat(features, dim=1)

    def feature_maps(
        self, images: dict[str, Float[Tensor, "batch bands height width"]]
    ) -> Maps:
        """Feature maps of every encoder.

        Args:
            images: Sensor -> normalised images of the same tiles.

        Returns:
            Encoder's name -> maps, fine to coarse.
        """
        return {
            name: self.encoders[name].feature_maps(x)  # type: ignore[operator]
            for name, x in self.views(images).items()
        }


def to_channels_last(encoder: nn.Module) -> None:
    """Lay an encoder's weights out as the loader lays out its batches.

    Args:
        encoder: Encoder, changed in place.
    """
    encoder.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def build_fused(
    build: Callable[[int], TimmEncoder],
    *,
    inputs: tuple[str, ...],
    bands: Bands,
    fusion: str,
    seed: int,
) -> FusedEncoder:
    """An arm's encoders with seeded initial weights.

    Args:
        build: Makes an encoder for a number of input channels.
        inputs: Sensors of the arm.
        bands: Bands of the sensors that the arm looks at in part; the others are
            looked at whole.
        fusion: One of ``FUSIONS``.
        seed: Seed of the weights; torch's global state is left as it was.

    Returns:
        The encoders in channels-last memory format.
    """
    every = {sensor: bands.get(sensor, BANDS[sensor]) for sensor in inputs}
    for sensor, names in every.items():
        band_indices(sensor, names)  # refuses a name that the sensor does not have
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if fusion == "early":
            encoders = {STACKED: build(sum(len(names) for names in every.values()))}
        else:
            encoders = {sensor: build(len(every[sensor])) for sensor in inputs}
    fused = FusedEncoder(nn.ModuleDict(encoders), inputs, every)
    to_channels_last(fused)
    return fused
