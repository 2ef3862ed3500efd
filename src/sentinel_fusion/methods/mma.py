"""MMA: the two sensors' spatial feature maps, aligned without a projection head.

Source: Windsor et al. 2021, arXiv 2107.06652; on Sentinel-1/2 as the baseline MMA of
    Scheibenreif, Mommert, Borth 2022, ISPRS Annals V-3-2022, 705.
"""

from jaxtyping import Float
from torch import Tensor, nn

from sentinel_fusion.losses.alignment import (
    alignment_loss,
    check_alignment_options,
    unit_vectors,
)
from sentinel_fusion.models.fusion import FusedEncoder

LOSS = "alignment"
"""Module of ``sentinel_fusion.losses`` that the method lowers."""


class MMA(nn.Module):
    """One encoder a sensor under InfoNCE between their coarsest feature maps."""

    def __init__(
        self, encoder: FusedEncoder, *, temperature: float, search: str, margin_px: int
    ) -> None:
        """Take the encoders as they are.

        Args:
            encoder: Late fusion of exactly two sensors.
            temperature: Temperature of InfoNCE.
            search: How translations are searched: "pad", "crop" or "pool".
            margin_px: Largest translation, in map pixels.

        Raises:
            ValueError: If the encoder does not hold one encoder for each of two
                sensors, their coarsest maps differ in channels, or an option is out of
                range.
        """
        super().__init__()
        check_alignment_options(
            temperature=temperature, search=search, margin_px=margin_px
        )
        if len(encoder.encoders) != 2:
            raise ValueError(
                "mma needs an arm with inputs s1, s2 and fusion late, got "
                f"{len(encoder.encoders)} encoder(s) over {', '.join(encoder.inputs)}"
            )
        channels = {k: _map_channels(part) for k, part in encoder.encoders.items()}
        if len(set(channels.values())) > 1:
            raise ValueError(
                "mma needs coarsest maps with the same channels, got "
                + ", ".join(f"{n} for {sensor}" for sensor, n in channels.items())
            )
        self.encoder = encoder
        self._temperature = temperature
        self._search = search
        self._margin_px = margin_px

    def project(
        self, images: dict[str, Float[Tensor, "batch bands height width"]]
    ) -> tuple[Float[Tensor, "batch dim"], Float[Tensor, "batch dim"]]:
        """Both sensors' maps as vectors, to be compared without translation.

        Args:
            images: Sensor -> normalised images of the same tiles.

        Returns:
            Maps of the first and of the second sensor of the arm, every spatial vector
            of length 1, flattened; for search "pool" their pooled vectors.
        """
        maps1, maps2 = self.encode_pairs(images)
        return (
            unit_vectors(maps1, search=self._search).flatten(1),
            unit_vectors(maps2, search=self._search).flatten(1),
        )

    def encode_pairs(
        self, images: dict[str, Float[Tensor, "batch bands height width"]]
    ) -> tuple[
        Float[Tensor, "batch channels rows cols"],
        Float[Tensor, "batch channels rows cols"],
    ]:
        """What the loss compares: the coarsest maps, a row a tile.

        Args:
            images: Sensor -> normalised images of the same tiles.

        Returns:
            Maps of the first and of the second sensor of the arm.
        """
        maps = self.encoder.feature_maps(images)
        first, second = self.encoder.inputs
        return maps[first][-1], maps[second][-1]

    def pair_loss(
        self,
        maps1: Float[Tensor, "batch channels rows cols"],
        maps2: Float[Tensor, "batch channels rows cols"],
        rows: slice | None = None,
    ) -> Float[Tensor, ""]:
        """Alignment loss of paired maps.

        Args:
            maps1: Maps of the first sensor, as ``encode_pairs`` gives them.
            maps2: Maps of the second.
            rows: Tiles whose maps look for their other one, all by default.

        Returns:
            Mean over both directions and the tiles of ``rows``.
        """
        return alignment_loss(
            maps1,
            maps2,
            temperature=self._temperature,
            search=self._search,
            margin_px=self._margin_px,
            rows=rows,
        )

    def training_loss(
        self, images: dict[str, Float[Tensor, "batch bands height width"]]
    ) -> Float[Tensor, ""]:
        """Alignment loss over the batch's sensor pairs.

        Args:
            images: Sensor -> normalised images of the same tiles.

        Returns:
            Mean over both directions and all tiles.
        """
        return self.pair_loss(*self.encode_pairs(images))


def _map_channels(encoder: nn.Module) -> int:
    channels = encoder.map_channels
    assert isinstance(channels, tuple)
    return int(channels[-1])


def build(
    encoder: FusedEncoder, *, temperature: float, search: str, margin_px: int
) -> MMA:
    """The method on an arm's encoders.

    Args:
        encoder: Late fusion of exactly two sensors.
        temperature: Temperature of InfoNCE.
        search: How translations are searched: "pad", "crop" or "pool".
        margin_px: Largest translation, in map pixels.

    Returns:
        The method, whose ``training_loss`` a training loop lowers.
    """
    return MMA(encoder, temperature=temperature, search=search, margin_px=margin_px)
