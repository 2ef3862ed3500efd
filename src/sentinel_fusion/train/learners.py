"""The two uses of an encoder, behind one interface: fine-tuned and frozen."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Integer
from torch import Tensor, nn

from sentinel_fusion.data.augment import Augment
from sentinel_fusion.data.loader import Batch, BatchLoader
from sentinel_fusion.models.fusion import FusedEncoder
from sentinel_fusion.train.device import autocast
from sentinel_fusion.train.passes import encode_tiles

Rows = Integer[np.ndarray, " tiles"]
_LABEL = "label"


@runtime_checkable
class Learner(Protocol):
    """A model that a supervised fit trains."""

    trained: nn.Module
    """What the optimiser changes and the best step is kept of."""

    def training_pair(
        self, rows: Rows, wanted: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Logits and targets of tiles, both augmented where that applies."""
        ...

    def logits(self, rows: Rows) -> Tensor:
        """Logits of tiles as they are, without gradients."""
        ...


@dataclass(frozen=True)
class ImageInput:
    """How tiles reach a learner.

    Args:
        loader: Reads the tiles.
        augment: Changes a training batch with draws from a generator.
        encode: What the head takes, from encoder and images.
        precision: "float32" or "bfloat16".
    """

    loader: BatchLoader
    augment: Augment
    encode: Callable[[FusedEncoder, Batch], Any]
    precision: str


class ImageLearner:
    """Encoder and head on images; the encoder is trained along or left as it is."""

    def __init__(
        self,
        encoder: FusedEncoder,
        head: nn.Module,
        tiles: ImageInput,
        *,
        is_frozen: bool,
    ) -> None:
        """Join encoder and head.

        Args:
            encoder: Encoder; the caller's own copy where it is trained.
            head: Head on what ``tiles.encode`` gives.
            tiles: How tiles reach the encoder.
            is_frozen: Whether only the head is trained; the encoder's normalisation,
                dropout and drop-path layers are then always in evaluation mode.
        """
        self.trained: nn.Module = head
        if not is_frozen:
            self.trained = nn.ModuleList([encoder, head])
        self._encoder = encoder
        self._head = head
        self._tiles = tiles
        self._is_frozen = is_frozen

    def training_pair(
        self, rows: Rows, wanted: Integer[Tensor, "..."], generator: torch.Generator
    ) -> tuple[Float[Tensor, "tiles outputs *map"], Integer[Tensor, "..."]]:
        """Logits of augmented tiles, with gradients, and their targets.

        Args:
            rows: Tiles.
            wanted: Their targets; a map of pixels moves with its tile.
            generator: Source of the augmentation.

        Returns:
            Logits, a row a tile, and targets.
        """
        self._encoder.train(not self._is_frozen)
        self._head.train()
        batch = self._tiles.loader.load(rows)
        is_map = wanted.ndim == 3
        if is_map:
            batch[_LABEL] = wanted.unsqueeze(1)
        batch = self._tiles.augment(batch, generator)
        if is_map:
            wanted = batch.pop(_LABEL).squeeze(1)
        return self._forward(batch), wanted

    def logits(self, rows: Rows) -> Float[Tensor, "tiles outputs *map"]:
        """Logits of tiles as they are, layers in evaluation mode.

        Args:
            rows: Tiles of one batch.

        Returns:
            One row a tile.
        """
        self._encoder.eval()
        self._head.eval()
        with torch.no_grad():
            return self._forward(self._tiles.loader.load(rows))

    def _forward(self, images: Batch) -> Float[Tensor, "tiles outputs *map"]:
        device = next(iter(images.values())).device
        with autocast(device, self._tiles.precision):
            with torch.set_grad_enabled(
                torch.is_grad_enabled() and not self._is_frozen
            ):
                encoded = self._tiles.encode(self._encoder, images)
            logits: Tensor = self._head(encoded)
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

    def training_pair(
        self, rows: Rows, wanted: Integer[Tensor, "..."], generator: torch.Generator
    ) -> tuple[Float[Tensor, "tiles outputs"], Integer[Tensor, "..."]]:
        """Logits of tiles, with gradients; a probe's features are not augmented.

        Args:
            rows: Tiles.
            wanted: Their targets.
            generator: Not drawn from.

        Returns:
            Logits, a row a tile, and the targets as they came.
        """
        logits: Tensor = self.trained(self._features[torch.from_numpy(rows)])
        return logits, wanted

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
    precision: str,
) -> Float[Tensor, "tiles features"]:
    """Features of every tile, normalisation and dropout layers in evaluation mode.

    Args:
        encoder: Encoder; left unchanged.
        loader: Reads the tiles.
        num_tiles: Tiles of the store.
        scale_rows: Tiles whose features get zero mean and unit deviation a dimension:
            the training places', whose labels are not used here.
        precision: "float32" or "bfloat16".

    Returns:
        Standardised features, a row a tile; a constant dimension stays 0.
    """
    features = encode_tiles(encoder, loader, np.arange(num_tiles), precision=precision)
    reference = features[torch.from_numpy(scale_rows)]
    sd = reference.std(dim=0, correction=0)
    return (features - reference.mean(dim=0)) / torch.where(sd > 0, sd, 1.0)
