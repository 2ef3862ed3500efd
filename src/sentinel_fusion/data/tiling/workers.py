"""Who does the jobs: this process, a Dask cluster started here, or one that runs.

Results come as they are done; whoever needs an order sorts them.
"""

import logging
import tempfile
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from distributed import Client, as_completed

Job = TypeVar("Job")
Result = TypeVar("Result")
_AHEAD = 2
"""Jobs handed out a thread, so that none waits for the next."""


Run = Callable[[Callable[[Any], Any], Sequence[Any]], Generator[Any, None, None]]
"""Does jobs and yields their results in any order; closed, nothing runs on."""


class WorkerLostError(RuntimeError):
    """Workers died again and again over one job; the message says what to do."""


def run_here(
    function: Callable[[Job], Result], jobs: Sequence[Job]
) -> Generator[Result, None, None]:
    """Do one job after the other in this process.

    Args:
        function: What to do.
        jobs: Its argument, one a job.

    Yields:
        The results in order.
    """
    yield from map(function, jobs)


def run_on_workers(
    function: Callable[[Job], Result],
    jobs: Sequence[Job],
    *,
    workers: int,
    scheduler: str,
) -> Generator[Result, None, None]:
    """Do jobs on Dask workers; in this process where there is nothing to share out.

    Args:
        function: What to do; importable where the workers are.
        jobs: Its argument, one a job.
        workers: Processes of a cluster started for these jobs.
        scheduler: Address of a cluster that runs, such as "tcp://host:8786"; "" for
            one of this machine.

    Yields:
        The results as they come.

    Raises:
        WorkerLostError: If a job killed several workers.
    """
    if not scheduler and min(workers, len(jobs)) <= 1:
        yield from run_here(function, jobs)
        return
    from distributed import KilledWorker, as_completed  # a second to import

    with _connect(min(workers, len(jobs)), scheduler) as client:
        waiting = iter(jobs)
        running = as_completed()
        try:
            while _hand_out(client, running, function, waiting):
                yield next(running).result()
        except KilledWorker as error:
            raise WorkerLostError(
                f"several workers died over one job ({error}); give them more memory, "
                "or find the raster that makes them crash with tile.workers: 1; what "
                "is done is kept and found again"
            ) from error


def _hand_out(
    client: "Client",
    running: "as_completed",
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
def _connect(workers: int, scheduler: str) -> Iterator["Client"]:
    from distributed import Client, LocalCluster

    if scheduler:
        with Client(scheduler) as client:
            yield client
        return
    with (
        tempfile.TemporaryDirectory() as scratch,
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            memory_limit=0,  # a worker holds one strip; its shards go to disk
            dashboard_address=None,
            local_directory=scratch,
            silence_logs=logging.CRITICAL,
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client
