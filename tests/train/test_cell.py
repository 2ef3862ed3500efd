from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from sentinel_fusion.data.augment import build_augment
from sentinel_fusion.data.loader import Batch, BatchLoader, TileStore
from sentinel_fusion.tasks import multi_label, single_label
from sentinel_fusion.train.arms import ArmConfig, build_encoder
from sentinel_fusion.train.cell import CellData, CellResult, CellSettings, run_cell
from sentinel_fusion.train.checkpoint import Checkpoints
from sentinel_fusion.train.fit import FitSettings

TRAIN, VAL, TEST = (np.arange(start, 48, 3) for start in range(3))
SETTINGS = CellSettings(
    label_frac=0.5,
    learning_rates=(0.01, 0.001),
    fit=FitSettings(
        steps=6, batch_size=8, weight_decay=0.0, eval_every=3, warmup_frac=0.1
    ),
    augment=build_augment("d4", None),
    precision="float32",
)


@pytest.fixture(scope="module")
def data(store: TileStore, loader: BatchLoader) -> CellData:
    targets = single_label.targets(store.index(single_label.TARGET_COLUMNS))
    orders = {7: TRAIN, 8: TRAIN[::-1].copy()}
    return CellData(loader, targets, VAL, TEST, orders)


@pytest.fixture
def result(arm: ArmConfig, data: CellData, tmp_path: Path) -> CellResult:
    checkpoints = Checkpoints(tmp_path, "cell", every_s=0)
    return run_cell(build_encoder(arm), single_label, data, SETTINGS, checkpoints)


def test_every_use_and_seed_predicts_every_test_tile_once(result: CellResult) -> None:
    test = result.predictions[result.predictions["split"] == "test"]
    counts = test.groupby(["use", "seed"])["row"].apply(list)
    expected = {(use, seed) for use in ("finetuned", "frozen") for seed in (7, 8)}
    assert set(counts.index) == expected
    assert all(sorted(rows) == TEST.tolist() for rows in counts)


def test_validation_tiles_are_predicted_too(result: CellResult) -> None:
    val = result.predictions[result.predictions["split"] == "val"]
    assert set(val["row"]) == set(VAL.tolist())


def test_probabilities_sum_to_one(result: CellResult) -> None:
    total = result.predictions[[f"p{code}" for code in range(8)]].sum(axis=1)
    assert np.allclose(total, 1, atol=1e-5)


def test_all_seeds_use_the_rate_chosen_with_the_first(result: CellResult) -> None:
    chosen = result.curves[result.curves["chosen"]]
    assert (chosen.groupby("use")["learning_rate"].nunique() == 1).all()
    assert set(chosen["seed"]) == {7, 8}


def test_the_chosen_rate_has_the_best_validation_score(result: CellResult) -> None:
    first = result.curves[result.curves["seed"] == 7]
    best = first.groupby(["use", "chosen"])["val_score"].max().unstack()
    assert (best[True] >= best[False]).all()


def test_every_candidate_keeps_its_validation_curve(result: CellResult) -> None:
    rates = result.curves.groupby("use")["learning_rate"].agg(set)
    assert all(rates[use] == {0.01, 0.001} for use in ("finetuned", "frozen"))


def test_one_label_is_enough_to_train(
    arm: ArmConfig, data: CellData, tmp_path: Path
) -> None:
    checkpoints = Checkpoints(tmp_path, "cell", every_s=0)
    one = replace(SETTINGS, label_frac=0.01)
    result = run_cell(build_encoder(arm), single_label, data, one, checkpoints)
    assert result.cost["labels"] == 1


def test_the_number_of_labels_is_reported(result: CellResult) -> None:
    assert result.cost["labels"] == len(TRAIN) / 2


def test_the_encoder_is_left_unchanged(
    arm: ArmConfig, data: CellData, tmp_path: Path
) -> None:
    encoder = build_encoder(arm)
    before = {name: w.clone() for name, w in encoder.state_dict().items()}
    checkpoints = Checkpoints(tmp_path, "cell", every_s=0)
    run_cell(encoder, single_label, data, SETTINGS, checkpoints)
    assert all((w == before[name]).all() for name, w in encoder.state_dict().items())


def test_an_interrupted_cell_takes_finished_fits_from_the_checkpoints(
    arm: ArmConfig, data: CellData, tmp_path: Path
) -> None:
    def run(settings: CellSettings) -> CellResult:
        checkpoints = Checkpoints(tmp_path, "cell", every_s=0)
        encoder = build_encoder(arm)
        return run_cell(encoder, single_label, data, settings, checkpoints)

    first = run(SETTINGS)

    def never_called(images: Batch, generator: torch.Generator) -> Batch:
        raise AssertionError

    never = replace(SETTINGS, augment=never_called)
    assert run(never).predictions.equals(first.predictions)


def test_a_cell_runs_any_task(
    arm: ArmConfig, store: TileStore, data: CellData, tmp_path: Path
) -> None:
    targets = multi_label.targets(store.index(multi_label.TARGET_COLUMNS))
    checkpoints = Checkpoints(tmp_path, "cell", every_s=0)
    result = run_cell(
        build_encoder(arm),
        multi_label,
        replace(data, targets=targets),
        SETTINGS,
        checkpoints,
    )
    assert result.curves["val_score"].between(0, 1).all()


def test_same_seeds_give_the_same_predictions(
    arm: ArmConfig, data: CellData, tmp_path: Path
) -> None:
    first, second = (
        run_cell(
            build_encoder(arm),
            single_label,
            data,
            SETTINGS,
            Checkpoints(tmp_path, name, every_s=0),
        )
        for name in ("a", "b")
    )
    assert first.predictions.equals(second.predictions)
