"""What the stages that score predictions read: cells and ensembles of them."""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from sentinel_fusion.data.predictions import read_predictions
from sentinel_fusion.params import Params
from stages.cells import GRID, Cell, cell_folder, cells

_LOG = logging.getLogger(__name__)


def scored_cells(params: Params) -> Iterator[tuple[Cell, list[Path]]]:
    """Cells of the grid, then the ensembles of every task that all members ran.

    Args:
        params: Axes of the grid and the ensembles.

    Yields:
        Arm, task and label fraction, and the folders of the members (one of a cell).
    """
    for cell in cells(params):
        yield cell, [cell_folder(GRID, cell)]
    for name, members in params.ensembles.items():
        for task, arms in params.grid.arms.items():
            missing = [arm for arm in members if arm not in arms]
            if missing:
                _LOG.info("%s: no %s, %s not run", name, task, ", ".join(missing))
                continue
            for label_frac in params.grid.label_fracs:
                yield (
                    (name, task, label_frac),
                    [cell_folder(GRID, (arm, task, label_frac)) for arm in members],
                )


def read_members(
    folders: Sequence[Path],
) -> Iterator[tuple[str, int, list[pd.DataFrame]]]:
    """Predictions of a cell or of the members of an ensemble, a part at a time.

    Args:
        folders: Folder of each.

    Yields:
        Use, seed, and each member's table of some tiles.
    """
    for parts in zip(*(read_predictions(f) for f in folders), strict=True):
        uses, seeds, tables = zip(*parts, strict=True)
        assert len(set(uses)) == len(set(seeds)) == 1
        yield uses[0], seeds[0], list(tables)
