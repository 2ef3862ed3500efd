"""SimCLR: two random views of one Sentinel-2 image under one contrastive loss.

Source: Chen et al. 2020, arXiv 2002.05709.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sentinel_fusion.bands import band_indices
from sentinel_fusion.data.part import WHOLE, Part
from sentinel_fusion.data.stats import Normalisation
from sentinel_fusion.data.views import RandomViews
from sentinel_fusion.losses.nt_xent import check_nt_xent_options, nt_xent
from sentinel_fusion.models.fusion import FusedEncoder
from sentinel_fusion.models.heads import projection_head

LOSS = "nt_xent"
"""Module of ``sentinel_fusion.losses`` that the method lowers."""
SENSOR = "s2"
COLOUR_BANDS = ("B04", "B03", "B02")
"""Bands of colour views, in the order red, green, blue."""
UNITS_PER_REFLECTANCE = 10_000
WATCH_SEED = 0
"""Seed of the views that ``SimCLR.project`` draws, the same in every epoch."""


class SimCLR(nn.Module):
    """One encoder and one projection head under NT-Xent of two random views.

    Attributes:
        part: Which part of every batch ``encode_pairs`` gets; set by who trains.
        rows_a_tile: Images of a tile that the encoder sees in one pass.
    """

    mean: Tensor
    sd: Tensor
    rows_a_tile = 2

    def __init__(
        self,
        encoder: FusedEncoder,
        *,
        normalisation: Normalisation,
        projection_dim: int,
        temperature: float,
        negatives: str,
        views: RandomViews,
    ) -> None:
        """Put a head on the encoder.

        Args:
            encoder: The encoder of one sensor, Sentinel-2.
            normalisation: Scaling of the images, to be undone before views are drawn.
            projection_dim: Width of the projections.
            temperature: Temperature of NT-Xent.
            negatives: Negatives of NT-Xent, "both" or "other".
            views: How views are drawn.

        Raises:
            ValueError: If the encoder is not a single one over Sentinel-2, its bands do
                not suit the views, or an option is out of range.
        """
        super().__init__()
        check_nt_xent_options(temperature=temperature, negatives=negatives)
        if projection_dim < 1:
            raise ValueError(f"projection_dim must be >= 1, got {projection_dim}")
        _check_encoder(encoder, views)
        self.encoder = encoder
        self.head = projection_head(encoder.num_features, projection_dim)
        self.part = WHOLE
        self._views = views
        self._temperature = temperature
        self._negatives = negatives
        bands = band_indices(SENSOR, encoder.bands[SENSOR])
        mean, sd = (
            torch.tensor(part[SENSOR])[bands].view(-1, 1, 1) / UNITS_PER_REFLECTANCE
            for part in (normalisation.mean, normalisation.sd)
        )
        # buffers for the sake of .to(device); checkpoints hold the normalisation
        self.register_buffer("mean", mean, persistent=False)
        self.register_buffer("sd", sd, persistent=False)

    def project(
        self, images: dict[str, Float[Tensor, "batch bands height width"]]
    ) -> tuple[Float[Tensor, "batch dim"], Float[Tensor, "batch dim"]]:
        """Projections of two views of every tile, the same views at every call.

        For watching: their draws start from ``WATCH_SEED`` and leave torch's global
        state as it was.

        Args:
            images: Sensor -> normalised images of the same tiles.

        Returns:
            Projections of the first and of the second view.
        """
        with torch.random.fork_rng(devices=[]):
            # not torch.manual_seed, which seeds the accelerator's state as well
            torch.default_generator.manual_seed(WATCH_SEED)
            views = self._two_views(images, WHOLE)
        return self._project(views)

    def encode_pairs(
        self, images: dict[str, Float[Tensor, "batch bands height width"]]
    ) -> tuple[Float[Tensor, "batch dim"], Float[Tensor, "batch dim"]]:
        """What the loss compares: two views of every tile, a row a tile.

        Args:
            images: Sensor -> normalised images of the same tiles.

        Returns:
            Projections of both views, which are drawn from torch's global state.
        """
        return self._project(self._two_views(images, self.part))

    def pair_loss(
        self,
        z1: Float[Tensor, "batch dim"],
        z2: Float[Tensor, "batch dim"],
        rows: slice | None = None,
    ) -> Float[Tensor, ""]:
        """NT-Xent of paired projections.

        Args:
            z1: Projections of the first views, as ``encode_pairs`` gives them.
            z2: Projections of the second.
            rows: Tiles whose vectors are anchors, all by default.

        Returns:
            Mean over both views and the tiles of ``rows``.
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
        """NT-Xent of two views of every tile, drawn from torch's global state.

        Args:
            images: Sensor -> normalised images of the same tiles.

        Returns:
            Mean over both views and all tiles.
        """
        return self.pair_loss(*self.encode_pairs(images))

    def _two_views(
        self, images: dict[str, Tensor], part: Part
    ) -> Float[Tensor, "twice channels height width"]:
        chosen = self.encoder.views({SENSOR: images[SENSOR]})[SENSOR]
        reflectance = torch.addcmul(self.mean, chosen, self.sd)
        views = torch.cat([self._views.draw(reflectance, part) for _ in range(2)])
        return views.sub_(self.mean).div_(self.sd)

    def _project(
        self, views: Float[Tensor, "twice channels height width"]
    ) -> tuple[Tensor, Tensor]:
        # one pass: batch statistics over both views, as in the paper
        z1, z2 = self.head(self.encoder.encoders[SENSOR](views)).chunk(2)
        return z1, z2


def _check_encoder(encoder: FusedEncoder, views: RandomViews) -> None:
    if tuple(encoder.encoders) != (SENSOR,):
        raise ValueError(
            "simclr needs an arm with inputs s2 and fusion single, got encoders "
            f"{', '.join(encoder.encoders)} over {', '.join(encoder.inputs)}"
        )
    bands = encoder.bands[SENSOR]
    if views.kind == "colour" and bands != COLOUR_BANDS:
        wanted = ", ".join(COLOUR_BANDS)
        raise ValueError(
            f"colour views need the bands {wanted} in this order, got "
            f"{', '.join(bands)}; set arms.<arm>.bands.s2 to [{wanted}] or "
            "methods.simclr.views to bands"
        )


def build(
    encoder: FusedEncoder,
    *,
    normalisation: Normalisation,
    projection_dim: int,
    temperature: float,
    negatives: str,
    views: str,
    min_crop_share: float,
    jitter_strength: float,
) -> SimCLR:
    """The method on an arm's encoder; seed torch before for a repeatable head.

    Args:
        encoder: The encoder of one sensor, Sentinel-2.
        normalisation: Scaling of the images.
        projection_dim: Width of the projections.
        temperature: Temperature of NT-Xent.
        negatives: Negatives of NT-Xent, "both" or "other".
        views: Kind of the views, "colour" for B04, B03, B02 or "bands" for any bands.
        min_crop_share: Smallest area of a crop as share of the image.
        jitter_strength: Factor on all distortions of brightness and colour.

    Returns:
        The method, whose ``training_loss`` a training loop lowers.
    """
    return SimCLR(
        encoder,
        normalisation=normalisation,
        projection_dim=projection_dim,
        temperature=temperature,
        negatives=negatives,
        views=RandomViews(
            kind=views,
            min_crop_share=min_crop_share,
            jitter_strength=jitter_strength,
        ),
    )
