"""``dvc repro`` with several cells at once on one machine.

DVC runs one stage after the other. Here the stale cells of a group run in a pool of
``dvc repro --single-item`` processes that wait for each other's lock, group by group;
a plain ``dvc repro`` at the end runs what is left and decides what is up to date.
"""

import argparse
import json
import logging
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed

_LOG = logging.getLogger(__name__)
LEVELS = (
    ("check_arms", ("download",)),
    ("check_arms", ("tile",)),
    ("check_arms", ("pretrain",)),
    ("split", ("finetune", "grid")),
)
"""What runs first and alone, then the groups whose cells do not need each other."""


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


def run_cell(cell: str) -> float:
    """Run one cell.

    Args:
        cell: Address of the cell, whose upstream is up to date.

    Returns:
        Seconds it took.

    Raises:
        RuntimeError: If it fails; the message holds its last lines.
    """
    start = time.monotonic()
    done = subprocess.run(
        ["dvc", "--wait-for-lock", "repro", "--single-item", cell],
        check=False,
        stdout=subprocess.PIPE,
        # a person at a terminal sees the stages' progress bars
        stderr=None if sys.stderr.isatty() else subprocess.PIPE,
        text=True,
    )
    if done.returncode:
        printed = done.stdout + (done.stderr or "")
        tail = "\n".join(printed.strip().splitlines()[-15:])
        raise RuntimeError(f"{cell} failed:\n{tail}")
    return time.monotonic() - start


def repro(jobs: int) -> int:
    """Bring the pipeline up to date.

    Args:
        jobs: Cells at once, >= 1; with 1 this is a plain ``dvc repro``.

    Returns:
        Exit status of the closing ``dvc repro``.
    """
    for upstream, groups in LEVELS if jobs > 1 else ():
        subprocess.run(["dvc", "repro", "--quiet", upstream], check=True)
        cells = stale_cells(groups)
        if not cells:
            continue
        _LOG.info("%s: %d cells, %d at once", ", ".join(groups), len(cells), jobs)
        with ThreadPoolExecutor(jobs) as pool:
            running = {pool.submit(run_cell, cell): cell for cell in cells}
            for done, future in enumerate(as_completed(running), start=1):
                try:
                    took = future.result()
                except RuntimeError:
                    pool.shutdown(cancel_futures=True)
                    raise
                cell = running[future]
                _LOG.info("[%d/%d] %s: %.0f s", done, len(cells), cell, took)
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
