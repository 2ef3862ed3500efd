"""How far long work has come: a bar on a terminal, else now and then a line of log."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock

from tqdm import tqdm

_LOG = logging.getLogger(__name__)
_SILENCE_S = 180.0
"""Seconds between two lines in the log; a day of work leaves 480 of them."""


@contextmanager
def progress(
    what: str,
    total: int,
    unit: str,
    *,
    done: int = 0,
    is_scaled: bool = False,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Callable[..., None]]:
    """Show how much is done and in all, the rate, and the time spent and left.

    Args:
        what: The work, for the lines in the log.
        total: All of it; 0 where nobody knows.
        unit: What is counted.
        done: What an earlier run did; not part of the rate.
        is_scaled: Whether thousands, millions and so on are shortened.
        clock: Seconds since some moment.

    Yields:
        To be called, by any thread, with what is newly done, 1 if nothing is said;
        negative where some must be done again.
    """
    lock = Lock()
    now_done, start = done, clock()
    told = start
    with tqdm(
        total=total, initial=done, unit=unit, unit_scale=is_scaled, disable=None
    ) as bar:

        def update(count: int = 1) -> None:
            nonlocal now_done, told
            with lock:
                bar.update(count)
                now_done += count
                now = clock()
                if bar.disable and now - told >= _SILENCE_S:
                    told = now
                    line = tqdm.format_meter(
                        now_done,
                        total,
                        now - start,
                        ncols=0,  # no bar
                        unit=unit,
                        unit_scale=is_scaled,
                        initial=done,
                    )
                    _LOG.info("%s: %s", what, line.strip())

        yield update
