"""``dvc repro`` with several cells at once on one machine.

DVC runs one stage after the other, each in a Python that imports its libraries anew.
Here the command lines of stale cells run in a pool, group by group, on a warm Python
(see ``warm``), and are recorded as ``dvc commit`` would (see ``recorder``); a plain
``dvc repro`` at the end runs what is left and decides what is up to date.
"""

import argparse
import json
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import yaml

from sentinel_fusion.recorder import Recorder
from sentinel_fusion.warm import CLIENT
from sentinel_fusion.warm_client import PYTHON, SERVER

_LOG = logging.getLogger(__name__)
_GRID = "grid_"
_RECIPE = "recipe_"
_SERVER_START_S = 60
_COSTS = Path("metrics/cost.json")


@dataclass(frozen=True)
class Level:
    """Stages that run side by side.

    Args:
        upstream: Stages that are brought up to date first and alone.
        groups: Stages whose cells do not need each other.
        is_warm: Whether they run on the warm Python; not for those that start
            processes of their own.
    """

    upstream: tuple[str, ...]
    groups: tuple[str, ...]
    is_warm: bool


def levels() -> list[Level]:
    """Levels of the pipeline in the order they run.

    Returns:
        The levels; every stage "grid_<task>" of dvc.yaml is found by its name.
    """
    stages = yaml.safe_load(Path("dvc.yaml").read_text())["stages"]
    grid = tuple(name for name in stages if name.startswith(_GRID))
    recipes = tuple(name for name in stages if name.startswith(_RECIPE))
    return [
        Level(("check_arms",), ("download",), is_warm=False),
        Level((), ("tile",), is_warm=False),
        Level(("leakage",), recipes, is_warm=True),
        Level((), ("pretrain",), is_warm=True),
        Level(
            (),
            ("finetune", "data_report", "realism", "diagnose", *grid),
            is_warm=True,
        ),
        Level(
            ("evaluate",),
            (
                *("budget", "intervals", "calibration", "diagnostics"),
                *("maps", "cost", "export"),
            ),
            is_warm=True,
        ),
        Level((), ("ablation",), is_warm=True),
    ]


def stale_cells(groups: Sequence[str]) -> list[str]:
    """Cells that ``dvc repro`` would run, once upstream is up to date.

    Args:
        groups: Names of stages in dvc.yaml; a foreach or matrix stage has many cells.

    Returns:
        Addresses such as "grid@late-single_label-0.1".
    """
    command = ["dvc", "status", "--json", *groups]
    status = subprocess.run(command, check=True, capture_output=True, text=True)
    stale = json.loads(status.stdout)
    return [cell for cell in stale if cell.split("@")[0] in groups]


def longest_first(cells: Sequence[str], costs: Path = _COSTS) -> list[str]:
    """Order cells so that no long one is left alone at the end of a level.

    Args:
        cells: Addresses.
        costs: What cells took the last time, as the stage ``cost`` writes it.

    Returns:
        The cells: those of unknown cost first, then from the longest to the shortest.
    """
    rows = json.loads(costs.read_text()) if costs.is_file() else []
    seconds = {_address(row): float(row["seconds"]) for row in rows}
    return sorted(cells, key=lambda cell: -seconds.get(cell, float("inf")))


def _address(row: dict[str, Any]) -> str:
    if row["stage"] == "grid":
        return f"{_GRID}{row['task']}@{row['arm']}-{row['label_frac']}"
    return f"{row['stage']}@{row['arm']}"


def run_cell(command: str, environ: dict[str, str]) -> float:
    """Run one cell's command line.

    Args:
        command: What dvc.yaml says.
        environ: Environment to run in.

    Returns:
        Seconds it took.

    Raises:
        RuntimeError: If it fails; the message holds its last lines.
    """
    start = time.monotonic()
    done = subprocess.run(
        command,
        shell=True,
        check=False,
        env=environ,
        stdout=subprocess.PIPE,
        # a person at a terminal sees the stages' progress bars
        stderr=None if sys.stderr.isatty() else subprocess.PIPE,
        text=True,
    )
    if done.returncode:
        printed = done.stdout + (done.stderr or "")
        raise RuntimeError("\n".join(printed.strip().splitlines()[-15:]))
    return time.monotonic() - start


class WarmPython:
    """A server that forks instead of starting Python anew; starts while others work."""

    def __init__(self) -> None:
        """Start the server without waiting for it."""
        self._folder = tempfile.TemporaryDirectory(prefix="warm-")
        self._path = Path(self._folder.name) / "socket"
        shim = Path(self._folder.name) / "python"
        shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" -IS "{CLIENT}" "$@"\n')
        shim.chmod(0o755)
        command = [sys.executable, "-m", "sentinel_fusion.warm", str(self._path)]
        environ = os.environ | {"PYTHONPATH": "src"}
        self._server = subprocess.Popen(command, env=environ)

    def environ(self) -> dict[str, str]:
        """Wait for the server.

        Returns:
            Environment in which ``python -m MODULE`` is run by the server.

        Raises:
            RuntimeError: If it does not start.
        """
        deadline = time.monotonic() + _SERVER_START_S
        while not self._path.exists():
            if self._server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the warm Python did not start; use --jobs 1")
            time.sleep(0.1)
        return os.environ | {
            "PATH": f"{self._folder.name}{os.pathsep}{os.environ['PATH']}",
            SERVER: str(self._path),
            PYTHON: sys.executable,
        }

    def __enter__(self) -> "WarmPython":
        """The server itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop the server."""
        self._server.kill()
        self._server.wait()
        self._folder.cleanup()


def run_level(cells: Sequence[str], jobs: int, environ: dict[str, str]) -> None:
    """Run the stale cells of a level.

    Args:
        cells: Addresses of cells whose upstream is up to date.
        jobs: Cells at once.
        environ: Environment to run in.
    """
    recorder = Recorder(cells)
    missing = recorder.restore()
    found = len(cells) - len(missing)
    if found:
        _LOG.info("%d cells found in the run cache", found)
    try:
        _run_cells(longest_first(missing), jobs, environ, recorder)
    finally:  # those that had finished
        recorder.record()


def _run_cells(
    cells: Sequence[str], jobs: int, environ: dict[str, str], recorder: Recorder
) -> None:
    """Run cells in a pool.

    Raises:
        RuntimeError: If a cell fails; its message has the last lines of the first.
    """
    failure = ""
    with ThreadPoolExecutor(jobs) as pool:
        work = {
            pool.submit(run_cell, recorder.command(cell), environ): cell
            for cell in cells
        }
        for done, future in enumerate(as_completed(work), start=1):
            cell = work[future]
            if future.cancelled():
                continue
            if error := future.exception():
                failure = failure or f"{cell} failed:\n{error}"
                pool.shutdown(wait=False, cancel_futures=True)  # the running ones end
                continue
            recorder.add(cell)
            took = future.result()
            _LOG.info("[%d/%d] %s: %.0f s", done, len(cells), cell, took)
    if failure:
        raise RuntimeError(failure)


def repro(jobs: int) -> int:
    """Bring the pipeline up to date.

    Args:
        jobs: Cells at once, >= 1; with 1 this is a plain ``dvc repro``.

    Returns:
        Exit status of the closing ``dvc repro``.
    """
    if jobs > 1:
        with WarmPython() as warm:
            for level in levels():
                if level.upstream:
                    command = ["dvc", "repro", "--quiet", *level.upstream]
                    subprocess.run(command, check=True)
                cells = stale_cells(level.groups)
                if cells:
                    names = ", ".join(level.groups)
                    _LOG.info("%s: %d cells, %d at once", names, len(cells), jobs)
                    environ = warm.environ() if level.is_warm else dict(os.environ)
                    run_level(cells, jobs, environ)
    return subprocess.run(["dvc", "repro"], check=False).returncode


def main() -> int:
    """Parse the command line and run.

    Returns:
        Exit status.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=1, help="cells at once")
    jobs = parser.parse_args().jobs
    if jobs < 1:
        parser.error(f"--jobs must be >= 1, got {jobs}")
    try:
        return repro(jobs)
    except RuntimeError as error:
        _LOG.error("%s", error)
        return 1
    except subprocess.CalledProcessError as error:
        return error.returncode  # dvc has said what is wrong


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    sys.exit(main())
