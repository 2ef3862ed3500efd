import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from tests.train.rank_cases import (
    ARMS,
    CPU,
    NO_BATCH_LAYERS,
    one_step,
    train,
    watch_again,
)
from torch import nn

from sentinel_fusion.data.loader import TileStore
from sentinel_fusion.train.many_ranks import ManyRanks
from sentinel_fusion.train.one_rank import OneRank
from sentinel_fusion.train.watch import Curve

Results = dict[str, Any]
ONE = OneRank(CPU)
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def folder(store: TileStore, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ranks")
    shutil.copytree(store.folder, folder / "tiles")
    train(folder, ONE, "begun_by_one", steps=5)
    return folder


@pytest.fixture(scope="module")
def two(folder: Path) -> Results:
    """What two gloo processes found together, started by torchrun."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    script = str(ROOT / "tests" / "train" / "rank_cases.py")
    subprocess.run(
        [*command, "--nproc-per-node", "2", script, str(folder)],
        cwd=ROOT,
        env={"PYTHONPATH": f"{ROOT}:{ROOT / 'src'}", "OMP_NUM_THREADS": "1"},
        check=True,
        timeout=300,
    )
    results: Results = torch.load(folder / "ranks.pt", weights_only=False)
    return results


def test_a_method_that_compares_nothing_is_refused() -> None:
    fabric: Any = SimpleNamespace(device=CPU, global_rank=0, world_size=2)
    message = r"on 2 processes needs a method .* got Identity; train it on one"
    with pytest.raises(TypeError, match=message):
        ManyRanks(fabric).prepare(nn.Identity(), in_parts=False)


def _assert_same(found: Results, expected: Results) -> None:
    torch.testing.assert_close(found["loss"], expected["loss"], rtol=0, atol=1e-5)
    assert found["gradients"].keys() == expected["gradients"].keys()
    largest = max(float(x.abs().max()) for x in expected["gradients"].values())
    for name, gradient in expected["gradients"].items():
        difference = (found["gradients"][name] - gradient).abs().max()
        assert difference < 1e-5 * max(1, largest), name


@pytest.mark.slow
@pytest.mark.parametrize("name", ARMS)
def test_two_ranks_have_loss_and_gradients_of_the_joint_batch(
    two: Results, name: str
) -> None:
    _assert_same(two[name], one_step(ARMS[name], ONE))


@pytest.mark.slow
def test_two_ranks_that_never_hold_all_similarities_have_the_same(two: Results) -> None:
    _assert_same(two["by_anchors"], one_step(ARMS["dual_simclr"], ONE))


@pytest.mark.slow
@pytest.mark.parametrize("name", ARMS)
def test_two_ranks_have_the_statistics_of_the_joint_batch(
    two: Results, name: str
) -> None:
    expected = one_step(ARMS[name], ONE)["state"]
    for key, value in two[name]["state"].items():
        torch.testing.assert_close(value, expected[key], rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_gradient_caching_on_two_ranks_is_exact(two: Results) -> None:
    _assert_same(two["cached"], one_step(NO_BATCH_LAYERS, ONE))


@pytest.mark.slow
def test_an_epoch_of_two_ranks_sees_every_tile_once(two: Results, folder: Path) -> None:
    rows = two["pretrain"]["rows"]
    expected = train(folder, ONE, "alone", steps=4)["rows"][0]
    assert not set(rows[0]) & set(rows[1])
    assert sorted(rows[0] + rows[1]) == sorted(expected)
    assert len(expected) == len(set(expected)) == 32


def _assert_same_losses(curve: Curve, expected: Curve) -> None:
    """Losses of later steps differ more than gradients: Adam divides by small ones."""
    keys = ("epoch", "step", "learning_rate", "loss")
    for row, wanted in zip(curve, expected, strict=True):
        assert [row[k] for k in keys] == pytest.approx([wanted[k] for k in keys], 0.01)


@pytest.mark.slow
def test_two_ranks_train_as_one_does(two: Results, folder: Path) -> None:
    alone = train(folder, ONE, "unbroken")
    _assert_same_losses(two["pretrain"]["curve"], alone["curve"])


@pytest.mark.slow
def test_two_ranks_watch_what_one_would(two: Results, folder: Path) -> None:
    trained = two["pretrain"]
    found = watch_again(folder, trained["state"])
    for own, other in zip(trained["projections"], found, strict=True):
        torch.testing.assert_close(own, other, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_only_the_first_rank_observes(two: Results) -> None:
    assert two["pretrain"]["observed"] == {0: [1, 2], 1: []}


@pytest.mark.slow
def test_two_ranks_go_on_from_the_checkpoint_of_one(two: Results, folder: Path) -> None:
    assert two["resumed"]["resumed"]
    assert two["resumed"]["observed"] == {0: [2], 1: []}
    alone = train(folder, ONE, "never_interrupted")
    _assert_same_losses(two["resumed"]["curve"], alone["curve"])


@pytest.mark.slow
def test_one_rank_goes_on_from_the_checkpoint_of_two(
    two: Results, folder: Path
) -> None:
    resumed = train(folder, ONE, "begun_by_two")
    assert resumed["resumed"]
    assert resumed["observed"] == {0: [2]}
    _assert_same_losses(resumed["curve"], two["pretrain"]["curve"])
