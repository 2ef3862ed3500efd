from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.builders import unit_normalisation
from torch import Tensor, nn

from sentinel_fusion.data import loader as loader_module
from sentinel_fusion.data.augment import build_augment
from sentinel_fusion.data.loader import Batch, BatchLoader, TileStore
from sentinel_fusion.data.part import Part
from sentinel_fusion.methods.dual_simclr import DualSimCLR
from sentinel_fusion.train import pretrain as pretrain_module
from sentinel_fusion.train.arms import ArmConfig, build_encoder, build_method
from sentinel_fusion.train.checkpoint import Checkpoints
from sentinel_fusion.train.cost import forward_gflops
from sentinel_fusion.train.late_check import LateCheck
from sentinel_fusion.train.one_rank import OneRank
from sentinel_fusion.train.pretrain import (
    PretrainSettings,
    pretrain,
    training_gflops,
)
from sentinel_fusion.train.pretrain_data import PretrainData
from sentinel_fusion.train.watch import Curve

SETTINGS = PretrainSettings(
    epochs=4,
    batch_size=8,
    micro_batch=0,
    learning_rate=0.003,
    weight_decay=0.0,
    warmup_steps=2,
    seed=0,
    precision="float32",
    compile="auto",
)
ONE = OneRank(torch.device("cpu"))


ON_EACH = pytest.mark.parametrize(
    "device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]
)


@pytest.fixture
def data(loader: BatchLoader) -> PretrainData:
    return PretrainData(
        loader=loader,
        train_rows=np.arange(16, 48),
        val_rows=np.arange(16),
        tile_ids=np.array([f"tile-{row}" for row in range(48)]),
        augment=build_augment("d4", None),
    )


def _moved(data: PretrainData, store: TileStore, device: str) -> PretrainData:
    sensors, there = ("s1", "s2"), torch.device(device)
    loader = BatchLoader(store, sensors, store.normalisation, there)
    return replace(data, loader=loader)


def _build(arm: ArmConfig) -> nn.Module:
    return build_method(arm, unit_normalisation())


class InterruptedRunError(Exception):
    pass


def _kill_at(data: PretrainData, batch: int) -> PretrainData:
    calls = iter(range(1000))

    def augment(images: Batch, generator: torch.Generator) -> Batch:
        if next(calls) == batch:
            raise InterruptedRunError
        return data.augment(images, generator)

    return replace(data, augment=augment)


def test_an_interrupted_run_ends_with_the_weights_of_an_unbroken_one(
    arm: ArmConfig, data: PretrainData, tmp_path: Path
) -> None:
    unbroken, resumed = _build(arm), _build(arm)
    pretrain(unbroken, data, SETTINGS, ONE, Checkpoints(tmp_path, "a", every_s=0))
    killed, checkpoints = _kill_at(data, batch=9), Checkpoints(tmp_path, "b", every_s=0)
    with pytest.raises(InterruptedRunError):
        pretrain(resumed, killed, SETTINGS, ONE, checkpoints)
    fresh = _build(arm)
    pretrain(fresh, data, SETTINGS, ONE, Checkpoints(tmp_path, "b", every_s=0))
    expected = unbroken.state_dict()
    assert all(torch.equal(w, expected[name]) for name, w in fresh.state_dict().items())


def test_a_batch_loaded_ahead_changes_no_weight(
    arm: ArmConfig,
    data: PretrainData,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    expected = _trained(arm, data, tmp_path, micro_batch=0).state_dict()
    monkeypatch.setattr(BatchLoader, "is_streamed", True)
    found = _trained(arm, data, tmp_path, micro_batch=0).state_dict()
    assert all(torch.equal(w, expected[name]) for name, w in found.items())


def test_a_resumed_run_does_not_repeat_finished_epochs(
    arm: ArmConfig, data: PretrainData, tmp_path: Path
) -> None:
    checkpoints = Checkpoints(tmp_path, "a", every_s=0)
    pretrain(_build(arm), data, SETTINGS, ONE, checkpoints)
    never = _kill_at(data, batch=0)
    curve = pretrain(_build(arm), never, SETTINGS, ONE, checkpoints)
    assert [row["epoch"] for row in curve] == [1, 2, 3, 4]


def test_training_lowers_the_loss(
    arm: ArmConfig, data: PretrainData, tmp_path: Path
) -> None:
    checkpoints = Checkpoints(tmp_path, "a", every_s=0)
    curve = pretrain(_build(arm), data, SETTINGS, ONE, checkpoints)
    assert curve[-1]["loss"] < curve[0]["loss"]


def test_the_learning_rate_ends_at_zero(
    arm: ArmConfig, data: PretrainData, tmp_path: Path
) -> None:
    checkpoints = Checkpoints(tmp_path, "a", every_s=0)
    curve = pretrain(_build(arm), data, SETTINGS, ONE, checkpoints)
    assert curve[-1]["learning_rate"] == pytest.approx(0, abs=1e-9)


def test_every_epoch_reports_what_is_watched(
    arm: ArmConfig, data: PretrainData, tmp_path: Path
) -> None:
    checkpoints = Checkpoints(tmp_path, "a", every_s=0)
    curve = pretrain(_build(arm), data, SETTINGS, ONE, checkpoints)
    watched = {"retrieval_top1", "retrieval_top5", "spread", "projection_rank"}
    assert all(watched <= set(row) for row in curve)


def _trained(
    arm: ArmConfig, data: PretrainData, folder: Path, micro_batch: int
) -> nn.Module:
    method = _build(arm)
    settings = replace(SETTINGS, epochs=1, micro_batch=micro_batch)
    pretrain(method, data, settings, ONE, Checkpoints(folder, "a", every_s=60))
    return method


def test_a_micro_batch_of_the_whole_batch_is_none(
    arm: ArmConfig, data: PretrainData, tmp_path: Path
) -> None:
    whole, off = (_trained(arm, data, tmp_path, micro) for micro in (8, 0))
    expected = off.state_dict()
    assert all(torch.equal(w, expected[name]) for name, w in whole.state_dict().items())


def test_micro_batches_compare_the_tiles_of_the_whole_batch(
    arm: ArmConfig, data: PretrainData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def loss(self: DualSimCLR, z1: Tensor, z2: Tensor) -> Tensor:
        seen.append((len(z1), len(z2)))
        return (z1 - z2).square().mean()

    monkeypatch.setattr(DualSimCLR, "pair_loss", loss)
    _trained(arm, data, tmp_path, micro_batch=3)
    assert set(seen) == {(8, 8)}


def test_observers_see_the_method_after_every_epoch(
    arm: ArmConfig, data: PretrainData, tmp_path: Path
) -> None:
    seen = []

    def observe(method: nn.Module, curve: Curve) -> None:
        weight = next(method.parameters()).detach()
        seen.append((curve[-1]["epoch"], float(weight.sum())))

    method, checkpoints = _build(arm), Checkpoints(tmp_path, "a", every_s=0)
    pretrain(method, data, SETTINGS, ONE, checkpoints, [observe])
    assert [epoch for epoch, _ in seen] == [1, 2, 3, 4]
    assert seen[-1][1] == float(next(method.parameters()).detach().sum())


@ON_EACH
@pytest.mark.filterwarnings("default")  # of the compiler
def test_bfloat16_and_the_compiler_give_about_the_loss_of_float32(
    arm: ArmConfig, data: PretrainData, store: TileStore, tmp_path: Path, device: str
) -> None:
    losses = []
    for precision, compiling in (("bfloat16", "auto"), ("float32", "off")):
        settings = replace(SETTINGS, epochs=1, precision=precision, compile=compiling)
        curve = pretrain(
            _build(arm),
            _moved(data, store, device),
            settings,
            OneRank(torch.device(device)),
            Checkpoints(tmp_path, precision, every_s=60),
        )
        losses.append(curve[0]["loss"])
    assert losses[0] != losses[1]
    assert losses[0] == pytest.approx(losses[1], rel=0.05)


@ON_EACH
@pytest.mark.filterwarnings("default")
def test_a_checkpoint_of_a_device_goes_on_there(
    arm: ArmConfig, data: PretrainData, store: TileStore, tmp_path: Path, device: str
) -> None:
    there, moved = OneRank(torch.device(device)), _moved(data, store, device)
    unbroken = pretrain(
        _build(arm), moved, SETTINGS, there, Checkpoints(tmp_path, "a", every_s=0)
    )
    checkpoints = Checkpoints(tmp_path, "b", every_s=0)
    with pytest.raises(InterruptedRunError):
        pretrain(_build(arm), _kill_at(moved, batch=9), SETTINGS, there, checkpoints)
    fresh = Checkpoints(tmp_path, "b", every_s=0)
    resumed = pretrain(_build(arm), moved, SETTINGS, there, fresh)
    assert fresh.has_resumed
    for row, expected in zip(resumed, unbroken, strict=True):
        assert row["step"] == expected["step"]
        assert row["loss"] == pytest.approx(expected["loss"], rel=0.01)


@pytest.mark.gpu
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("share", [0.0, 0.5], ids=["streamed", "resident"])
def test_a_gpu_starts_with_the_loss_of_a_cpu(
    arm: ArmConfig,
    data: PretrainData,
    store: TileStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    share: float,
) -> None:
    monkeypatch.setattr(loader_module, "RESIDENT_SHARE", share)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    losses = []
    for device in ("cpu", "cuda"):
        curve = pretrain(
            _build(arm),
            _moved(data, store, device),
            replace(SETTINGS, epochs=1, compile="off"),
            OneRank(torch.device(device)),
            Checkpoints(tmp_path, device, every_s=60),
        )
        losses.append(curve[0]["loss"])
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)


class Explodes(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def training_loss(self, images: dict[str, Tensor]) -> Tensor:
        return self.weight.sum() / 0


def test_a_non_finite_loss_names_the_step_and_the_tiles(
    data: PretrainData, tmp_path: Path
) -> None:
    checkpoints = Checkpoints(tmp_path, "a", every_s=0)
    with pytest.raises(FloatingPointError, match=r"got inf at step 0; .*tile-\d+"):
        pretrain(Explodes(), data, SETTINGS, ONE, checkpoints)


class ExplodesOnce(nn.Module):
    """Its fourth loss is infinite, the last of the first epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))
        self.calls = 0

    def training_loss(self, images: dict[str, Tensor]) -> Tensor:
        self.calls += 1
        return self.weight.sum() / (self.calls != 4)


def test_a_loss_found_late_is_refused_before_anything_of_its_epoch_is_kept(
    data: PretrainData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pretrain_module, "LateCheck", lambda late: LateCheck(late=True))
    method, checkpoints = ExplodesOnce(), Checkpoints(tmp_path, "a", every_s=0)
    observed: list[int] = []
    with pytest.raises(FloatingPointError, match="got inf at step 3; "):
        pretrain(
            method,
            data,
            SETTINGS,
            ONE,
            checkpoints,
            [lambda method, curve: observed.append(len(curve))],
        )
    assert method.calls == 4
    assert observed == []
    assert checkpoints.load("pretrain") is None


def _gflops(
    method: nn.Module,
    data: PretrainData,
    *,
    batch_size: int,
    micro_batch: int = 0,
    ranks: OneRank = ONE,
) -> float:
    budget = replace(SETTINGS, batch_size=batch_size, micro_batch=micro_batch)
    return training_gflops(method, data, budget, ranks)


def test_the_arithmetic_is_that_of_the_whole_step(
    arm: ArmConfig, data: PretrainData
) -> None:
    method = _build(arm).eval()
    images = data.loader.load(data.train_rows[:8])
    step = forward_gflops(lambda: method.training_loss(images))  # type: ignore[operator]
    assert _gflops(method, data, batch_size=8) == pytest.approx(step / 8, abs=1e-6)


@pytest.mark.parametrize("micro_batch", [3, 8])
def test_micro_batches_need_the_arithmetic_of_the_whole_batch(
    arm: ArmConfig, data: PretrainData, micro_batch: int
) -> None:
    method = _build(arm)
    found = _gflops(method, data, batch_size=16, micro_batch=micro_batch)
    assert found == _gflops(method, data, batch_size=16)


def test_a_rank_needs_the_arithmetic_of_its_share(
    arm: ArmConfig, data: PretrainData
) -> None:
    method, half = _build(arm), OneRank(ONE.device, Part(0, 2))
    found = _gflops(method, data, batch_size=16, ranks=half)
    assert found == _gflops(method, data, batch_size=16)


class Counted(DualSimCLR):
    """Remembers how many tiles the networks saw."""

    tiles = 0

    def encode_pairs(self, images: Batch) -> tuple[Tensor, Tensor]:
        self.tiles = len(images["s1"])
        return super().encode_pairs(images)


@pytest.mark.parametrize(("micro_batch", "tiles"), [(0, 16), (3, 3), (32, 16)])
def test_counting_shows_the_networks_a_micro_batch_at_most(
    arm: ArmConfig, data: PretrainData, micro_batch: int, tiles: int
) -> None:
    method = Counted(build_encoder(arm), **arm.method_options)
    _gflops(method, data, batch_size=16, micro_batch=micro_batch)
    assert method.tiles == tiles


class LossAlone(nn.Module):
    """A method that does not say what its loss compares."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 3)

    def training_loss(self, images: Batch) -> Tensor:
        loss: Tensor = self.layer(images["s1"].mean(dim=(2, 3))).mean()
        return loss


def test_of_a_method_without_pairs_the_loss_is_counted(data: PretrainData) -> None:
    assert _gflops(LossAlone(), data, batch_size=4) == round(2 * 2 * 3 / 1e9, 6)


def test_a_batch_that_ranks_cannot_share_is_refused_before_it_is_counted(
    arm: ArmConfig, data: PretrainData
) -> None:
    many = OneRank(ONE.device, Part(0, 32))
    with pytest.raises(ValueError, match=r"multiple of the number of processes 32"):
        _gflops(_build(arm), data, batch_size=16, ranks=many)
