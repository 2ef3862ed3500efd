"""The two uses of an encoder, behind one interface: fine-tuned and frozen."""

from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Integer
from torch import Tensor, nn

from sentinel_fusion.data.augment import Augment
from sentinel_fusion.data.loader import Batch, BatchLoader
from sentinel_fusion.models.fusion import FusedEncoder
from sentinel_fusion.train.device import autocast

USES = ("finetuned", "frozen")
Rows = Integer[np.ndarray, " tiles"]


@runtime_checkable
class Learner(Protocol):
    """A classifier that a supervised fit trains."""

    trained: nn.Module
    """What the optimiser changes and the best step is kept of."""

    def training_logits(self, rows: Rows, generator: torch.Generator) -> Tensor:
        """Logits of tiles as the fit sees them, augmented where that applies."""
        ...

    def logits(self, rows: Rows) -> Tensor:
        """Logits of tiles as they are, without gradients."""
        ...


class FineTuned:
    """Encoder and head trained together on augmented images."""

    def __init__(
        self,
        encoder: FusedEncoder,
        head: nn.Module,
        loader: BatchLoader,
        augment: Augment,
        *,
        batch_size: int,
        precision: str,
    ) -> None:
        """Join encoder and head.

        Args:
            encoder: Encoder to train; the caller's own copy.
            head: Head on its features.
            loader: Reads the tiles.
            augment: Changes a training batch with draws from a generator.
            batch_size: Tiles a forward pass without gradients.
            precision: "float32" or "bfloat16".
        """
        self.trained: nn.Module = nn.Sequential(encoder, head)
        self._precision = precision
        self._loader = loader
        self._augment = augment
        self._batch_size = batch_size

    def training_logits(
        self, rows: Rows, generator: torch.Generator
    ) -> Float[Tensor, "tiles outputs"]:
        """Logits of augmented tiles, with gradients.

        Args:
            rows: Tiles.
            generator: Source of the augmentation.

        Returns:
            One row a tile.
        """
        self.trained.train()
        images = self._augment(self._loader.load(rows), generator)
        return self._forward(images)

    def logits(self, rows: Rows) -> Float[Tensor, "tiles outputs"]:
        """Logits of tiles as they are, layers in evaluation mode.

        Args:
            rows: Tiles.

        Returns:
            One row a tile.
        """
        self.trained.eval()
        with torch.no_grad():
            batches = self._loader.iterate(rows, self._batch_size)
            return torch.cat([self._forward(images) for images in batches])

    def _forward(self, images: Batch) -> Float[Tensor, "tiles outputs"]:
        device = next(iter(images.values())).device
        with autocast(device, self._precision):
            logits: Tensor = self.trained(images)
        return logits.float()


class LinearProbe:
    """A linear head on features that were computed once."""

    def __init__(
        self, features: Float[Tensor, "tiles features"], head: nn.Module
    ) -> None:
        """Hold features and head.

        Args:
            features: Standardised features of every tile of the store.
            head: Head on the features.
        """
        self.trained: nn.Module = head
        self._features = features

    def training_logits(
        self, rows: Rows, generator: torch.Generator
    ) -> Float[Tensor, "tiles outputs"]:
        """Logits of tiles, with gradients; a probe's features are not augmented.

        Args:
            rows: Tiles.
            generator: Not drawn from.

        Returns:
            One row a tile.
        """
        logits: Tensor = self.trained(self._features[torch.from_numpy(rows)])
        return logits

    def logits(self, rows: Rows) -> Float[Tensor, "tiles outputs"]:
        """Logits of tiles, without gradients.

        Args:
            rows: Tiles.

        Returns:
            One row a tile.
        """
        with torch.no_grad():
            logits: Tensor = self.trained(self._features[torch.from_numpy(rows)])
            return logits


def frozen_features(
    encoder: FusedEncoder,
    loader: BatchLoader,
    *,
    num_tiles: int,
    scale_rows: Integer[np.ndarray, " reference"],
    batch_size: int,
) -> Float[Tensor, "tiles features"]:
    """Features of every tile, normalisation and dropout layers in evaluation mode.

    Args:
        encoder: Encoder; left unchanged.
        loader: Reads the tiles.
        num_tiles: Tiles of the store.
        scale_rows: Tiles whose features get zero mean and unit deviation a dimension:
            the training places', whose labels are not used here.
        batch_size: Tiles a forward pass.

    Returns:
        Standardised features, a row a tile; a constant dimension stays 0.
    """
    encoder.eval()
    with torch.no_grad():
        features = torch.cat(
            [
                encoder(images).float()
                for images in loader.iterate(np.arange(num_tiles), batch_size)
            ]
        )
    reference = features[torch.from_numpy(scale_rows)]
    sd = reference.std(dim=0, correction=0)
    return (features - reference.mean(dim=0)) / torch.where(sd > 0, sd, 1.0)
