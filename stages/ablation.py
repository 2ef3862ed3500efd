"""Draw the label-fraction curve and say how many labels each arm needs."""

import importlib
import json
import logging
from pathlib import Path

import pandas as pd

from sentinel_fusion.metrics.label_efficiency import labels_needed
from sentinel_fusion.params import Params, load_params
from sentinel_fusion.report.curves import draw_label_efficiency, save_figure

_LOG = logging.getLogger(__name__)
_METRICS = Path("metrics")
_FIGURES = _METRICS / "figures"
_BASELINE = "scratch"
_KEYS = ["task", "use", "arm", "label_frac"]


def main() -> None:
    """Write ``ablation.json``, ``label_efficiency.json`` and the figures."""
    params = load_params()
    scores = pd.read_csv(_METRICS / "scores.csv")
    _FIGURES.mkdir(parents=True, exist_ok=True)
    report: dict[str, object] = {}
    tables = []
    for task in params.grid.tasks:
        metrics = importlib.import_module(f"sentinel_fusion.metrics.{task}")
        chosen = scores[
            (scores["task"] == task) & (scores["metric"] == metrics.HEADLINE_METRIC)
        ]
        summary = _summarise(chosen)
        tables.append(summary)
        report[task] = _report_task(summary, metrics.HEADLINE_METRIC, params)
        figure = draw_label_efficiency(
            summary,
            score_name=metrics.HEADLINE_TITLE,
            caption=_caption(params, summary),
            trained_arms=set(params.grid.arms) - _baselines(params),
        )
        save_figure(figure, _FIGURES, f"label_efficiency_{task}")
    (_METRICS / "ablation.json").write_text(json.dumps(report, indent=2) + "\n")
    _write_plot_rows(pd.concat(tables))


def _summarise(chosen: pd.DataFrame) -> pd.DataFrame:
    return (
        chosen.groupby(_KEYS, sort=False)["value"]
        .agg(mean="mean", sd=lambda values: values.std(ddof=0), num_seeds="count")
        .reset_index()
    )


def _baselines(params: Params) -> set[str]:
    return {arm for arm in params.grid.arms if params.arms[arm].method == _BASELINE}


def _report_task(
    summary: pd.DataFrame, metric: str, params: Params
) -> dict[str, object]:
    report: dict[str, object] = {}
    for use, rows in summary.groupby("use"):
        report[str(use)] = {
            str(arm): {
                _percent_key(row["label_frac"]): {
                    metric: round(row["mean"], 6),
                    f"{metric}_sd": round(row["sd"], 6),
                }
                for row in line.to_dict("records")
            }
            for arm, line in rows.groupby("arm", sort=False)
        }
    baselines = _baselines(params)
    full = summary[summary["label_frac"] == summary["label_frac"].max()]
    rivals = full[full["arm"].isin(baselines) & (full["use"] == "finetuned")]
    if rivals.empty:
        return report
    best = rivals.loc[rivals["mean"].idxmax()]
    reference = float(best["mean"])
    report["reference"] = {"arm": str(best["arm"]), metric: round(reference, 6)}
    report["labels_needed"] = {
        str(use): {
            str(arm): _needed(line, reference)
            for arm, line in rows.groupby("arm", sort=False)
            if arm not in baselines
        }
        for use, rows in summary.groupby("use")
    }
    return report


def _percent_key(label_frac: float) -> str:
    # no dot in a key: DVC would read a level of nesting
    return f"pct_{100 * label_frac:06.2f}".replace(".00", "").replace(".", "_")


def _needed(line: pd.DataFrame, reference: float) -> dict[str, object]:
    rows = line.sort_values("label_frac")
    needed = labels_needed(
        rows["label_frac"].tolist(), rows["mean"].tolist(), reference
    )
    if needed is None:
        return {"reached": False}
    return {"reached": True, "labels_pct": round(100 * needed, 3)}


def _caption(params: Params, summary: pd.DataFrame) -> str:
    data = ", ".join(f"{role}: {source.source}" for role, source in params.sources)
    seeds = int(summary["num_seeds"].min())
    return (
        f"{data}; protocol {params.split.protocol}; mean and standard deviation "
        f"over {seeds} label subsets; dashed: from scratch"
    )


def _write_plot_rows(summary: pd.DataFrame) -> None:
    rows = [
        {
            **{key: row[key] for key in ("task", "use", "arm")},
            "label_pct": 100 * row["label_frac"],
            "score": round(row["mean"], 6),
            "low": round(row["mean"] - row["sd"], 6),
            "high": round(row["mean"] + row["sd"], 6),
        }
        for row in summary.to_dict("records")
    ]
    text = json.dumps(rows, indent=1)
    (_METRICS / "label_efficiency.json").write_text(text + "\n")


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main()
