"""Draw the label-fraction curve and say how many labels each arm needs."""

import importlib
import json
import logging
from pathlib import Path

import pandas as pd

from sentinel_fusion.params import Params, load_params
from sentinel_fusion.report.curves import draw_label_efficiency, save_figure
from sentinel_fusion.report.efficiency import (
    Report,
    markdown_table,
    plot_rows,
    report_task,
    summarise,
)

_LOG = logging.getLogger(__name__)
_METRICS = Path("metrics")
_FIGURES = _METRICS / "figures"
_BASELINE = "scratch"


def main() -> None:
    """Write ``ablation.json``, ``label_efficiency.json`` and ``.md``, and figures."""
    params = load_params()
    scores = pd.read_csv(_METRICS / "scores.csv")
    _FIGURES.mkdir(parents=True, exist_ok=True)
    baselines = {a for a in params.grid.arms if params.arms[a].method == _BASELINE}
    report: Report = {}
    summaries, tables = [], []
    for task in params.grid.tasks:
        metrics = importlib.import_module(f"sentinel_fusion.metrics.{task}")
        summary = summarise(scores[scores["task"] == task], metrics.HEADLINE_METRIC)
        report[task] = report_task(summary, metrics.HEADLINE_METRIC, baselines)
        summaries.append(summary)
        tables.append(f"{task}, {metrics.HEADLINE_TITLE} in %\n\n")
        tables.append(markdown_table(summary))
        figure = draw_label_efficiency(
            summary,
            score_name=metrics.HEADLINE_TITLE,
            caption=_caption(params),
            trained_arms=set(params.grid.arms) - baselines,
        )
        save_figure(figure, _FIGURES, f"label_efficiency_{task}")
    (_METRICS / "ablation.json").write_text(json.dumps(report, indent=2) + "\n")
    rows = json.dumps(plot_rows(pd.concat(summaries)), indent=1)
    (_METRICS / "label_efficiency.json").write_text(rows + "\n")
    (_METRICS / "label_efficiency.md").write_text("".join(tables))
    _LOG.info("%s", "".join(tables))


def _caption(params: Params) -> str:
    data = ", ".join(f"{role}: {source.source}" for role, source in params.sources)
    return (
        f"{data}; protocol {params.split.protocol}; mean and standard deviation over "
        f"{len(params.seeds)} label subsets; dashed: from scratch"
    )


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main()
