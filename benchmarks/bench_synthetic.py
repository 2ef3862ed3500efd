"""Simulated places per second, written to disk, with one and with two processes."""

import statistics
import sys
import tempfile
import time
from pathlib import Path

from sentinel_fusion.data.synthetic.layout import write_dfc2020

ROUNDS = 3
PLACES = {"validation": 24, "test": 32}
PATCH_PX = 256


def scenes_per_second(workers: int) -> float:
    """Writes one labelled set into a folder that is then removed.

    Args:
        workers: Processes; their start counts.

    Returns:
        Scenes of ``PATCH_PX`` squared per second of wall clock.
    """
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        num_patches = write_dfc2020(
            Path(folder),
            seed=0,
            num_places=PLACES,
            patches_per_place=1,
            patch_px=PATCH_PX,
            workers=workers,
        )
        return num_patches / (time.perf_counter() - start)


def main() -> None:
    """Prints the median of several rounds for each number of processes."""
    for workers in (1, 2):
        rates = [scenes_per_second(workers) for _ in range(ROUNDS)]
        sys.stdout.write(
            f"workers {workers}: {statistics.median(rates):.1f} scenes/s "
            f"(median of {ROUNDS}, {PATCH_PX} px)\n"
        )


if __name__ == "__main__":
    main()
