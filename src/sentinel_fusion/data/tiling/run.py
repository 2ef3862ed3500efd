"""Who does the jobs of a piece of work: this process, unless told otherwise."""

from collections.abc import Callable, Generator, Sequence
from typing import Any, TypeVar

Job = TypeVar("Job")
Result = TypeVar("Result")
Run = Callable[[Callable[[Any], Any], Sequence[Any]], Generator[Any, None, None]]
"""Does jobs and yields their results in any order; once closed, hands out no more."""


class ClusterError(RuntimeError):
    """A cluster or a worker of it cannot do the jobs; the message says what to do."""


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
