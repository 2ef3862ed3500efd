"""One cell of the ablation: an arm, a task and a label fraction, all seeds and uses."""

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import pandas as pd
from jaxtyping import Integer
from torch import nn

from sentinel_fusion.data.augment import Augment
from sentinel_fusion.data.loader import Batch, BatchLoader, TileStore
from sentinel_fusion.data.predictions import PART_BYTES
from sentinel_fusion.data.splits import subset_size
from sentinel_fusion.models.fusion import FusedEncoder
from sentinel_fusion.train.checkpoint import Checkpoints
from sentinel_fusion.train.cost import forward_gflops
from sentinel_fusion.train.fit import (
    TILES_A_PASS,
    Fit,
    FitData,
    FitSettings,
    Task,
    fit,
    join_passes,
    predict_passes,
)
from sentinel_fusion.train.learners import (
    USES,
    ImageInput,
    ImageLearner,
    Learner,
    LinearProbe,
    frozen_features,
)

_FEATURES = "features"


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


@dataclass(frozen=True)
class CellPart:
    """What a cell leaves of some tiles, by one use and seed.

    Args:
        predictions: Probabilities and targets of validation or test tiles: "use",
            "seed", "split", "row", and the task's columns.
        curves: Validation curves of the fits that were done since the part before,
            mostly none: "use", "seed", "learning_rate", "chosen", "augmented", "step",
            "loss", "val_score"; the first seed's with the rates that lost.
    """

    predictions: pd.DataFrame
    curves: list[pd.DataFrame]


def run_cell(
    encoder: FusedEncoder,
    task: CellTask,
    data: CellData,
    settings: CellSettings,
    checkpoints: Checkpoints,
    shared: Checkpoints,
) -> Iterator[CellPart]:
    """Fit every seed and both uses of an encoder, and predict once with each best fit.

    Args:
        encoder: The arm's encoder, on its device; left unchanged.
        task: The task.
        data: Labelled tiles by split.
        settings: Size and budget.
        checkpoints: Where finished fits of an interrupted cell are found.
        shared: Where cells of the same encoder and tiles find its frozen features.

    Yields:
        Parts: by use and seed the validation tiles, then the test tiles.
    """
    trials = _Trials(encoder, task, data, settings, checkpoints)
    if not task.ON_MAPS:
        trials.read_features(shared)
    for use in USES:
        learning_rate, curves = trials.choose_learning_rate(use)
        for seed in data.label_orders:
            fitted = trials.fit(use, seed, learning_rate)
            curves.append(
                trials.curve(fitted, use, seed, learning_rate, is_chosen=True)
            )
            for predictions in trials.predict(use, seed, fitted):
                yield CellPart(predictions, curves)
                curves = []


def cell_cost(
    encoder: FusedEncoder, task: CellTask, data: CellData, settings: CellSettings
) -> dict[str, float]:
    """What a cell's model and labels amount to; no time, which is never the same.

    Args:
        encoder: The arm's encoder.
        task: The task.
        data: Labelled tiles by split.
        settings: Size and budget.

    Returns:
        "parameters" of encoder and head, "labels", the tiles whose labels train, and
        "gflops" of a forward pass of one tile.
    """
    head = task.build_head(encoder, decoder=settings.decoder, seed=0)
    head.to(next(encoder.parameters()).device).eval()
    encoder.eval()
    order = next(iter(data.label_orders.values()))
    tile = data.loader.load(order[:1])
    gflops = forward_gflops(lambda: head(task.encode(encoder, tile)))
    return {
        "parameters": sum(
            p.numel() for part in (encoder, head) for p in part.parameters()
        ),
        "labels": subset_size(settings.label_frac, len(order)),
        "gflops": round(gflops, 6),
    }


class _Trials:
    """Fits of one cell, each found in the checkpoints or done and saved there."""

    def __init__(
        self,
        encoder: FusedEncoder,
        task: CellTask,
        data: CellData,
        settings: CellSettings,
        checkpoints: Checkpoints,
    ) -> None:
        self._encoder = encoder
        self._task = task
        self._data = data
        self._settings = settings
        self._checkpoints = checkpoints
        self._device = next(encoder.parameters()).device
        self._tuned = copy.deepcopy(encoder)
        self._tiles = ImageInput(
            data.loader, settings.augment, task.encode, settings.precision
        )

    def read_features(self, shared: Checkpoints) -> None:
        saved = shared.load(_FEATURES)
        if saved is None:
            features = frozen_features(
                self._encoder,
                self._data.loader,
                num_tiles=len(self._data.targets),
                scale_rows=next(iter(self._data.label_orders.values())),
                batch_size=TILES_A_PASS,
            )
            saved = {_FEATURES: features}
            shared.save(_FEATURES, saved)
        self._features = saved[_FEATURES].to(self._device)

    def choose_learning_rate(self, use: str) -> tuple[float, list[pd.DataFrame]]:
        seed = next(iter(self._data.label_orders))
        fits = {
            rate: self.fit(use, seed, rate) for rate in self._settings.learning_rates
        }
        best = max(fits, key=lambda rate: fits[rate].val_score)
        others = [
            self.curve(fitted, use, seed, rate, is_chosen=False)
            for rate, fitted in fits.items()
            if rate != best
        ]
        return best, others

    def predict(self, use: str, seed: int, fitted: Fit) -> Iterator[pd.DataFrame]:
        learner = self._learner(use, seed)
        learner.trained.load_state_dict(fitted.best)
        data, known = self._data, fitted.val_probability.numpy()
        val = np.split(known, range(TILES_A_PASS, len(known), TILES_A_PASS))
        test = predict_passes(learner, self._task, data.test_rows)
        for split, passes, rows in (
            ("val", val, data.val_rows),
            ("test", test, data.test_rows),
        ):
            start = 0
            for probability in join_passes(passes, PART_BYTES):
                some = rows[start : start + len(probability)]
                start += len(probability)
                table = self._task.prediction_columns(probability, data.targets[some])
                yield table.assign(use=use, seed=seed, split=split, row=some)

    def curve(
        self, fitted: Fit, use: str, seed: int, learning_rate: float, *, is_chosen: bool
    ) -> pd.DataFrame:
        return pd.DataFrame(fitted.curve).assign(
            use=use,
            seed=seed,
            learning_rate=learning_rate,
            chosen=is_chosen,
            augmented=not self._is_probe(use),
        )

    def _is_probe(self, use: str) -> bool:
        return use == "frozen" and not self._task.ON_MAPS

    def fit(self, use: str, seed: int, learning_rate: float) -> Fit:
        name = f"{use}-{seed}-{learning_rate}"
        saved = self._checkpoints.load(name)
        if saved is not None:
            return Fit(**saved)
        order = self._data.label_orders[seed]
        labels = subset_size(self._settings.label_frac, len(order))
        fitted = fit(
            self._learner(use, seed),
            self._task,
            FitData(
                order[:labels],
                self._data.label_rows[seed][:labels],
                self._data.val_rows,
                self._data.targets,
            ),
            self._settings.fit,
            learning_rate=learning_rate,
            seed=seed,
        )
        self._checkpoints.save(name, vars(fitted))
        return fitted

    def _learner(self, use: str, seed: int) -> Learner:
        head = self._task.build_head(
            self._encoder, decoder=self._settings.decoder, seed=seed
        ).to(self._device)
        if use == "finetuned":
            # one copy for all fits, which come one after the other
            self._tuned.load_state_dict(self._encoder.state_dict())
            return ImageLearner(self._tuned, head, self._tiles, is_frozen=False)
        if self._is_probe(use):
            return LinearProbe(self._features, head)
        return ImageLearner(self._encoder, head, self._tiles, is_frozen=True)
