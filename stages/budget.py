"""Gather the budget of every cell, and refuse arms that did not have the same."""

import logging
import sys
from pathlib import Path

import pandas as pd

from sentinel_fusion.params import load_params
from sentinel_fusion.report.budget import COLUMNS, budget_rows, refuse_unequal
from stages.cells import GRID, cell_folder, cells, prune

_LOG = logging.getLogger(__name__)
_OUT = Path("metrics/budget.csv")


def main() -> None:
    """Write ``metrics/budget.csv``, a row a cell and use of the encoder."""
    params = load_params()
    prune(GRID, params)
    rows = []
    for cell in cells(params):
        arm, task, label_frac = cell
        section = params.finetune_settings(task)
        curves = pd.read_csv(cell_folder(GRID, cell) / "curves.csv")
        found = budget_rows(
            curves, batch_size=section.batch_size, augment=section.augment
        )
        rows += [
            {"task": task, "arm": arm, "label_frac": label_frac, **r} for r in found
        ]
    budget = pd.DataFrame(rows)[list(COLUMNS)]
    try:
        refuse_unequal(budget)
    except ValueError as error:
        sys.exit(str(error))
    _OUT.parent.mkdir(exist_ok=True)
    budget.to_csv(_OUT, index=False)
    edge = budget["edge"]
    _LOG.info(
        "%d rates chosen: %d the lowest candidate, %d the highest",
        len(budget),
        (edge == "lowest").sum(),
        (edge == "highest").sum(),
    )


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main()
