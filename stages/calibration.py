"""Say how far a cell's confidence can be trusted, what it confuses and where."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from sentinel_fusion.folders import make_empty
from sentinel_fusion.metrics.cell_quality import COLUMNS, Row, cell_rows, measure
from sentinel_fusion.metrics.task_metrics import metrics_of
from sentinel_fusion.params import Params, load_params
from sentinel_fusion.report.calibration import draw_places, draw_reliability
from sentinel_fusion.report.figure_files import save_figure
from stages.cells import Cell
from stages.scored_cells import read_members, scored_cells

_LOG = logging.getLogger(__name__)
_METRICS = Path("metrics")
_FIGURES = _METRICS / "calibration"
_KEYS = ["task", "arm", "use", "label_frac"]
Tables = dict[str, pd.DataFrame]


def main() -> None:
    """Write the tables of every cell and ensemble, and figures of one fraction."""
    params = load_params()
    rows: dict[str, list[Row]] = {name: [] for name in COLUMNS}
    for cell, folders in scored_cells(params):
        for name, row in _cell_rows(cell, folders, params.calibration.bins):
            rows[name].append(row)
    tables = {
        name: pd.DataFrame(found, columns=[*_KEYS, *COLUMNS[name]])
        for name, found in rows.items()
    }
    for name, table in tables.items():
        table.to_csv(_METRICS / f"{name}.csv", index=False, float_format="%.5g")
    make_empty(_FIGURES)
    for task in params.grid.arms:
        _draw(task, tables, params)
    _LOG.info("calibration of %d cells, ensembles and uses", len(tables["calibration"]))


def _cell_rows(
    cell: Cell, folders: list[Path], num_bins: int
) -> Iterator[tuple[str, Row]]:
    arm, task, label_frac = cell
    for use, found in measure(read_members(folders), task, num_bins).items():
        keys: Row = dict(zip(_KEYS, (task, arm, use, label_frac), strict=True))
        for name, rows in cell_rows(found, task).items():
            for row in rows:
                yield name, keys | row


def _draw(task: str, tables: Tables, params: Params) -> None:
    metrics = metrics_of(task)
    section = params.calibration
    rows = {
        name: table[
            (table["task"] == task) & (table["label_frac"] == section.label_frac)
        ]
        for name, table in tables.items()
    }
    arms = [*params.arms, *params.ensembles]
    shown = rows["reliability"]["arm"].isin(section.arms)
    if shown.any():
        figure = draw_reliability(
            rows["reliability"][shown],
            rows["calibration"],
            arms=arms,
            accuracy_name="accuracy" if metrics.HAS_ONE_CLASS else "share present",
            caption=_caption(params, task),
        )
        save_figure(figure, _FIGURES, f"reliability_{task}")
    title, caption = metrics.HEADLINE_TITLE, _caption(params, task)
    figure = draw_places(rows["places"], arms=arms, score_name=title, caption=caption)
    save_figure(figure, _FIGURES, f"places_{task}")


def _caption(params: Params, task: str) -> str:
    return (
        f"{task}, labelled data {params.sources.labelled.source}, "
        f"{params.split.describe()}; test places; "
        f"{100 * params.calibration.label_frac:g} % of the labels, "
        f"{len(params.seeds)} label subsets"
    )


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main()
