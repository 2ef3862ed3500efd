"""Draw the label-fraction curve and say how many labels each arm needs."""

import json
import logging
from pathlib import Path

import pandas as pd

from sentinel_fusion.folders import make_empty
from sentinel_fusion.metrics.task_metrics import metrics_of
from sentinel_fusion.params import Params, load_params
from sentinel_fusion.report.curves import SCORE_TITLES, draw_label_efficiency
from sentinel_fusion.report.efficiency import (
    Report,
    curve,
    margin_table,
    margins,
    markdown_table,
    plot_rows,
    report_task,
)
from sentinel_fusion.report.figure_files import save_figure
from sentinel_fusion.report.published import reference_marks
from stages.arm_roles import twins, with_pretraining

_LOG = logging.getLogger(__name__)
_METRICS = Path("metrics")
_FIGURES = _METRICS / "figures"


def main() -> None:
    """Write ``ablation.json``, ``label_efficiency.json`` and ``.md``, and figures."""
    params = load_params()
    scores = pd.read_csv(_METRICS / "scores.csv")
    make_empty(_FIGURES)
    intervals = pd.read_csv(_METRICS / "intervals.csv")
    savings = pd.read_csv(_METRICS / "label_saving.csv")
    report: Report = {}
    summaries, tables = [], []
    for task in params.grid.arms:
        metrics = metrics_of(task)
        metric, title = metrics.HEADLINE_METRIC, metrics.HEADLINE_TITLE
        summary = curve(scores, intervals, task, metric)
        report[task] = report_task(summary, metric, savings[savings["task"] == task])
        summaries.append(summary)
        tables.append(f"{task}, {title} in %\n\n{markdown_table(summary)}")
        margin = margins(summary, twins(params))
        if len(margin):
            tables.append(
                f"{task}, points won by pre-training\n\n{margin_table(margin)}"
            )
        _draw(summary, _marks(task, metric, params), title, task, params)
        counted = set(intervals.loc[intervals["task"] == task, "metric"])
        for other in sorted(counted - {metric}):
            marks = _marks(task, other, params)
            if len(marks):  # what papers report and our headline is not
                rows = curve(scores, intervals, task, other)
                score = SCORE_TITLES.get(other, other)
                _draw(rows, marks, score, f"{task}_{other}", params)
    (_METRICS / "ablation.json").write_text(json.dumps(report, indent=2) + "\n")
    points = plot_rows(pd.concat(summaries), with_pretraining(params))
    text = json.dumps(points, indent=1) + "\n"
    (_METRICS / "label_efficiency.json").write_text(text)
    (_METRICS / "label_efficiency.md").write_text("\n".join(tables))
    _LOG.info("%s", "\n".join(tables))


def _marks(task: str, metric: str, params: Params) -> pd.DataFrame:
    source = params.sources.labelled.source
    return reference_marks(task, metric, params.split.protocol, source)


def _draw(
    summary: pd.DataFrame, marks: pd.DataFrame, title: str, name: str, params: Params
) -> None:
    figure = draw_label_efficiency(
        summary,
        arms=[*params.arms, *params.ensembles],
        score_name=title,
        caption=_caption(params),
        trained_arms=with_pretraining(params),
        published=marks,
    )
    save_figure(figure, _FIGURES, f"label_efficiency_{name}")


def _caption(params: Params) -> str:
    data = ", ".join(f"{role}: {source.source}" for role, source in params.sources)
    return (
        f"{data}; {params.split.describe()}; means over {len(params.seeds)} label "
        f"subsets, {100 * params.intervals.confidence:g} % intervals over places and "
        "seeds; dashed: from scratch"
    )


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main()
