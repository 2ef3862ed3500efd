"""Jobs on Dask workers: a cluster started here, or one that runs already."""

import logging
import tempfile
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager

from distributed import Client, KilledWorker, LocalCluster, as_completed

from sentinel_fusion.data.tiling.run import ClusterError, Job, Result, run_here

_LOG = logging.getLogger(__name__)
_AHEAD = 2
"""Jobs handed out a thread, so that none waits for the next."""
_FIRST_WORKER_S = 60.0
"""Longest wait for the first worker of a cluster that is said to run."""


def run_on_workers(
    function: Callable[[Job], Result],
    jobs: Sequence[Job],
    *,
    workers: int,
    scheduler: str,
) -> Generator[Result, None, None]:
    """Do jobs on Dask workers; in this process where there is nothing to share out.

    A worker that dies is replaced and its jobs are done by another.

    Args:
        function: What to do; importable where the workers are.
        jobs: Its argument, one a job.
        workers: Processes of a cluster started for these jobs.
        scheduler: Address of a cluster that runs, such as "tcp://host:8786"; "" for
            one of this machine.

    Yields:
        The results as they come.

    Raises:
        ClusterError: If the cluster cannot be used, or a job killed several workers.
    """
    if not scheduler and min(workers, len(jobs)) <= 1:
        yield from run_here(function, jobs)
        return
    with _connect(min(workers, len(jobs)), scheduler) as client:
        waiting, running = iter(jobs), as_completed()
        try:
            while _hand_out(client, running, function, waiting):
                yield next(running).result()
        except KilledWorker as error:
            raise ClusterError(
                f"several workers died over one job ({error}); give them more memory, "
                "or find the raster that crashes them with tile.workers=1; finished "
                "blocks are kept and found again"
            ) from error


def _hand_out(
    client: Client,
    running: as_completed,
    function: Callable[[Job], Result],
    waiting: Iterator[Job],
) -> bool:
    """Keep the threads of all workers busy; False once nothing runs any more."""
    wanted = _AHEAD * max(1, sum(client.nthreads().values()))
    while running.count() < wanted:
        try:
            job = next(waiting)
        except StopIteration:
            break
        running.add(client.submit(function, job, pure=False))
    return not running.is_empty()


@contextmanager
def _connect(workers: int, scheduler: str) -> Iterator[Client]:
    if scheduler:
        with _reach(scheduler) as client:
            _await_worker(client, scheduler)
            _LOG.info("%s has %d workers", scheduler, len(client.nthreads()))
            yield client
        return
    with (
        tempfile.TemporaryDirectory() as scratch,
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            memory_limit=0,  # a worker holds one strip; its shards go to disk
            dashboard_address=":0",  # any free port
            local_directory=scratch,
            silence_logs=logging.CRITICAL,
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


def _reach(scheduler: str) -> Client:
    try:
        return Client(scheduler)
    except (OSError, ValueError) as error:
        raise ClusterError(
            f"tile.scheduler must be the address of a running Dask scheduler, got "
            f"{scheduler}: {error}; start one with `dask scheduler`, or leave it empty "
            "for workers of this machine"
        ) from error


def _await_worker(client: Client, scheduler: str) -> None:
    try:
        client.wait_for_workers(1, timeout=_FIRST_WORKER_S)
    except TimeoutError as error:
        raise ClusterError(
            f"{scheduler} has no worker after {_FIRST_WORKER_S:g} s; start some with "
            f"`dask worker {scheduler}` in the clone's folder (docs/data-at-scale.md), "
            "or leave tile.scheduler empty for workers of this machine"
        ) from error
