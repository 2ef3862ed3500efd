"""Gather what every pre-training and every cell cost."""

import json
import logging
from pathlib import Path

from sentinel_fusion.params import Params, load_params
from stages.cells import COSTS, cell_folder, cells, prune, prune_arms

_LOG = logging.getLogger(__name__)
_PRETRAIN = Path("runs/cost/pretrain")
_FILE = "cost.json"
Row = dict[str, object]


def main() -> None:
    """Write ``metrics/cost.json``, a row a pre-training and a row a cell."""
    params = load_params()
    prune(COSTS, params)
    prune_arms(_PRETRAIN, params.arms)
    rows = [*_pretrainings(params), *_cells(params)]
    out = Path("metrics") / _FILE
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.dumps(rows, indent=1) + "\n")
    seconds = sum(float(str(row["seconds"])) for row in rows)
    _LOG.info("%d pre-trainings and cells took %.0f s in all", len(rows), seconds)


def _pretrainings(params: Params) -> list[Row]:
    return [
        {"stage": "pretrain", "arm": arm, **_read(_PRETRAIN / arm)}
        for arm in params.arms
    ]


def _cells(params: Params) -> list[Row]:
    return [
        {
            "stage": "grid",
            "arm": cell[0],
            "task": cell[1],
            "label_frac": cell[2],
            **_read(cell_folder(COSTS, cell)),
        }
        for cell in cells(params)
    ]


def _read(folder: Path) -> Row:
    cost: Row = json.loads((folder / _FILE).read_text())
    return cost


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main()
