"""The pre-training stage by every launcher, two processes on a CPU, on tiny data."""

import os
import subprocess
import sys
from collections.abc import Mapping

import pandas as pd
import pytest
from tests.integration.conftest import Clone

pytestmark = pytest.mark.slow
STAGE = "pretrain@dual_simclr"
COMMAND = ("-m", "stages.pretrain", "dual_simclr")
SLURM = {
    "SLURM_JOB_ID": "4321",
    "SLURM_JOB_NAME": "pretrain",
    "SLURM_NTASKS": "2",
    "SLURM_NTASKS_PER_NODE": "2",
    "SLURM_STEP_NUM_TASKS": "2",
    "SLURM_NNODES": "1",
    "SLURM_NODELIST": "localhost",
    "SLURM_NODEID": "0",
}


@pytest.fixture
def curve_of_one(clone: Clone) -> pd.DataFrame:
    return _curve(clone)


def _curve(clone: Clone) -> pd.DataFrame:
    return pd.read_csv(clone.folder / "models/pretrained/dual_simclr/curve.csv")


def _assert_trained_alike(clone: Clone, log: str, expected: pd.DataFrame) -> None:
    assert log.count("processes: 2") == 1  # logged by the first
    pd.testing.assert_series_equal(_curve(clone).loss, expected.loss, rtol=1e-4)


def _start(
    clone: Clone, command: tuple[str, ...], environ: Mapping[str, str]
) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        command,
        cwd=clone.folder,
        env={**os.environ, **clone.env, "PYTHONPATH": "src", **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_dvc_repro_starts_as_many_processes_as_the_variable_says(
    clone: Clone, curve_of_one: pd.DataFrame
) -> None:
    command = ("dvc", "repro", "-f", "-s", STAGE)
    log, _ = _start(clone, command, {"PRETRAIN_RANKS": "2"}).communicate()
    _assert_trained_alike(clone, log, curve_of_one)
    assert clone.stages_run_by("dvc", "repro", STAGE) == set()


def test_a_run_of_torchrun_is_recorded_by_dvc_commit(
    clone: Clone, curve_of_one: pd.DataFrame
) -> None:
    launcher = (sys.executable, "-m", "torch.distributed.run", "--standalone")
    command = (*launcher, "--nproc-per-node", "2", *COMMAND)
    log, _ = _start(clone, command, {}).communicate()
    _assert_trained_alike(clone, log, curve_of_one)
    clone.run("dvc", "commit", "-f", STAGE)
    assert clone.stages_run_by("dvc", "repro", STAGE) == set()


def test_tasks_of_srun_train_together(clone: Clone, curve_of_one: pd.DataFrame) -> None:
    command = (sys.executable, *COMMAND)
    tasks = [
        _start(clone, command, {**SLURM, "SLURM_PROCID": n, "SLURM_LOCALID": n})
        for n in ("0", "1")
    ]
    log = "".join(task.communicate()[0] for task in tasks)
    _assert_trained_alike(clone, log, curve_of_one)


def test_a_batch_that_cannot_be_dealt_evenly_is_refused(clone: Clone) -> None:
    command = (sys.executable, *COMMAND)
    task = _start(clone, command, {"PRETRAIN_RANKS": "3"})
    log, _ = task.communicate()
    assert task.returncode != 0
    assert "must be a multiple of the number of processes 3, got 8" in log
