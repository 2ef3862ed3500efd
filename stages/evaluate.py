"""Score the test predictions of every cell and of the headline experiment."""

import json
import logging
import shutil
from itertools import product
from pathlib import Path

import pandas as pd

from sentinel_fusion.metrics.scores import (
    confusion_rows,
    headline_summary,
    score_predictions,
)
from sentinel_fusion.params import Params, load_params

_LOG = logging.getLogger(__name__)
_GRID = Path("runs/grid")
_HEADLINE = Path("runs/headline")
_METRICS = Path("metrics")
_PREDICTIONS = "predictions.parquet"


def main() -> None:
    """Write ``scores.csv``, ``headline.json`` and ``headline_confusion.csv``."""
    params = load_params()
    grid, section = params.grid, params.finetune
    _prune(params)
    _METRICS.mkdir(exist_ok=True)
    tables = []
    for arm, task, frac in product(grid.arms, grid.tasks, grid.label_fracs):
        predictions = pd.read_parquet(_folder(arm, task, frac) / _PREDICTIONS)
        scores = score_predictions(predictions, task)
        tables.append(scores.assign(arm=arm, task=task, label_frac=frac))
    table = pd.concat(tables, ignore_index=True)
    keys = ["arm", "task", "label_frac", "use", "seed", "metric", "value"]
    table[keys].to_csv(_METRICS / "scores.csv", index=False, float_format="%.6f")
    scores = score_predictions(pd.read_parquet(_HEADLINE / _PREDICTIONS), section.task)
    cost = json.loads((_HEADLINE / "cost.json").read_text())
    headline = {
        "arm": section.arm,
        "task": section.task,
        "labels": cost["labels"],
        **headline_summary(scores, section.task),
    }
    (_METRICS / "headline.json").write_text(json.dumps(headline, indent=2) + "\n")
    confusion = confusion_rows(scores, "finetuned")
    confusion.to_csv(_METRICS / "headline_confusion.csv", index=False)
    _LOG.info("scored %d cells and the headline experiment", len(tables))


def _folder(arm: str, task: str, label_frac: float) -> Path:
    for folder in (_GRID / arm / task).iterdir():
        if float(folder.name) == label_frac:
            return folder
    raise FileNotFoundError(
        f"no cell {arm} {task} {label_frac:g} below {_GRID}; run `dvc repro grid`"
    )


def _prune(params: Params) -> None:
    """Remove cells that left the grid, whose folders no clone could reproduce."""
    grid = params.grid
    for folder in sorted(path for path in _GRID.glob("*/*/*") if path.is_dir()):
        arm, task, frac = folder.parts[-3:]
        if arm in grid.arms and task in grid.tasks and float(frac) in grid.label_fracs:
            continue
        _LOG.info("removing %s, which is not in the grid any more", folder)
        shutil.rmtree(folder)
        for parent in (folder.parent, folder.parent.parent):
            if not any(parent.iterdir()):
                parent.rmdir()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main()
