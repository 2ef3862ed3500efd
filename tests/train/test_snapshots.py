from pathlib import Path

import numpy as np
import pytest
import torch
from tests.builders import unit_normalisation
from torch import nn

from sentinel_fusion.data.augment import build_augment
from sentinel_fusion.data.loader import BatchLoader
from sentinel_fusion.train.arms import ArmConfig, build_method
from sentinel_fusion.train.checkpoint import Checkpoints
from sentinel_fusion.train.one_rank import OneRank
from sentinel_fusion.train.pretrain import Observer, PretrainSettings, pretrain
from sentinel_fusion.train.pretrain_data import PretrainData
from sentinel_fusion.train.snapshots import (
    Snapshots,
    list_snapshots,
    load_snapshot,
    snapshot_epochs,
)
from sentinel_fusion.train.watch import Curve

ONE = OneRank(torch.device("cpu"))
EPOCHS = 3
SETTINGS = PretrainSettings(
    epochs=EPOCHS,
    batch_size=8,
    micro_batch=0,
    learning_rate=0.003,
    weight_decay=0.0,
    warmup_steps=2,
    seed=0,
    precision="float32",
    compile="auto",
)


@pytest.fixture
def data(loader: BatchLoader) -> PretrainData:
    return PretrainData(
        loader=loader,
        train_rows=np.arange(16, 32),
        val_rows=np.arange(8),
        tile_ids=np.arange(48).astype(str),
        augment=build_augment("d4", None),
    )


def _build(arm: ArmConfig) -> nn.Module:
    return build_method(arm, unit_normalisation())


def _collector(folder: Path, every: int) -> Snapshots:
    return Snapshots(Checkpoints(folder, "a", every_s=0), epochs=EPOCHS, every=every)


def _train(
    arm: ArmConfig, data: PretrainData, folder: Path, *observers: Observer
) -> nn.Module:
    method, checkpoints = _build(arm), Checkpoints(folder, "a", every_s=0)
    pretrain(method, data, SETTINGS, ONE, checkpoints, observers)
    return method


class InterruptedRunError(Exception):
    pass


def _kill_after_second_epoch(method: nn.Module, curve: Curve) -> None:
    if len(curve) == 2:
        raise InterruptedRunError


@pytest.mark.parametrize(
    ("epochs", "every", "expected"),
    [(8, 2, [2, 4, 6, 8]), (7, 3, [3, 6, 7]), (3, 5, [3]), (1, 1, [1])],
)
def test_snapshots_are_regular_and_the_last_epoch_has_one(
    epochs: int, every: int, expected: list[int]
) -> None:
    assert snapshot_epochs(epochs, every) == expected


def test_a_snapshot_gives_the_projections_of_its_method(
    arm: ArmConfig, data: PretrainData, tmp_path: Path
) -> None:
    snapshots = _collector(tmp_path / "side", every=2)
    trained = _train(arm, data, tmp_path / "side", snapshots)
    snapshots.write(tmp_path / "out")
    loaded = _build(arm)
    load_snapshot(loaded, list_snapshots(tmp_path / "out")[EPOCHS])
    images = data.loader.load(data.val_rows)
    expected, found = (m.eval().project(images) for m in (trained, loaded))  # type: ignore[operator]
    assert all(map(torch.equal, expected, found))


def test_a_killed_run_leaves_the_snapshots_of_an_unbroken_one(
    arm: ArmConfig, data: PretrainData, tmp_path: Path
) -> None:
    unbroken = _collector(tmp_path / "1", every=1)
    _train(arm, data, tmp_path / "1", unbroken)
    unbroken.write(tmp_path / "unbroken")
    killed = _collector(tmp_path / "2", every=1)
    with pytest.raises(InterruptedRunError):
        _train(arm, data, tmp_path / "2", killed, _kill_after_second_epoch)
    resumed = _collector(tmp_path / "2", every=1)
    _train(arm, data, tmp_path / "2", resumed)
    resumed.write(tmp_path / "resumed")
    expected, found = (
        {epoch: file.read_bytes() for epoch, file in list_snapshots(folder).items()}
        for folder in (tmp_path / "unbroken", tmp_path / "resumed")
    )
    assert list(found) == [1, 2, 3]
    assert found == expected


def test_a_lost_snapshot_is_named(arm: ArmConfig, tmp_path: Path) -> None:
    snapshots = _collector(tmp_path / "side", every=1)
    snapshots(_build(arm), [{}])
    with pytest.raises(FileNotFoundError, match=r"snapshot of epoch 2 for .* is gone"):
        snapshots.write(tmp_path / "out")


def test_an_untrained_arm_has_no_snapshots(tmp_path: Path) -> None:
    assert list_snapshots(tmp_path) == {}
