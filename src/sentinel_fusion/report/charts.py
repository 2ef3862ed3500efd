"""What all charts of the page share: their signals, filters, titles and colours."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from sentinel_fusion.report.chart_style import arm_styles, config, themed
from sentinel_fusion.report.run import Run
from sentinel_fusion.uses import USES

IN_TASK = "datum.task === task"
IN_USES = "indexof(uses, datum.use) >= 0"
IN_ARMS = "indexof(arms, datum.arm) >= 0"
IN_FRAC = "datum.label_frac === frac"
"""Filters by what the page's switches have chosen."""
ROW_PX = 20
"""Height of a row in charts with a row an arm."""


def finish(
    layers: Sequence[alt.Chart],
    *,
    run: Run,
    title: str | alt.ExprRef,
    description: str,
    notes: Sequence[str] = (),
    height: int | alt.Step = 340,
    extra: Sequence[alt.Parameter] = (),
) -> dict[str, Any]:
    """The specification of a chart, with all signals that the page sets.

    Args:
        layers: Its layers; they name their data.
        run: The run, whose data and protocol stand below the title.
        title: Title, or an expression of the signals.
        description: What it shows, for those who do not see it.
        notes: Further lines below the title, short enough for a phone.
        height: Height in px, or that of a row.
        extra: Signals of its own switches.

    Returns:
        Vega-Lite, as wide as the page lets it be.
    """
    values: dict[str, Any] = {
        "task": run.tasks[0],
        "uses": list(USES),
        "arms": list(run.arms),
        "frac": run.label_fracs[-1],
        "dark": False,
    }
    chart = (
        alt.layer(*layers)
        .add_params(*(alt.param(name=n, value=v) for n, v in values.items()), *extra)
        .properties(
            width="container",
            height=height,
            title=alt.TitleParams(text=title, subtitle=[run.stamp, *notes]),
            description=description,
        )
    )
    return {**chart.to_dict(), "config": config()}


def source(name: str, *conditions: str) -> alt.Chart:
    """A chart of the rows that meet conditions.

    Args:
        name: Name of the data on the page.
        conditions: Vega expressions, all of which must hold.

    Returns:
        A chart without a mark.
    """
    chart = alt.Chart(alt.NamedData(name))
    return chart.transform_filter(" && ".join(conditions)) if conditions else chart


def by_task(values: Mapping[str, Any]) -> str:
    """An expression that looks a value up by the chosen task.

    Args:
        values: Task -> value.

    Returns:
        A Vega expression.
    """
    return f"({json.dumps(dict(values))})[task]"


def arm_colour(run: Run) -> alt.Color:
    """Colour by arm, the same in every chart.

    Args:
        run: Arms, tasks and data of the run.

    Returns:
        The encoding; the page's switches are its legend.
    """
    styles = arm_styles(run.arms, run.pretrained)
    colours = [themed(style.light, style.dark) for style in styles.values()]
    return alt.Color(
        "arm:N", scale=alt.Scale(domain=list(styles), range=colours), legend=None
    )


def arm_symbol(run: Run) -> alt.Shape:
    """Marker by arm, the same in every chart.

    Args:
        run: Arms, tasks and data of the run.

    Returns:
        The encoding; the page's switches are its legend.
    """
    styles = arm_styles(run.arms, run.pretrained)
    symbols = [style.symbol for style in styles.values()]
    return alt.Shape(
        "arm:N", scale=alt.Scale(domain=list(styles), range=symbols), legend=None
    )


def is_among(arms: Sequence[str]) -> str:
    """An expression that tells whether a row's arm is among some.

    Args:
        arms: The arms.

    Returns:
        A Vega expression.
    """
    return f"indexof({json.dumps(list(arms))}, datum.arm) >= 0"


def row_label(arm: str, use: str) -> str:
    """What stands left of an arm's row, short enough for a phone.

    Args:
        arm: The arm.
        use: The use of its encoder.

    Returns:
        Such as "late" or "late, frozen".
    """
    return f"{arm}, frozen" if use == "frozen" else arm


def sparse_axis(style: str) -> alt.Axis:
    """A horizontal axis whose labels have room on a narrow screen.

    Args:
        style: D3 format of the labels.

    Returns:
        The axis.
    """
    return alt.Axis(format=style, tickCount=alt.ExprRef("ceil(width / 70)"))
