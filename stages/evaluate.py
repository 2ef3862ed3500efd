"""Score the test predictions of every cell and of the headline experiment."""

import importlib
import json
import logging
import shutil
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pandas as pd

from sentinel_fusion.classes import CLASS_NAMES
from sentinel_fusion.params import Params, load_params

_LOG = logging.getLogger(__name__)
_GRID = Path("runs/grid")
_HEADLINE = Path("runs/headline")
_METRICS = Path("metrics")


def main() -> None:
    """Write ``scores.csv``, ``headline.json`` and ``headline_confusion.csv``."""
    params = load_params()
    _prune(params)
    grid = params.grid
    tables = []
    for arm, task, frac in product(grid.arms, grid.tasks, grid.label_fracs):
        scores = score_cell(_cell_folder(arm, task, frac), task)
        scores.insert(0, "arm", arm)
        scores.insert(1, "task", task)
        scores.insert(2, "label_frac", frac)
        tables.append(scores)
    table = pd.concat(tables, ignore_index=True)
    _METRICS.mkdir(exist_ok=True)
    table.to_csv(_METRICS / "scores.csv", index=False, float_format="%.6f")
    headline = _summarise_headline(params)
    text = json.dumps(headline, indent=2)
    (_METRICS / "headline.json").write_text(text + "\n")
    _LOG.info("scored %d cells; headline %s", len(tables), headline["finetuned"])


def score_cell(folder: Path, task: str) -> pd.DataFrame:
    """Every score of a cell's predictions.

    Args:
        folder: Cell as the grid stage wrote it.
        task: Name of the task.

    Returns:
        Columns "use", "seed", "metric" and "value".
    """
    metrics = importlib.import_module(f"sentinel_fusion.metrics.{task}")
    predictions = pd.read_parquet(folder / "predictions.parquet")
    rows = []
    for (use, seed), group in predictions.groupby(["use", "seed"], sort=True):
        probability, wanted = metrics.from_predictions(group)
        scores = metrics.score(probability, wanted)
        rows += [(use, seed, name, value) for name, value in scores.items()]
    return pd.DataFrame(rows, columns=["use", "seed", "metric", "value"])


def _summarise_headline(params: Params) -> dict[str, object]:
    section = params.finetune
    metrics = importlib.import_module(f"sentinel_fusion.metrics.{section.task}")
    shown_metric = metrics.HEADLINE_METRIC
    scores = score_cell(_HEADLINE, section.task)
    _write_confusion(scores)
    summary: dict[str, object] = {
        "arm": section.arm,
        "task": section.task,
        **json.loads((_HEADLINE / "cost.json").read_text()),
    }
    summary.pop("seconds")
    shown = scores[~scores["metric"].str.startswith(("confusion_", "precision_"))]
    for use, group in shown.groupby("use"):
        means = group.groupby("metric", sort=False)["value"].mean()
        deviation = group.groupby("metric", sort=False)["value"].std(ddof=0)
        summary[str(use)] = {
            **{str(name): round(float(value), 6) for name, value in means.items()},
            f"{shown_metric}_sd": round(float(deviation[shown_metric]), 6),
        }
    return summary


def _write_confusion(scores: pd.DataFrame) -> None:
    chosen = scores[
        (scores["use"] == "finetuned") & scores["metric"].str.startswith("confusion_")
    ]
    counts = chosen.groupby("metric")["value"].sum()
    rows = [
        {"actual": true, "predicted": other}
        for true, other in product(CLASS_NAMES, CLASS_NAMES)
        for _ in range(int(counts.get(f"confusion_{true}_{other}", 0)))
    ]
    pd.DataFrame(rows).to_csv(_METRICS / "headline_confusion.csv", index=False)


def _cell_folder(arm: str, task: str, label_frac: float) -> Path:
    for folder in (_GRID / arm / task).iterdir():
        if float(folder.name) == label_frac:
            return folder
    raise FileNotFoundError(
        f"no cell {arm} {task} {label_frac:g} below {_GRID}; run `dvc repro grid`"
    )


def _cells() -> Iterator[tuple[Path, str, str, float]]:
    for folder in sorted(_GRID.glob("*/*/*")):
        if folder.is_dir():
            yield folder, folder.parts[-3], folder.parts[-2], float(folder.name)


def _prune(params: Params) -> None:
    """Remove cells that left the grid, whose folders no clone could reproduce."""
    grid = params.grid
    for folder, arm, task, frac in _cells():
        if arm in grid.arms and task in grid.tasks and frac in grid.label_fracs:
            continue
        _LOG.info("removing %s, which is not in the grid any more", folder)
        shutil.rmtree(folder)
        for parent in (folder.parent, folder.parent.parent):
            if not any(parent.iterdir()):
                parent.rmdir()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main()
