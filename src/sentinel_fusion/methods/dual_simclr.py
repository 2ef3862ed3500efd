"""Dual-SimCLR: two sensors as the two views of one contrastive loss.

Source: Scheibenreif, Mommert, Borth 2022, ISPRS Annals V-3-2022, 705.
"""

from jaxtyping import Float
from torch import Tensor, nn

from sentinel_fusion.losses.nt_xent import check_nt_xent_options, nt_xent
from sentinel_fusion.models.fusion import FusedEncoder, width
from sentinel_fusion.models.heads import projection_head

LOSS = "nt_xent"
"""Module of ``sentinel_fusion.losses`` that the method lowers."""


class DualSimCLR(nn.Module):
    """One encoder and one projection head a sensor under NT-Xent."""

    def __init__(
        self,
        encoder: FusedEncoder,
        *,
        projection_dim: int,
        temperature: float,
        negatives: str,
    ) -> None:
        """Put heads on the encoders.

        Args:
            encoder: Late fusion of exactly two sensors.
            projection_dim: Width of the projections.
            temperature: Temperature of NT-Xent.
            negatives: Negatives of NT-Xent, "both" or "other".

        Raises:
            ValueError: If the encoder does not hold one encoder for each of two
                sensors, or an option is out of range.
        """
        super().__init__()
        check_nt_xent_options(temperature=temperature, negatives=negatives)
        if projection_dim < 1:
            raise ValueError(f"projection_dim must be >= 1, got {projection_dim}")
        if len(encoder.encoders) != 2:
            raise ValueError(
                "dual_simclr needs an arm with inputs s1, s2 and fusion late, got "
                f"{len(encoder.encoders)} encoder(s) over {', '.join(encoder.inputs)}"
            )
        self.encoder = encoder
        self.heads = nn.ModuleDict(
            {
                sensor: projection_head(width(part), projection_dim)
                for sensor, part in encoder.encoders.items()
            }
        )
        self._temperature = temperature
        self._negatives = negatives

    def project(
        self, images: dict[str, Float[Tensor, "batch bands height width"]]
    ) -> tuple[Float[Tensor, "batch dim"], Float[Tensor, "batch dim"]]:
        """Projections of both sensors.

        Args:
            images: Sensor -> normalised images of the same tiles.

        Returns:
            Projections of the first and of the second sensor of the arm.
        """
        views = self.encoder.views(images)
        z1, z2 = (
            self.heads[sensor](self.encoder.encoders[sensor](views[sensor]))
            for sensor in self.encoder.inputs
        )
        return z1, z2

    def encode_pairs(
        self, images: dict[str, Float[Tensor, "batch bands height width"]]
    ) -> tuple[Float[Tensor, "batch dim"], Float[Tensor, "batch dim"]]:
        """What the loss compares, a row a tile.

        Args:
            images: Sensor -> normalised images of the same tiles.

        Returns:
            Projections of the first and of the second sensor of the arm.
        """
        return self.project(images)

    def pair_loss(
        self,
        z1: Float[Tensor, "batch dim"],
        z2: Float[Tensor, "batch dim"],
        rows: slice | None = None,
    ) -> Float[Tensor, ""]:
        """NT-Xent of paired projections.

        Args:
            z1: Projections of the first sensor, as ``encode_pairs`` gives them.
            z2: Projections of the second.
            rows: Tiles whose vectors are anchors, all by default.

        Returns:
            Mean over both sensors and the tiles of ``rows``.
        """
        return nt_xent(
            z1,
            z2,
            temperature=self._temperature,
            negatives=self._negatives,
            rows=rows,
        )

    def training_loss(
        self, images: dict[str, Float[Tensor, "batch bands height width"]]
    ) -> Float[Tensor, ""]:
        """NT-Xent over the batch's sensor pairs.

        Args:
            images: Sensor -> normalised images of the same tiles.

        Returns:
            Mean over both sensors and all tiles.
        """
        return self.pair_loss(*self.encode_pairs(images))


def build(
    encoder: FusedEncoder, *, projection_dim: int, temperature: float, negatives: str
) -> DualSimCLR:
    """The method on an arm's encoders; seed torch before for repeatable heads.

    Args:
        encoder: Late fusion of exactly two sensors.
        projection_dim: Width of the projections.
        temperature: Temperature of NT-Xent.
        negatives: Negatives of NT-Xent, "both" or "other".

    Returns:
        The method, whose ``training_loss`` a training loop lowers.
    """
    return DualSimCLR(
        encoder,
        projection_dim=projection_dim,
        temperature=temperature,
        negatives=negatives,
    )
