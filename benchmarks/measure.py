"""What the benchmarks share: interleaved timing, limits of the machine, result rows.

A result row has the keys ``name``, ``value``, ``unit``, ``spread`` (half the range of
the middle half of the runs, over the median), ``peer`` (the peer's value in the same
unit), ``ratio_to_peer``, ``limit``, ``ratio_to_limit``, ``goal``, ``met`` and ``note``.
Ratios are such that more is better. What does not apply is None.
"""

import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

ROOT = Path(__file__).parents[1]
Row = dict[str, Any]
Work = Callable[[], object]
Key = TypeVar("Key")


def interleave(
    work: dict[Key, Work], rounds: int, clock: Callable[[], float] = time.perf_counter
) -> dict[Key, list[float]]:
    """Time several ways of doing something in turn, so that they share the weather.

    Args:
        work: Name -> what to run.
        rounds: How often each is run and counted; one run more comes before.
        clock: Seconds.

    Returns:
        Name -> seconds of every counted run.
    """
    seconds: dict[Key, list[float]] = {name: [] for name in work}
    for number in range(rounds + 1):
        for name, run in work.items():
            start = clock()
            run()
            if number:
                seconds[name].append(clock() - start)
    return seconds


def median(values: Sequence[float]) -> float:
    """Middle value.

    Args:
        values: At least one number.

    Returns:
        The median.
    """
    return statistics.median(values)


def spread(values: Sequence[float]) -> float:
    """Half the width of the middle half of some runs, relative to the median.

    Args:
        values: At least one number.

    Returns:
        0 for fewer than three runs.
    """
    if len(values) < 3:
        return 0.0
    low, _, high = statistics.quantiles(values, n=4)
    return (high - low) / 2 / median(values)


def row(  # noqa: PLR0913 - one for each column
    name: str,
    value: float | None,
    unit: str,
    *,
    spread: float = 0.0,
    peer: float | None = None,
    ratio_to_peer: float | None = None,
    limit: float | None = None,
    ratio_to_limit: float | None = None,
    goal: str = "",
    met: bool | None = None,
    note: str = "",
) -> Row:
    """A result row.

    Args:
        name: What was measured.
        value: Our figure.
        unit: Its unit.
        spread: From ``spread``.
        peer: The peer's figure in the same unit.
        ratio_to_peer: How many times better ours is.
        limit: What the machine could do at most, in the same unit.
        ratio_to_limit: Share of that which ours reaches.
        goal: What was aimed at, in words.
        met: Whether it was reached.
        note: Names of peer and limit, conditions.

    Returns:
        The row, its numbers rounded to four digits.
    """
    numbers = {
        "value": value,
        "spread": spread,
        "peer": peer,
        "ratio_to_peer": ratio_to_peer,
        "limit": limit,
        "ratio_to_limit": ratio_to_limit,
    }
    rounded = {k: None if v is None else float(f"{v:.4g}") for k, v in numbers.items()}
    return {"name": name, "unit": unit, **rounded, "goal": goal, "met": met} | {
        "note": note
    }


def has(module: str) -> bool:
    """Whether an optional peer is installed.

    Args:
        module: Name of its package.

    Returns:
        Whether it can be imported.
    """
    return importlib.util.find_spec(module) is not None


def missing(name: str, peer: str) -> Row:
    """The row of a peer that is not there.

    Args:
        name: What would have been measured.
        peer: The package.

    Returns:
        A row without a ratio.
    """
    return row(name, None, "", note=f"{peer} is not installed: make bench")


def peak_mib() -> float:
    """Most memory that this process has held.

    Returns:
        MiB, mapped files in use among them. Linux's own count: ``getrusage`` still has
        the parent of a process that was started anew in it.

    Raises:
        OSError: If this is no Linux.
    """
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    raise OSError("/proc/self/status has no line VmHWM")


class PeakAnonymous:
    """Most memory of its own, not of files, that this process holds within a block.

    Looked at by a thread, a hundred times a second.

    Attributes:
        mib: What it was, in MiB.
    """

    def __enter__(self) -> "PeakAnonymous":
        """Start to look."""
        self.mib = 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Look for the last time."""
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._ended.wait(0.01):
            for line in Path("/proc/self/status").read_text().splitlines():
                if line.startswith("RssAnon"):
                    self.mib = max(self.mib, int(line.split()[1]) / 1024)


def in_fresh_process(code: str, *arguments: str, timeout_s: float = 300) -> Any:  # noqa: ANN401
    """Run Python code that writes JSON to the file named by its last argument.

    Args:
        code: Source; ``sys.argv[1:]`` are the arguments and the file.
        arguments: Passed on.
        timeout_s: Seconds after which it is ended.

    Returns:
        What it wrote.

    Raises:
        RuntimeError: If it failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.json"
        paths = [ROOT / "src", ROOT, Path(__file__).parent]
        ended = subprocess.run(
            [sys.executable, "-c", code, *arguments, str(out)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))},
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        if ended.returncode:
            raise RuntimeError(f"a measured process failed:\n{ended.stderr[-2000:]}")
        return json.loads(out.read_text())
