"""What stands behind the scores: pre-training, the simulator, the cost."""

from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from sentinel_fusion.report.blocks import Chart, Charts, Switch
from sentinel_fusion.report.chart_style import MUTED, themed
from sentinel_fusion.report.charts import (
    IN_ARMS,
    ROW_PX,
    arm_colour,
    arm_symbol,
    finish,
    source,
    sparse_axis,
)
from sentinel_fusion.report.run import Run, spell

_INSIDE = ("#0072b2", "#56b4e9")
_OUTSIDE = ("#d55e00", "#f0883e")
_STAGES = (
    ("#0b4f8a", "#9ed0f7"),
    ("#3182bd", "#5aa5dd"),
    ("#77b1dd", "#3778ab"),
    ("#b8d7ee", "#25527a"),
)
"""One hue, step by step: stages are parts of the same work, not arms."""
_MOST_EPOCH_TICKS = 9
_THIN_ROW_PX = 14


def diagnostics_chart(run: Run, rows: pd.DataFrame) -> Charts:
    """How a pre-training's features develop.

    Args:
        run: Arms, tasks and data of the run.
        rows: As ``diagnostics_curves.csv`` holds them.

    Returns:
        The chart, with a choice of the metric.
    """
    metrics = list(dict.fromkeys(rows["metric"]))
    epochs = np.unique(rows["epoch"])
    ticks = epochs[:: -(-len(epochs) // _MOST_EPOCH_TICKS)].tolist()
    base = source("diagnostics", IN_ARMS, "datum.metric === diagnostic").encode(
        x=alt.X("epoch:Q", axis=alt.Axis(values=ticks, format="d", grid=False)),
        y=alt.Y("value:Q", scale=alt.Scale(zero=False), title=None),
        color=arm_colour(run),
    )
    points = base.mark_point(filled=True, size=45, opacity=1).encode(
        shape=arm_symbol(run),
        tooltip=[
            alt.Tooltip("arm:N"),
            alt.Tooltip("epoch:Q"),
            alt.Tooltip("value:Q", format=".4g"),
        ],
    )
    spec = finish(
        [base.mark_line(strokeWidth=2), points],
        run=run,
        title=alt.ExprRef("replace(diagnostic, /_/g, ' ')"),
        description="Line chart: one diagnostic of every pre-training by epoch.",
        extra=[alt.param(name="diagnostic", value=metrics[0])],
    )
    return Charts(
        charts=(Chart(key="diagnostics", spec=spec, data={"diagnostics": rows}),),
        caption="Diagnostics of every pre-training by epoch.",
        switch=Switch("diagnostic", "Metric", dict.fromkeys(metrics, ()), metrics[0]),
    )


def realism_chart(run: Run, rows: pd.DataFrame) -> Charts:
    """Where the simulator lies inside the spread of real places.

    Args:
        run: Arms, tasks and data of the run.
        rows: As ``realism.csv`` holds them.

    Returns:
        The chart, every measure scaled so that the real places span 0 to 1, with a
        choice of the group of measures.
    """
    groups = [str(group) for group in dict.fromkeys(rows["group"])]
    spec = finish(
        _realism_layers(),
        run=run,
        title=alt.ExprRef("'Synthetic against real: ' + group"),
        description="Interval chart, a row a measure. A table below holds the figures.",
        height=alt.Step(_THIN_ROW_PX),
        extra=[alt.param(name="group", value=groups[0])],
    )
    return Charts(
        charts=(Chart(key="realism", spec=spec, data={"realism": _scaled(rows)}),),
        caption=(
            "Each measure is scaled so that the grey band spans the real places; what "
            "lies beyond the frame is drawn at its edge."
        ),
        switch=Switch("group", "Measures", dict.fromkeys(groups, ()), groups[0]),
    )


def _scaled(rows: pd.DataFrame) -> pd.DataFrame:
    """With "median", "low" and "high" on the scale of the chart, and "where"."""
    width = rows["real_high"] - rows["real_low"]
    scaled = {
        name: (rows[f"synthetic_{name}"] - rows["real_low"]) / width
        for name in ("median", "low", "high")
    }
    where = rows["inside"].map({True: "inside", False: "outside"})
    return rows.assign(where=where, **scaled)[width > 0]


def _realism_layers() -> list[alt.Chart]:
    domain = ["inside", "outside"]
    legend = "median of the synthetic places"
    colours = alt.Scale(domain=domain, range=[themed(*_INSIDE), themed(*_OUTSIDE)])
    frame = alt.Scale(domain=[-1, 2], clamp=True, nice=False)
    axis = alt.Axis(values=[0, 1], labelExpr="datum.value ? 'highest' : 'lowest'")
    figures = ("synthetic_median", "real_low", "real_high", "published")
    base = source("realism", "datum.group === group").encode(
        y=alt.Y("measure:N", sort=None, title=None),
        color=alt.Color("where:N", title=legend, scale=colours),
        tooltip=[
            alt.Tooltip("measure:N"),
            *(alt.Tooltip(f"{n}:Q", title=spell(n), format=".4g") for n in figures),
        ],
    )
    band = alt.Chart(alt.InlineData([{"low": 0, "high": 1}]))
    return [
        band.mark_rect(opacity=0.12, color=MUTED).encode(
            x=alt.X("low:Q", scale=frame, axis=axis, title="real places"), x2="high:Q"
        ),
        base.transform_filter("isValid(datum.low)")
        .mark_rule(strokeWidth=2)
        .encode(x="low:Q", x2="high:Q"),
        base.mark_point(filled=True, size=55, opacity=1).encode(
            x="median:Q",
            shape=alt.Shape("where:N", title=legend, scale=alt.Scale(domain=domain)),
        ),
    ]


def cost_chart(run: Run, costs: list[dict[str, Any]]) -> Charts:
    """The seconds of every arm by stage.

    Args:
        run: Arms, tasks and data of the run.
        costs: As ``cost.json`` holds them.

    Returns:
        The chart.
    """
    rows = pd.DataFrame(costs)
    is_cell = rows["stage"] == "grid"
    rows["work"] = rows["task"].where(is_cell, "pretrain").map(spell)
    total = rows.groupby(["arm", "work"], as_index=False)["seconds"].sum()
    steps = ["pretrain", *map(spell, run.tasks)]
    shades = [themed(*_STAGES[i % len(_STAGES)]) for i in range(len(steps))]
    bars = source("cost").mark_bar(size=13)
    bars = bars.encode(
        x=alt.X("seconds:Q", axis=sparse_axis("d"), title="seconds"),
        y=alt.Y("arm:N", sort=list(run.arms), title=None),
        color=alt.Color(
            "work:N", title=None, scale=alt.Scale(domain=steps, range=shades)
        ),
        order=alt.Order("step:Q"),
        tooltip=[
            alt.Tooltip("arm:N"),
            alt.Tooltip("work:N", title="stage"),
            alt.Tooltip("seconds:Q", format=".1f"),
        ],
    )
    spec = finish(
        [bars],
        run=run,
        title="Seconds by arm",
        description="Stacked bars, a row an arm. A table below holds every cell.",
        height=alt.Step(ROW_PX),
    )
    data = {"cost": total.assign(step=total["work"].map(steps.index))}
    return Charts(
        charts=(Chart(key="cost", spec=spec, data=data),),
        caption="Seconds that each arm took, all fractions, seeds and uses, by stage.",
    )
