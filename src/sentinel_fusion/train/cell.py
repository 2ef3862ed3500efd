"""One cell of the ablation: an arm, a task and a label fraction, all seeds and uses."""

import copy
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import pandas as pd
import torch
from jaxtyping import Int64, Integer

from sentinel_fusion.data.augment import Augment
from sentinel_fusion.data.loader import BatchLoader
from sentinel_fusion.data.splits import subset_size
from sentinel_fusion.models.fusion import FusedEncoder
from sentinel_fusion.models.heads import linear_head
from sentinel_fusion.train.checkpoint import Checkpoints
from sentinel_fusion.train.fit import Fit, FitData, FitSettings, Task, fit, predict
from sentinel_fusion.train.learners import (
    USES,
    FineTuned,
    Learner,
    LinearProbe,
    Rows,
    frozen_features,
)


@runtime_checkable
class CellTask(Task, Protocol):
    """What every task module ``tasks/<name>.py`` offers to a cell."""

    NUM_OUTPUTS: int


@dataclass(frozen=True)
class CellData:
    """Labelled tiles by split.

    Args:
        loader: Reads the tiles, scaled for the encoder.
        targets: Target of every tile of the store.
        val_rows: Tiles of the validation places.
        test_rows: Tiles of the test places.
        label_orders: Seed -> training tiles in label order.
    """

    loader: BatchLoader
    targets: Int64[np.ndarray, "tiles ..."]
    val_rows: Integer[np.ndarray, " val"]
    test_rows: Integer[np.ndarray, " test"]
    label_orders: dict[int, Integer[np.ndarray, " train"]]


@dataclass(frozen=True)
class CellSettings:
    """Size and budget of a cell.

    Args:
        label_frac: Share of the training tiles whose labels are used.
        learning_rates: Candidates, chosen among with the first seed on validation
            tiles, for each use of the encoder.
        fit: Budget of every fit.
        augment: Changes a training batch of the fine-tuned use.
        precision: "float32" or "bfloat16", of the fine-tuned use.
    """

    label_frac: float
    learning_rates: tuple[float, ...]
    fit: FitSettings
    augment: Augment
    precision: str


@dataclass(frozen=True)
class CellResult:
    """What a cell leaves.

    Args:
        predictions: Probabilities of the validation and test tiles: "use", "seed",
            "split", "row", "p0", "p1" ...
        curves: Validation curves: "use", "seed", "learning_rate", "chosen", "step",
            "loss", "val_score".
        cost: "parameters" and "labels"; no time, so that the same work leaves the same
            bytes and DVC finds them unchanged in every clone.
    """

    predictions: pd.DataFrame
    curves: pd.DataFrame
    cost: dict[str, int]


def run_cell(
    encoder: FusedEncoder,
    task: CellTask,
    data: CellData,
    settings: CellSettings,
    checkpoints: Checkpoints,
) -> CellResult:
    """Fit every seed and both uses of an encoder, and predict once with each best fit.

    Args:
        encoder: The arm's encoder, on its device; left unchanged.
        task: The task.
        data: Labelled tiles by split.
        settings: Size and budget.
        checkpoints: Where finished fits of an interrupted cell are found.

    Returns:
        Predictions, curves and cost.
    """
    any_order = next(iter(data.label_orders.values()))
    features = frozen_features(
        encoder,
        data.loader,
        num_tiles=len(data.targets),
        scale_rows=any_order,
        batch_size=settings.fit.batch_size,
    )
    trials = _Trials(encoder, features, task, data, settings, checkpoints)
    predictions, curves = [], []
    for use in USES:
        learning_rate, search = trials.choose_learning_rate(use)
        curves += search
        for seed in data.label_orders:
            fitted, tables = trials.predict(use, seed, learning_rate)
            curves.append(_curve(fitted, use, seed, learning_rate, is_chosen=True))
            predictions += tables
    return CellResult(
        predictions=pd.concat(predictions, ignore_index=True),
        curves=pd.concat(curves, ignore_index=True),
        cost={
            "parameters": sum(p.numel() for p in encoder.parameters()),
            "labels": subset_size(settings.label_frac, len(any_order)),
        },
    )


class _Trials:
    """Fits of one cell, each found in the checkpoints or done and saved there."""

    def __init__(
        self,
        encoder: FusedEncoder,
        features: torch.Tensor,
        task: CellTask,
        data: CellData,
        settings: CellSettings,
        checkpoints: Checkpoints,
    ) -> None:
        self._encoder = encoder
        self._features = features
        self._task = task
        self._data = data
        self._settings = settings
        self._checkpoints = checkpoints

    def choose_learning_rate(self, use: str) -> tuple[float, list[pd.DataFrame]]:
        seed = next(iter(self._data.label_orders))
        fits = {
            rate: self._fit(use, seed, rate) for rate in self._settings.learning_rates
        }
        best = max(fits, key=lambda rate: fits[rate].val_score)
        others = [
            _curve(fitted, use, seed, rate, is_chosen=False)
            for rate, fitted in fits.items()
            if rate != best
        ]
        return best, others

    def predict(
        self, use: str, seed: int, learning_rate: float
    ) -> tuple[Fit, list[pd.DataFrame]]:
        fitted = self._fit(use, seed, learning_rate)
        learner = self._learner(use, seed)
        learner.trained.load_state_dict(fitted.best)
        splits = {"val": self._data.val_rows, "test": self._data.test_rows}
        return fitted, [
            _prediction_rows(predict(learner, self._task, rows), rows).assign(
                use=use, seed=seed, split=split
            )
            for split, rows in splits.items()
        ]

    def _fit(self, use: str, seed: int, learning_rate: float) -> Fit:
        name = f"{use}-{seed}-{learning_rate}"
        saved = self._checkpoints.load(name)
        if saved is not None:
            return Fit(**saved)
        order = self._data.label_orders[seed]
        labels = subset_size(self._settings.label_frac, len(order))
        fitted = fit(
            self._learner(use, seed),
            self._task,
            FitData(order[:labels], self._data.val_rows, self._data.targets),
            self._settings.fit,
            learning_rate=learning_rate,
            seed=seed,
        )
        self._checkpoints.save(name, vars(fitted))
        return fitted

    def _learner(self, use: str, seed: int) -> Learner:
        device = self._features.device
        head = linear_head(self._encoder.num_features, self._task.NUM_OUTPUTS, seed)
        head = head.to(device)
        if use == "frozen":
            return LinearProbe(self._features, head)
        return FineTuned(
            copy.deepcopy(self._encoder),
            head,
            self._data.loader,
            self._settings.augment,
            batch_size=self._settings.fit.batch_size,
            precision=self._settings.precision,
        )


def _curve(
    fitted: Fit, use: str, seed: int, learning_rate: float, *, is_chosen: bool
) -> pd.DataFrame:
    return pd.DataFrame(fitted.curve).assign(
        use=use, seed=seed, learning_rate=learning_rate, chosen=is_chosen
    )


def _prediction_rows(probability: np.ndarray, rows: Rows) -> pd.DataFrame:
    table = pd.DataFrame(
        probability, columns=[f"p{code}" for code in range(probability.shape[1])]
    )
    table.insert(0, "row", rows)
    return table
