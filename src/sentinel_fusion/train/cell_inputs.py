"""What a cell works on: a task, labelled tiles by split, and a budget."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import pandas as pd
from jaxtyping import Integer
from torch import nn

from sentinel_fusion.data.augment import Augment
from sentinel_fusion.data.loader import Batch, BatchLoader, TileStore
from sentinel_fusion.models.fusion import FusedEncoder
from sentinel_fusion.train.fit import FitSettings, Task


@runtime_checkable
class CellTask(Task, Protocol):
    """What every task module ``tasks/<name>.py`` offers to a cell."""

    ON_MAPS: bool

    def targets(self, store: TileStore) -> np.ndarray:
        """Target of every tile of a store."""
        ...

    def encode(self, encoder: FusedEncoder, images: Batch) -> Any:  # noqa: ANN401
        """What the head takes: pooled features, or feature maps."""
        ...

    def build_head(
        self,
        encoder: FusedEncoder,
        *,
        decoder: Callable[..., nn.Module],
        seed: int,
    ) -> nn.Module:
        """A head with seeded initial weights."""
        ...

    def prediction_columns(
        self, probability: np.ndarray, wanted: np.ndarray
    ) -> pd.DataFrame:
        """Probabilities and targets as the prediction table holds them."""
        ...


@dataclass(frozen=True)
class CellData:
    """Labelled tiles by split.

    Args:
        loader: Reads the tiles, scaled for the encoder.
        targets: Target of every tile of the store.
        val_rows: Tiles of the validation places.
        test_rows: Tiles of the test places.
        label_orders: Seed -> training tiles in label order.
        label_rows: Seed -> the tiles whose labels those are trained with.
    """

    loader: BatchLoader
    targets: Integer[np.ndarray, "tiles ..."]
    val_rows: Integer[np.ndarray, " val"]
    test_rows: Integer[np.ndarray, " test"]
    label_orders: dict[int, Integer[np.ndarray, " train"]]
    label_rows: dict[int, Integer[np.ndarray, " train"]]


@dataclass(frozen=True)
class CellSettings:
    """Size and budget of a cell.

    Args:
        label_frac: Share of the training tiles whose labels are used.
        learning_rates: Candidates, chosen among with the first seed on validation
            tiles, for each use of the encoder.
        fit: Budget of every fit.
        augment: Changes a training batch, wherever the encoder sees images.
        precision: "float32" or "bfloat16", wherever the encoder sees images.
        decoder: Makes the decoder of a task on feature maps.
    """

    label_frac: float
    learning_rates: tuple[float, ...]
    fit: FitSettings
    augment: Augment
    precision: str
    decoder: Callable[..., nn.Module]
