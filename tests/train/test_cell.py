from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from tests.train.cell_cases import QUICK, SETTINGS, TEST, TRAIN, VAL, labelled_tiles

from sentinel_fusion.data.loader import BatchLoader, TileStore
from sentinel_fusion.metrics.segmentation import from_predictions
from sentinel_fusion.tasks import multi_label, segmentation, single_label
from sentinel_fusion.train.arms import ArmConfig, build_encoder
from sentinel_fusion.train.cell import CellPart, cell_cost, run_cell
from sentinel_fusion.train.cell_inputs import CellData, CellSettings, CellTask
from sentinel_fusion.train.checkpoint import Checkpoints

RUNS = [("finetuned", 7), ("finetuned", 8), ("frozen", 7), ("frozen", 8)]
PROBABILITIES = [f"p{code}" for code in range(8)]
TASKS: list[ModuleType] = [single_label, multi_label, segmentation]


@pytest.fixture(scope="module")
def data(store: TileStore, loader: BatchLoader) -> CellData:
    return labelled_tiles(store, loader)


def _of_task(data: CellData, task: ModuleType, store: TileStore) -> CellData:
    return replace(data, targets=task.targets(store))


def _run(
    arm: ArmConfig,
    data: CellData,
    folder: Path,
    settings: CellSettings = SETTINGS,
    task: CellTask = single_label,
) -> list[CellPart]:
    checkpoints = Checkpoints(folder, "cell", every_s=0)
    shared = Checkpoints(folder, "features", every_s=0)
    return list(run_cell(build_encoder(arm), task, data, settings, checkpoints, shared))


def _predictions(parts: Sequence[CellPart]) -> pd.DataFrame:
    return pd.concat([part.predictions for part in parts], ignore_index=True)


def _curves(parts: Sequence[CellPart]) -> pd.DataFrame:
    tables = [table for part in parts for table in part.curves]
    return pd.concat(tables, ignore_index=True)


def _runs(parts: Sequence[CellPart]) -> list[tuple[str, int, str]]:
    """Use, seed and split of every part."""
    keys = ["use", "seed", "split"]
    return [tuple(part.predictions[keys].iloc[0]) for part in parts]


@pytest.fixture(scope="module")
def results(
    arm: ArmConfig, data: CellData, tmp_path_factory: pytest.TempPathFactory
) -> list[CellPart]:
    return _run(arm, data, tmp_path_factory.mktemp("cell"))


@pytest.fixture(scope="module")
def segmented(
    arm: ArmConfig,
    store: TileStore,
    data: CellData,
    tmp_path_factory: pytest.TempPathFactory,
) -> list[CellPart]:
    given = _of_task(data, segmentation, store)
    folder = tmp_path_factory.mktemp("segmentation")
    return _run(arm, given, folder, QUICK, segmentation)


@pytest.fixture(scope="module")
def predictions(results: list[CellPart]) -> pd.DataFrame:
    return _predictions(results)


@pytest.fixture(scope="module")
def curves(results: list[CellPart]) -> pd.DataFrame:
    return _curves(results)


def test_a_part_has_tiles_of_one_use_seed_and_split(results: list[CellPart]) -> None:
    runs = [(*run, split) for run in RUNS for split in ("val", "test")]
    assert _runs(results) == runs
    for part, run in zip(results, runs, strict=True):
        named = part.predictions[["use", "seed", "split"]]
        assert named.drop_duplicates().to_numpy().tolist() == [list(run)]


def test_every_use_and_seed_predicts_every_test_tile_once(
    predictions: pd.DataFrame,
) -> None:
    test = predictions[predictions["split"] == "test"]
    counts = test.groupby(["use", "seed"])["row"].apply(list)
    assert set(counts.index) == set(RUNS)
    assert all(sorted(rows) == TEST.tolist() for rows in counts)


def test_validation_tiles_are_predicted_too(predictions: pd.DataFrame) -> None:
    val = predictions[predictions["split"] == "val"]
    assert set(val["row"]) == set(VAL.tolist())


def test_probabilities_sum_to_one(predictions: pd.DataFrame) -> None:
    total = predictions[PROBABILITIES].sum(axis=1)
    assert np.allclose(total, 1, atol=1e-5)


def test_predictions_stand_beside_their_targets(
    predictions: pd.DataFrame, data: CellData
) -> None:
    wanted = data.targets[predictions["row"]]
    assert predictions["majority"].tolist() == wanted.tolist()


def test_all_seeds_use_the_rate_chosen_with_the_first(curves: pd.DataFrame) -> None:
    chosen = curves[curves["chosen"]]
    assert (chosen.groupby("use")["learning_rate"].nunique() == 1).all()
    assert set(chosen["seed"]) == {7, 8}


def test_the_chosen_rate_has_the_best_validation_score(curves: pd.DataFrame) -> None:
    first = curves[curves["seed"] == 7]
    best = first.groupby(["use", "chosen"])["val_score"].max().unstack()
    assert (best[True] >= best[False]).all()


def test_every_candidate_keeps_its_validation_curve(curves: pd.DataFrame) -> None:
    rates = curves.groupby("use")["learning_rate"].agg(set)
    assert all(rates[use] == {0.01, 0.001} for use in ("finetuned", "frozen"))


def test_one_label_is_enough_to_train(
    arm: ArmConfig, data: CellData, tmp_path: Path
) -> None:
    one = replace(SETTINGS, label_frac=0.01)
    assert len(_run(arm, data, tmp_path, one)) == 2 * len(RUNS)
    assert cell_cost(build_encoder(arm), single_label, data, one)["labels"] == 1


def test_the_number_of_labels_is_reported(arm: ArmConfig, data: CellData) -> None:
    cost = cell_cost(build_encoder(arm), single_label, data, SETTINGS)
    assert cost["labels"] == len(TRAIN) / 2


@pytest.mark.parametrize("task", TASKS)
def test_the_cost_counts_encoder_and_head(
    arm: ArmConfig, data: CellData, task: CellTask
) -> None:
    encoder = build_encoder(arm)
    head = task.build_head(encoder, decoder=SETTINGS.decoder, seed=0)
    parts = [*encoder.parameters(), *head.parameters()]
    cost = cell_cost(encoder, task, data, SETTINGS)
    assert cost["parameters"] == sum(p.numel() for p in parts)


def test_the_arithmetic_is_a_tiles_whatever_the_batch(
    arm: ArmConfig, data: CellData
) -> None:
    encoder = build_encoder(arm)
    larger = replace(SETTINGS, fit=replace(SETTINGS.fit, batch_size=16))
    first, second = (
        cell_cost(encoder, single_label, data, s)["gflops"] for s in (SETTINGS, larger)
    )
    assert first == second > 0


def test_a_decoder_costs_more_arithmetic_than_a_linear_head(
    arm: ArmConfig, data: CellData
) -> None:
    encoder = build_encoder(arm)
    linear, decoder = (
        cell_cost(encoder, task, data, SETTINGS)["gflops"]
        for task in (single_label, segmentation)
    )
    assert decoder > linear


@pytest.mark.parametrize("task", TASKS)
def test_the_encoder_is_left_unchanged(
    arm: ArmConfig, store: TileStore, data: CellData, tmp_path: Path, task: ModuleType
) -> None:
    encoder = build_encoder(arm)
    before = {name: w.clone() for name, w in encoder.state_dict().items()}
    checkpoints = Checkpoints(tmp_path, "cell", every_s=0)
    shared = Checkpoints(tmp_path, "features", every_s=0)
    given = _of_task(data, task, store)
    list(run_cell(encoder, task, given, QUICK, checkpoints, shared))
    assert all((w == before[name]).all() for name, w in encoder.state_dict().items())


def test_a_cell_runs_on_several_targets_a_tile(
    arm: ArmConfig, store: TileStore, data: CellData, tmp_path: Path
) -> None:
    given = _of_task(data, multi_label, store)
    parts = _run(arm, given, tmp_path, QUICK, multi_label)
    assert _curves(parts)["val_score"].between(0, 1).all()


def test_both_uses_are_run_on_maps(segmented: list[CellPart]) -> None:
    assert sorted({run[:2] for run in _runs(segmented)}) == RUNS
    assert _curves(segmented)["val_score"].between(0, 1).all()


def test_a_segmented_tile_has_probabilities_for_every_pixel(
    segmented: list[CellPart],
) -> None:
    probability, _ = from_predictions(segmented[-1].predictions)
    assert probability.shape == (len(TEST), 8 * 8, 8)


def test_a_segmented_tile_stands_beside_its_labels(
    segmented: list[CellPart], store: TileStore
) -> None:
    table = segmented[-1].predictions
    wanted = store.labels()[table["row"]].reshape(len(table), -1)
    assert np.array_equal(from_predictions(table)[1], wanted)


@pytest.mark.parametrize("task", [single_label, segmentation])
def test_same_seeds_give_the_same_predictions(
    arm: ArmConfig, store: TileStore, data: CellData, tmp_path: Path, task: ModuleType
) -> None:
    given = _of_task(data, task, store)
    first, second = (
        _predictions(_run(arm, given, tmp_path / name, QUICK, task))
        for name in ("a", "b")
    )
    assert first.equals(second)
