import operator
import os
import re
import signal
import threading
from pathlib import Path

import dask
import pytest
from distributed import LocalCluster

from sentinel_fusion.data.tiling import dask_workers
from sentinel_fusion.data.tiling.dask_workers import run_on_workers
from sentinel_fusion.data.tiling.run import ClusterError


def _die_once(marker: Path) -> str:
    if not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return marker.name


def _die(marker: Path) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize(("workers", "jobs"), [(1, [3, 4]), (2, [3])])
def test_what_cannot_be_shared_out_is_done_in_this_thread(
    workers: int, jobs: list[int]
) -> None:
    done = run_on_workers(
        lambda job: (job, threading.get_ident()), jobs, workers=workers, scheduler=""
    )
    assert list(done) == [(job, threading.get_ident()) for job in jobs]


def test_a_cluster_that_runs_does_every_job() -> None:
    with LocalCluster(n_workers=1, processes=False, dashboard_address=":0") as cluster:
        address = cluster.scheduler_address
        done = run_on_workers(operator.neg, range(9), workers=1, scheduler=address)
        assert sorted(done) == list(range(-8, 1))


def test_a_cluster_that_does_not_run_is_refused_with_a_remedy() -> None:
    with (
        dask.config.set({"distributed.comm.timeouts.connect": "0.1s"}),
        pytest.raises(ClusterError, match=r"tile.scheduler must .*tcp://127.*; start"),
    ):
        list(run_on_workers(abs, [1], workers=1, scheduler="tcp://127.0.0.1:1"))


def test_a_cluster_without_workers_is_given_up_with_a_remedy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dask_workers, "_FIRST_WORKER_S", 0.3)
    with LocalCluster(n_workers=0, processes=False, dashboard_address=":0") as cluster:
        address = cluster.scheduler_address
        remedy = f"{address} has no worker after 0.3 s; start some with `dask worker"
        with pytest.raises(ClusterError, match=re.escape(remedy)):
            list(run_on_workers(abs, [1], workers=1, scheduler=address))


@pytest.mark.slow
def test_a_local_cluster_does_every_job() -> None:
    done = run_on_workers(operator.neg, range(9), workers=2, scheduler="")
    assert sorted(done) == list(range(-8, 1))


@pytest.mark.slow
def test_a_fault_of_a_job_is_raised_as_it_is() -> None:
    with pytest.raises(ZeroDivisionError):
        list(run_on_workers((1).__truediv__, [0, 1], workers=2, scheduler=""))


@pytest.mark.slow
def test_a_killed_worker_is_replaced_and_its_job_done(tmp_path: Path) -> None:
    jobs = [tmp_path / name for name in ("a", "b", "c")]
    done = run_on_workers(_die_once, jobs, workers=2, scheduler="")
    assert sorted(done) == ["a", "b", "c"]


@pytest.mark.slow
def test_a_job_that_kills_every_worker_is_named(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match=r"several workers died .*tile\.workers=1"):
        list(run_on_workers(_die, [tmp_path, tmp_path], workers=2, scheduler=""))
