"""Score the test predictions of every cell, ensemble and the headline experiment."""

import json
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from sentinel_fusion.data.predictions import read_predictions
from sentinel_fusion.metrics.scores import (
    confusion_rows,
    headline_summary,
    score_predictions,
)
from sentinel_fusion.params import Params, load_params
from stages.cells import GRID, Cell, cell_folder, cells, prune

_LOG = logging.getLogger(__name__)
_HEADLINE = Path("runs/headline")
_METRICS = Path("metrics")
_SCORE_KEYS = ["use", "seed", "metric", "value"]


def main() -> None:
    """Write ``scores.csv``, ``headline.json`` and ``headline_confusion.csv``."""
    params = load_params()
    prune(GRID, params)
    _METRICS.mkdir(exist_ok=True)
    tables = []
    for (arm, task, label_frac), folders in _scored(params):
        table = _score(folders, task)
        tables.append(table.assign(arm=arm, task=task, label_frac=label_frac))
    table = pd.concat(tables, ignore_index=True)
    # most of the rows, and never looked at but for the headline experiment
    table = table[~table["metric"].str.startswith("confusion_")]
    keys = ["arm", "task", "label_frac", *_SCORE_KEYS]
    table[keys].to_csv(_METRICS / "scores.csv", index=False, float_format="%.6f")
    section = params.finetune
    scores = _score([_HEADLINE], section.task)
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
    _LOG.info("scored %d cells and ensembles and the headline", len(tables))


def _scored(params: Params) -> Iterator[tuple[Cell, list[Path]]]:
    """Cells with their folders, then ensembles with those of their members."""
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


def _score(folders: Sequence[Path], task: str) -> pd.DataFrame:
    rows = []
    for parts in zip(*(read_predictions(f) for f in folders), strict=True):
        uses, seeds, tables = zip(*parts, strict=True)
        assert len(set(uses)) == len(set(seeds)) == 1
        scores = score_predictions(tables, task)
        rows += [(uses[0], seeds[0], name, value) for name, value in scores.items()]
    return pd.DataFrame(rows, columns=_SCORE_KEYS)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main()
