"""Fits of one cell, each found in the checkpoints or done and saved there."""

import copy
from collections.abc import Iterator

import pandas as pd

from sentinel_fusion.data.predictions import PART_BYTES
from sentinel_fusion.data.splits import subset_size
from sentinel_fusion.models.fusion import FusedEncoder
from sentinel_fusion.train.cell_inputs import CellData, CellSettings, CellTask
from sentinel_fusion.train.checkpoint import Checkpoints
from sentinel_fusion.train.fit import (
    Fit,
    FitData,
    fit,
    join_passes,
    predict_passes,
)
from sentinel_fusion.train.learners import (
    ImageInput,
    ImageLearner,
    Learner,
    LinearProbe,
    frozen_features,
)
from sentinel_fusion.train.passes import in_passes

_FEATURES = "features"


class Trials:
    """Fits of one cell, each found in the checkpoints or done and saved there."""

    def __init__(
        self,
        encoder: FusedEncoder,
        task: CellTask,
        data: CellData,
        settings: CellSettings,
        checkpoints: Checkpoints,
    ) -> None:
        """Prepare the fits of a cell.

        Args:
            encoder: The arm's encoder, on its device; left unchanged.
            task: The task.
            data: Labelled tiles by split.
            settings: Size and budget.
            checkpoints: Where finished fits of an interrupted cell are found.
        """
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
        """Find or compute the frozen features that linear probes take.

        Args:
            shared: Where cells of the same encoder and tiles find them.
        """
        saved = shared.load(_FEATURES)
        if saved is None:
            features = frozen_features(
                self._encoder,
                self._data.loader,
                num_tiles=len(self._data.targets),
                scale_rows=next(iter(self._data.label_orders.values())),
                precision=self._settings.precision,
            )
            saved = {_FEATURES: features}
            shared.save(_FEATURES, saved)
        self._features = saved[_FEATURES].to(self._device)

    def choose_learning_rate(self, use: str) -> tuple[float, list[pd.DataFrame]]:
        """The rate that is best on the validation tiles, by the first seed.

        Args:
            use: Use of the encoder, one of ``USES``.

        Returns:
            The rate, and the validation curves of the rates that lost.
        """
        seed = next(iter(self._data.label_orders))
        # no fit is held: the best one's is found in the checkpoints
        tried = {
            rate: self._try(use, seed, rate) for rate in self._settings.learning_rates
        }
        best = max(tried, key=lambda rate: tried[rate][0])
        return best, [curve for rate, (_, curve) in tried.items() if rate != best]

    def predict(self, use: str, seed: int, fitted: Fit) -> Iterator[pd.DataFrame]:
        """Probabilities and targets of the validation tiles, then of the test tiles.

        Args:
            use: Use of the encoder, one of ``USES``.
            seed: Seed of the fit.
            fitted: The fit.

        Yields:
            Some tiles of one split, with the columns of ``CellPart.predictions``.
        """
        learner = self._learner(use, seed)
        learner.trained.load_state_dict(fitted.best)
        data, known = self._data, fitted.val_probability.numpy()
        test = predict_passes(learner, self._task, data.test_rows)
        for split, passes, rows in (
            ("val", in_passes(known), data.val_rows),
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
        """Validation curve of a fit.

        Args:
            fitted: The fit.
            use: Use of the encoder, one of ``USES``.
            seed: Seed of the fit.
            learning_rate: Its learning rate.
            is_chosen: Whether the fit predicts.

        Returns:
            The columns of ``CellPart.curves``.
        """
        return pd.DataFrame(fitted.curve).assign(
            use=use,
            seed=seed,
            learning_rate=learning_rate,
            chosen=is_chosen,
            augmented=not self._is_probe(use),
        )

    def fit(self, use: str, seed: int, learning_rate: float) -> Fit:
        """Find a fit in the checkpoints, or do it and save it there.

        Args:
            use: Use of the encoder, one of ``USES``.
            seed: Orders the labels, and draws weights and batches.
            learning_rate: Peak of the schedule.

        Returns:
            The fit.
        """
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

    def _try(
        self, use: str, seed: int, learning_rate: float
    ) -> tuple[float, pd.DataFrame]:
        """Validation score of a fit, and its curve as that of a rate that lost."""
        fitted = self.fit(use, seed, learning_rate)
        curve = self.curve(fitted, use, seed, learning_rate, is_chosen=False)
        return fitted.val_score, curve

    def _is_probe(self, use: str) -> bool:
        return use == "frozen" and not self._task.ON_MAPS

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
