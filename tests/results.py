"""Results of an invented run, written as the stages write them."""

import itertools
import json
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from sentinel_fusion.classes import CLASS_NAMES
from sentinel_fusion.report.efficiency import report_task, summarise
from sentinel_fusion.report.run import Claim, Run
from sentinel_fusion.uses import USES

RUN = Run(
    arms=("late", "dual_simclr", "swin_late", "ensemble"),
    pretrained=frozenset({"dual_simclr", "ensemble"}),
    headlines={
        "single_label": ("aa", "average accuracy (AA)"),
        "segmentation": ("miou", "mean IoU"),
    },
    sources={"pretrain": "synthetic", "labelled": "synthetic"},
    split="protocol B",
    label_fracs=(0.1, 1.0),
    num_seeds=2,
    claim=Claim(label_frac=0.1, reference_frac=1.0, confidence=0.95),
)
_VERDICTS = ("holds", "undecided", "does not hold")


def _cells(run: Run) -> pd.DataFrame:
    rows = itertools.product(run.tasks, run.arms, USES, run.label_fracs)
    return pd.DataFrame(rows, columns=["task", "arm", "use", "label_frac"])


def intervals(run: Run) -> pd.DataFrame:
    """Scores rise with the labels by 0.1 a decade, and with the arm's place by 0.02."""
    cells = _cells(run)
    place = cells["arm"].map(run.arms.index)
    mean = 0.6 + 0.1 * np.log10(cells["label_frac"]) + 0.02 * place
    mean -= 0.1 * (cells["use"] == "frozen")
    metric = cells["task"].map({t: name for t, (name, _) in run.headlines.items()})
    spread = {"mean": mean, "low": mean - 0.03, "high": mean + 0.02}
    return cells.assign(metric=metric, **spread, num_seeds=run.num_seeds, num_places=9)


def _scores(run: Run) -> pd.DataFrame:
    cells = intervals(run).rename(columns={"mean": "value"})
    seeds = pd.DataFrame({"seed": range(run.num_seeds)})
    return cells.drop(columns=["low", "high"]).merge(seeds, how="cross")


def _comparisons(run: Run) -> pd.DataFrame:
    cells = intervals(run)
    return cells[cells["arm"] == "dual_simclr"].assign(
        versus=run.arms[0],
        versus_use=lambda rows: rows["use"],
        versus_frac=lambda rows: rows["label_frac"],
        difference=lambda rows: np.where(rows["label_frac"] == 1, 0.02, 0.03),
        low=lambda rows: rows["difference"] - 0.04,
        high=lambda rows: rows["difference"] + 0.04,
        p_value=0.04,
        p_holm=0.16,
    )


def _savings(run: Run) -> pd.DataFrame:
    """Fine-tuned arms reach the reference, frozen ones do not."""
    cells = _cells(run).drop(columns="label_frac").drop_duplicates()
    rows = cells[cells["arm"].isin(run.pretrained)]
    is_reached = rows["use"] == "finetuned"
    return rows.assign(
        reference_arm=run.arms[0],
        reference=0.6,
        reached=is_reached,
        labels_pct=np.where(is_reached, 36.0, np.nan),
        low_pct=20.0,
        high_pct=np.nan,
        saving=np.where(is_reached, 2.8, np.nan),
        saving_low=1.0,
        saving_high=5.0,
    )


def _confusion(run: Run) -> pd.DataFrame:
    classes = pd.DataFrame(
        itertools.product(CLASS_NAMES, CLASS_NAMES), columns=["true", "predicted"]
    )
    rows = _cells(run).merge(classes, how="cross")
    return rows.assign(count=np.where(rows["true"] == rows["predicted"], 30, 2))


def _realism() -> pd.DataFrame:
    rows = pd.DataFrame({"measure": ["B02", "B03", "VV"], "group": "means"})
    return rows.assign(
        synthetic_median=[1200.0, 2500.0, -14.0],
        synthetic_low=[1000.0, np.nan, -17.0],  # statistics of all places have none
        synthetic_high=[1400.0, np.nan, -11.0],
        real_low=[900.0, 900.0, -18.0],
        real_high=[1500.0, 1500.0, -10.0],
        published=[1184.4, 1120.8, np.nan],
        inside=[True, False, True],
    )


def _tables(run: Run) -> dict[str, pd.DataFrame]:
    cells = _cells(run)
    bins = pd.DataFrame({"bin": range(5), "confidence": np.arange(0.1, 1, 0.2)})
    epochs = pd.DataFrame(
        itertools.product(run.arms, (1, 2, 3), ("alignment", "effective_rank")),
        columns=["arm", "epoch", "metric"],
    )
    return {
        "scores": _scores(run),
        "intervals": intervals(run),
        "comparisons": _comparisons(run),
        "label_saving": _savings(run),
        "diagnostics_curves": epochs.assign(value=1 / epochs["epoch"]),
        "calibration": cells.assign(
            ece=0.1, classwise_ece=0.05, mean_confidence=0.7, accuracy=0.6
        ),
        "reliability": cells.merge(bins, how="cross").assign(
            accuracy=lambda rows: 0.9 * rows["confidence"], share=0.2
        ),
        "confusion": _confusion(run),
        "places": cells.assign(
            min=0.2, q25=0.4, median=0.5, q75=0.6, max=0.8, num_places=9
        ),
        "budget": cells.assign(
            steps=60,
            batch_size=32,
            augment="d4",
            learning_rate=0.01,
            candidates="0.002 0.01",
            validations=3,
            best_step=40,
            val_score=0.6,
            edge="no",
        ),
        "realism": _realism(),
    }


def _records(run: Run) -> dict[str, object]:
    scores, savings = _scores(run), _savings(run)
    report = {
        task: report_task(
            summarise(scores[scores["task"] == task], metric),
            metric,
            savings[savings["task"] == task],
        )
        for task, (metric, _) in run.headlines.items()
    }
    points = intervals(run).rename(columns={"mean": "score"})
    points["label_pct"] = 100 * points["label_frac"]
    curve = points[["task", "use", "arm", "label_pct", "score", "low", "high"]]
    cells = _cells(run).drop(columns="use").drop_duplicates()
    cells = cells.assign(stage="grid", labels=82, seconds=3.25, gflops=0.001)
    cost = [
        *({"stage": "pretrain", "arm": arm, "seconds": 9.5} for arm in run.arms),
        *cells.to_dict("records"),
    ]
    claims = {
        task: {
            arm: {
                use: {
                    "difference": 0.02 - 0.03 * i,
                    "low": 0.01 - 0.03 * i,
                    "high": 0.03 - 0.03 * i,
                    "verdict": _VERDICTS[i],
                    "reference": run.arms[0],
                }
                for i, use in enumerate(USES)
            }
            for arm in sorted(run.pretrained)
        }
        for task in run.tasks
    }
    return {
        "ablation": report,
        "label_efficiency": curve.to_dict("records"),
        "cost": cost,
        "claims": claims,
        "diagnostics": {arm: {"alignment": 0.4, "top_1": 0.25} for arm in run.arms},
        "headline": {"arm": run.arms[0], "labels": 82, "frozen": {"aa": 0.5}},
        "data": {"labelled": {"tiles": 90, "places": 9}},
        "leakage": {"shared": {"train_val": {"place": 0, "duplicate": 0}}},
        "realism": {"inside": 2, "measures": 3},
    }


def write_results(folder: Path, run: Run = RUN) -> Path:
    """Every file that the page reads."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in _tables(run).items():
        rows.to_csv(folder / f"{name}.csv", index=False)
    for name, record in _records(run).items():
        (folder / f"{name}.json").write_text(json.dumps(record))
    for name in (
        "figures/label_efficiency_single_label",
        "maps/maps",
        "data/footprints",
        "calibration/reliability",
        "diagnostics/collapse",
        "realism/spectra",
    ):
        file = folder / f"{name}.png"
        file.parent.mkdir(exist_ok=True)
        Figure((1, 1)).savefig(file, dpi=20)
    return folder
