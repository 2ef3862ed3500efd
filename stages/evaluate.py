"""Score the test predictions of every cell, ensemble and the headline experiment."""

import json
import logging
import shutil
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from sentinel_fusion.folders import SHARED_FEATURES
from sentinel_fusion.metrics.scores import (
    confusion_rows,
    headline_summary,
    score_predictions,
)
from sentinel_fusion.params import load_params
from stages.cells import GRID, prune
from stages.scored_cells import read_members, scored_cells

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
    for (arm, task, label_frac), folders in scored_cells(params):
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
    shutil.rmtree(SHARED_FEATURES, ignore_errors=True)
    _LOG.info("scored %d cells and ensembles and the headline", len(tables))


def _score(folders: Sequence[Path], task: str) -> pd.DataFrame:
    rows = []
    for use, seed, scores in score_predictions(read_members(folders), task):
        rows += [(use, seed, name, value) for name, value in scores.items()]
    return pd.DataFrame(rows, columns=_SCORE_KEYS)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main()
