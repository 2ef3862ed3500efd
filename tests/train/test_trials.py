import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from tests.train.cell_cases import SETTINGS, labelled_tiles

from sentinel_fusion.data.loader import Batch, BatchLoader, TileStore
from sentinel_fusion.tasks import single_label
from sentinel_fusion.train import passes
from sentinel_fusion.train import trials as trials_module
from sentinel_fusion.train.arms import ArmConfig, build_encoder
from sentinel_fusion.train.cell_inputs import CellData, CellSettings
from sentinel_fusion.train.checkpoint import Checkpoints
from sentinel_fusion.train.fit import Fit, fit
from sentinel_fusion.train.trials import Trials
from sentinel_fusion.uses import USES

SEED, RATE = 7, 0.01
PROBABILITIES = [f"p{code}" for code in range(8)]


@pytest.fixture(scope="module")
def data(store: TileStore, loader: BatchLoader) -> CellData:
    return labelled_tiles(store, loader)


def _trials(
    arm: ArmConfig, data: CellData, folder: Path, settings: CellSettings = SETTINGS
) -> Trials:
    encoder, fits = build_encoder(arm), Checkpoints(folder, "cell", every_s=0)
    trials = Trials(encoder, single_label, data, settings, fits)
    trials.read_features(_shared(folder))
    return trials


def _shared(folder: Path) -> Checkpoints:
    return Checkpoints(folder, "features", every_s=0)


def _predict(trials: Trials, fitted: Fit) -> list[pd.DataFrame]:
    return list(trials.predict("finetuned", SEED, fitted))


@pytest.mark.parametrize("use", USES)
def test_the_rate_with_the_best_validation_score_is_chosen(
    arm: ArmConfig, data: CellData, tmp_path: Path, use: str
) -> None:
    trials = _trials(arm, data, tmp_path)
    rate, (lost,) = trials.choose_learning_rate(use)
    assert {rate, *lost["learning_rate"]} == set(SETTINGS.learning_rates)
    assert trials.fit(use, SEED, rate).val_score >= lost["val_score"].max()


@pytest.mark.parametrize("use", USES)
def test_one_fit_is_held_while_the_rate_is_chosen(
    arm: ArmConfig,
    data: CellData,
    tmp_path: Path,
    use: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[weakref.ref[Fit]] = []
    held: list[int] = []

    def watched_fit(*args: Any, **options: Any) -> Fit:  # noqa: ANN401
        held.append(sum(fitted() is not None for fitted in seen))
        fitted = fit(*args, **options)
        seen.append(weakref.ref(fitted))
        return fitted

    monkeypatch.setattr(trials_module, "fit", watched_fit)
    rates = replace(SETTINGS, learning_rates=(0.001, 0.003, 0.01))
    _trials(arm, data, tmp_path, rates).choose_learning_rate(use)
    assert held == [0, 0, 0]


def test_a_finished_fit_is_taken_from_the_checkpoints(
    arm: ArmConfig, data: CellData, tmp_path: Path
) -> None:
    first = _trials(arm, data, tmp_path).fit("finetuned", SEED, RATE)

    def never_called(images: Batch, generator: torch.Generator) -> Batch:
        raise AssertionError

    never = replace(SETTINGS, augment=never_called)
    again = _trials(arm, data, tmp_path, never).fit("finetuned", SEED, RATE)
    assert again.curve == first.curve
    assert torch.equal(again.val_probability, first.val_probability)


def test_cells_of_an_encoder_share_its_frozen_features(
    arm: ArmConfig, data: CellData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = replace(SETTINGS, label_frac=1.0)
    alone = _trials(arm, data, tmp_path / "alone", other).fit("frozen", SEED, RATE)
    _trials(arm, data, tmp_path)
    monkeypatch.delattr(trials_module, "frozen_features")
    shared = _trials(arm, data, tmp_path, other).fit("frozen", SEED, RATE)
    assert torch.equal(shared.val_probability, alone.val_probability)


def test_parts_of_few_tiles_are_predicted_as_one_of_all(
    arm: ArmConfig, data: CellData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trials = _trials(arm, data, tmp_path)
    fitted = trials.fit("finetuned", SEED, RATE)
    theirs = pd.concat(_predict(trials, fitted), ignore_index=True)
    few = 5
    monkeypatch.setattr(passes, "TILES_A_PASS", few)
    monkeypatch.setattr(trials_module, "PART_BYTES", 1)
    parts = _predict(trials, fitted)
    assert max(len(part) for part in parts) == few
    ours = pd.concat(parts, ignore_index=True)
    assert np.allclose(ours[PROBABILITIES], theirs[PROBABILITIES], atol=1e-5)
    rest = [name for name in theirs if name not in PROBABILITIES]
    assert ours[rest].equals(theirs[rest])
