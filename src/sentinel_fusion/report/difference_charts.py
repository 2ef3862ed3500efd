"""Differences with their intervals, a row each: the claims and paired comparisons."""

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import pandas as pd

from sentinel_fusion.report.blocks import Chart, Charts
from sentinel_fusion.report.chart_style import MUTED, SURFACE
from sentinel_fusion.report.charts import (
    IN_ARMS,
    IN_FRAC,
    IN_TASK,
    IN_USES,
    ROW_PX,
    arm_colour,
    arm_symbol,
    finish,
    row_label,
    source,
    sparse_axis,
)
from sentinel_fusion.report.efficiency import USE_TITLES
from sentinel_fusion.report.run import Run, percent

_POINTS = ("difference", "low", "high")


def claim_rows(claims: Mapping[str, Any]) -> pd.DataFrame:
    """The claims as rows.

    Args:
        claims: Task -> arm -> use -> "difference", "low", "high", "verdict",
            "reference" and "chance", as ``claims.json`` holds them.

    Returns:
        "task", "arm", "use" and those.
    """
    return pd.DataFrame(
        [
            {"task": task, "arm": arm, "use": use, **found}
            for task, arms in claims.items()
            for arm, uses in arms.items()
            for use, found in uses.items()
        ]
    )


def claims_chart(run: Run, rows: pd.DataFrame) -> Charts:
    """How far each pre-trained arm is from the reference.

    Args:
        run: Arms, tasks and data of the run.
        rows: As ``claim_rows`` gives them.

    Returns:
        The chart.
    """
    labels = [row_label(arm, use) for arm, use in rows[["arm", "use"]].to_numpy()]
    chart = _difference_chart(
        run,
        rows.assign(label=labels),
        key="claims",
        conditions=[IN_TASK, IN_USES],
        title="Difference to the best supervised arm",
        tooltips=[alt.Tooltip("verdict:N")],
    )
    return Charts(
        charts=(chart,),
        caption=(
            f"Pre-trained with {percent(run.claim.label_frac)} of the labels minus "
            f"best supervised with {percent(run.claim.reference_frac)}, "
            f"{run.intervals}. The claim holds where the whole interval lies right of "
            "the line; where it crosses the line the data do not decide."
        ),
        tasks=tuple(dict.fromkeys(rows["task"])),
    )


def comparisons_chart(run: Run, rows: pd.DataFrame) -> Charts:
    """Paired differences between arms at one share of labels.

    Args:
        run: Arms, tasks and data of the run.
        rows: As ``comparisons.csv`` holds them; other than headline metrics are left
            out.

    Returns:
        The chart.
    """
    wanted = rows["task"].map({t: metric for t, (metric, _) in run.headlines.items()})
    rows = rows[rows["metric"] == wanted]
    labels = [
        row_label(f"{row['arm']} \N{MINUS SIGN} {other_side(row)}", row["use"])
        for row in rows.to_dict("records")
    ]
    chart = _difference_chart(
        run,
        rows.assign(label=labels),
        key="comparisons",
        conditions=[IN_TASK, IN_USES, IN_ARMS, IN_FRAC],
        title="Paired on the same test tiles",
        tooltips=[
            alt.Tooltip("p_value:Q", title="p", format=".3f"),
            alt.Tooltip("p_holm:Q", title="p after Holm", format=".3f"),
        ],
    )
    return Charts(
        charts=(chart,),
        caption=(
            f"Difference between two arms, {run.intervals}, on the same test tiles, at "
            "the chosen share of labels."
        ),
        tasks=tuple(dict.fromkeys(rows["task"])),
    )


def other_side(row: Mapping[Any, Any]) -> str:
    """What a row of ``comparisons.csv`` compares with, as far as it differs.

    Args:
        row: The row.

    Returns:
        Such as "late" or "late (frozen encoder, 100 %)".
    """
    use, frac = row["versus_use"], row["versus_frac"]
    parts = [USE_TITLES[use]] if use != row["use"] else []
    parts += [percent(frac)] if frac != row["label_frac"] else []
    return f"{row['versus']} ({', '.join(parts)})" if parts else str(row["versus"])


def _difference_chart(
    run: Run,
    rows: pd.DataFrame,
    *,
    key: str,
    conditions: Sequence[str],
    title: str,
    tooltips: Sequence[alt.Tooltip],
) -> Chart:
    spec = finish(
        _difference_layers(run, source(key, *conditions), tooltips),
        run=run,
        title=title,
        description=(
            f"Interval chart, a row a difference: {title}. A table below holds the "
            "same figures."
        ),
        notes=["filled: fine-tuned; hollow: frozen"],
        height=alt.Step(ROW_PX),
    )
    points = {name: 100 * rows[name] for name in _POINTS}
    longest = int(rows["label"].str.len().max())
    return Chart(
        key=key, spec=spec, data={key: rows.assign(**points)}, min_px=180 + 7 * longest
    )


def _difference_layers(
    run: Run, rows: alt.Chart, tooltips: Sequence[alt.Tooltip]
) -> list[alt.Chart]:
    order = alt.EncodingSortField("difference", op="max", order="descending")
    base = rows.encode(
        y=alt.Y("label:N", sort=order, title=None),
        color=arm_colour(run),
        tooltip=[
            alt.Tooltip("label:N", title="arm"),
            *(alt.Tooltip(f"{name}:Q", format="+.1f") for name in _POINTS),
            *tooltips,
        ],
    )
    ends = alt.X("low:Q", title="points", axis=sparse_axis("+.3~g"))
    fill = alt.condition("datum.use === 'frozen'", alt.value(SURFACE), arm_colour(run))
    zero = alt.Chart(alt.InlineData([{"zero": 0}])).mark_rule(color=MUTED)
    return [
        zero.encode(x="zero:Q"),
        base.mark_rule(strokeWidth=2).encode(x=ends, x2="high:Q"),
        base.mark_point(size=70, strokeWidth=1.8, opacity=1).encode(
            x="difference:Q", shape=arm_symbol(run), fill=fill
        ),
    ]
