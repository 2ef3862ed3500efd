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
from concurrent.futures import ThreadPoolExecutor

_LOG = logging.getLogger(__name__)
PARALLEL_GROUPS = ("download", "tile", "pretrain", "grid")
"""Groups whose cells do not depend on each other, upstream first."""


def stale_cells(group: str) -> list[str]:
    """Cells of a group that ``dvc repro`` would run, once upstream is up to date.

    Args:
        group: Name of a foreach or matrix stage in dvc.yaml.

    Returns:
        Addresses such as "grid@late-single_label-0.1".
    """
    status = subprocess.run(
        ["dvc", "status", "--json", group], check=True, capture_output=True, text=True
    )
    return [cell for cell in json.loads(status.stdout) if cell.startswith(f"{group}@")]


def run_cell(cell: str) -> str:
    """Run one cell.

    Args:
        cell: Address of the cell, whose upstream is up to date.

    Returns:
        The cell.

    Raises:
        RuntimeError: If it fails; the message holds its last lines.
    """
    start = time.monotonic()
    done = subprocess.run(
        ["dvc", "--wait-for-lock", "repro", "--single-item", cell],
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-15:])
        raise RuntimeError(f"{cell} failed:\n{tail}")
    _LOG.info("%s: %.0f s", cell, time.monotonic() - start)
    return cell


def repro(jobs: int) -> int:
    """Bring the pipeline up to date.

    Args:
        jobs: Cells at once, >= 1; with 1 this is a plain ``dvc repro``.

    Returns:
        Exit status of the closing ``dvc repro``.
    """
    groups = PARALLEL_GROUPS if jobs > 1 else ()
    for group in groups:
        # what the group waits for and the pool cannot share: checks, split
        upstream = "split" if group == "grid" else "check_arms"
        subprocess.run(["dvc", "repro", "--quiet", upstream], check=True)
        cells = stale_cells(group)
        if not cells:
            continue
        _LOG.info("%s: %d cells, %d at once", group, len(cells), jobs)
        with ThreadPoolExecutor(jobs) as pool:
            for future in [pool.submit(run_cell, cell) for cell in cells]:
                try:
                    future.result()
                except RuntimeError:
                    pool.shutdown(cancel_futures=True)
                    raise
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
    except (RuntimeError, subprocess.CalledProcessError) as error:
        _LOG.error("%s", error)
        return 1


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    sys.exit(main())
