"""Simulated places per second, written to disk, with one and with two processes."""

import tempfile
from functools import partial
from pathlib import Path

from measure import Row, interleave, median, row, spread

from sentinel_fusion.data.synthetic.layout import write_dfc2020

ROUNDS = 3
PLACES = {"validation": 6, "test": 10}
PATCH_PX = 256


def _write(workers: int) -> None:
    """Write one labelled set into a folder that is then removed."""
    with tempfile.TemporaryDirectory() as folder:
        write_dfc2020(
            Path(folder),
            seed=0,
            num_places=PLACES,
            patches_per_place=1,
            patch_px=PATCH_PX,
            workers=workers,
        )


def main(argv: list[str]) -> list[Row]:
    """Measure.

    Args:
        argv: Not used.

    Returns:
        A row a number of processes.
    """
    work = {workers: partial(_write, workers) for workers in (1, 2)}
    times = interleave({str(w): run for w, run in work.items()}, ROUNDS)
    rates = {w: sum(PLACES.values()) / median(times[str(w)]) for w in work}
    return [
        row(
            f"simulated places of {PATCH_PX} px, {workers} process(es)",
            rate,
            "places/s",
            spread=spread(times[str(workers)]),
            peer=rates[1] if workers > 1 else None,
            ratio_to_peer=rate / rates[1] if workers > 1 else None,
            note="start of processes included; peer: one process",
        )
        for workers, rate in rates.items()
    ]
