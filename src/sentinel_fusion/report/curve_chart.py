"""The label-fraction curves of the page, with the figures they are drawn from."""

import altair as alt
import pandas as pd

from sentinel_fusion.report.blocks import Chart, Charts
from sentinel_fusion.report.chart_style import MUTED, SURFACE, arm_styles
from sentinel_fusion.report.charts import (
    IN_ARMS,
    IN_TASK,
    arm_colour,
    arm_symbol,
    by_task,
    finish,
    is_among,
    source,
)
from sentinel_fusion.report.efficiency import USE_TITLES
from sentinel_fusion.report.results import Results
from sentinel_fusion.report.run import Run
from sentinel_fusion.uses import USES

_KEYS = ["task", "use", "label_frac"]
_DODGE = 1.03
"""Factor in labels between neighbouring arms, so that their intervals stand apart."""
_ROOM = 1.5
"""Factor in labels left free beside the first and the last share of labels."""
_MARGIN = 0.04
"""What is left free above and below the curves, as a share of their range."""
NO_FLOORS = pd.DataFrame(columns=["task", "label_frac", "arm", "mean"])
"""What ``floor_scores`` gives where there are no scores."""
_FLOOR = "floor: best random frozen features"


def curve_points(run: Run, results: Results) -> tuple[pd.DataFrame, str] | None:
    """The headline metric of every cell, with an interval.

    Args:
        run: Arms, tasks and data of the run.
        results: Its results.

    Returns:
        Columns "task", "arm", "use", "label_frac", "mean", "low" and "high", and what
        the interval is; with the spread over seeds where no intervals were
        estimated, None where there are no scores either.
    """
    intervals = results.table("intervals.csv")
    if intervals is not None:
        wanted = intervals["task"].map({t: m for t, (m, _) in run.headlines.items()})
        rows = intervals[intervals["metric"] == wanted]
        return rows.drop(columns="metric"), f"{run.intervals} over places and seeds"
    points = results.rows("label_efficiency.json")
    if points is None:
        return None
    rows = pd.DataFrame(points).rename(columns={"score": "mean"})
    rows["label_frac"] = (rows.pop("label_pct") / 100).round(6)
    return rows, "± standard deviation over seeds"


def reference_scores(run: Run, results: Results) -> pd.DataFrame:
    """The best supervised arm of each task, fine-tuned with the claim's share.

    Args:
        run: Arms, tasks and data of the run.
        results: Its results.

    Returns:
        Columns "task", "arm" and "mean"; no rows where it is not known.
    """
    report = results.record("ablation.json") or {}
    rows = [
        {"task": task, "arm": found["arm"], "mean": found[metric]}
        for task, (metric, _) in run.headlines.items()
        if (found := report.get(task, {}).get("reference"))
    ]
    return pd.DataFrame(rows, columns=["task", "arm", "mean"])


def floor_scores(run: Run, points: pd.DataFrame) -> pd.DataFrame:
    """What the best untrained encoder reaches when frozen: no arm should be below.

    Args:
        run: Arms, tasks and data of the run.
        points: As ``curve_points`` gives them.

    Returns:
        Columns "task", "label_frac", "arm" and "mean".
    """
    is_random = (points["use"] == "frozen") & ~points["arm"].isin(run.pretrained)
    best = points[is_random].sort_values("mean", kind="stable")
    best = best.drop_duplicates(["task", "label_frac"], keep="last")
    return best[["task", "label_frac", "arm", "mean"]].sort_values(
        ["task", "label_frac"]
    )


def curve_charts(
    run: Run, points: pd.DataFrame, spread: str, references: pd.DataFrame
) -> Charts:
    """Score against share of labels, a chart a use.

    Args:
        run: Arms, tasks and data of the run.
        points: As ``curve_points`` gives them.
        spread: What the interval is.
        references: As ``reference_scores`` gives them.

    Returns:
        The charts of the uses that there are, on one scale.
    """
    floor = floor_scores(run, points)
    data = {
        "curves": _dodged(run, points),
        "floor": floor.assign(label_pct=100 * floor["label_frac"]),
        "references": references,
    }
    return Charts(
        charts=tuple(
            Chart(
                key=f"curve-{use}",
                spec=_curve_spec(run, points, spread, use),
                data=data,
                use=use,
            )
            for use in USES
            if use in set(points["use"])
        ),
        caption=(
            f"Score against the share of labels; {spread}. Solid: pre-trained; dashed: "
            "from scratch; hollow: another encoder family. Dotted line: the best "
            f"supervised arm with {run.claim.reference_labels}. Grey: the best random "
            "frozen features, the floor. Arms stand side by side, at the same shares "
            "of labels."
        ),
    )


def _dodged(run: Run, points: pd.DataFrame) -> pd.DataFrame:
    """With "label_pct" and "x", which keeps arms of a task apart."""
    rows = points.assign(label_pct=(100 * points["label_frac"]).round(4))
    shift = pd.Series(0.0, index=rows.index)
    for _, group in rows.groupby("task"):
        arms = [arm for arm in run.arms if arm in set(group["arm"])]
        place = {arm: i - (len(arms) - 1) / 2 for i, arm in enumerate(arms)}
        shift[group.index] = group["arm"].map(place)
    return rows.assign(x=(rows["label_pct"] * _DODGE**shift).round(4))


def _spans(points: pd.DataFrame) -> dict[str, list[float]]:
    spans = {}
    for task, rows in points.groupby("task"):
        low, high = rows["low"].min(), rows["high"].max()
        margin = _MARGIN * (high - low)
        spans[str(task)] = [round(low - margin, 4), round(high + margin, 4)]
    return spans


def _curve_spec(
    run: Run, points: pd.DataFrame, spread: str, use: str
) -> dict[str, object]:
    hover = alt.selection_point(
        name="hover", on="pointerover", fields=["arm"], clear="pointerout", empty=True
    )
    titles = {
        task: f"{title}, {USE_TITLES[use]}"
        for task, (_, title) in run.headlines.items()
    }
    base = source("curves", IN_TASK, f"datum.use === '{use}'", IN_ARMS)
    base = base.encode(
        x=_labels_axis("x", points),
        y=_score_axis("mean", points),
        color=arm_colour(run),
        opacity=alt.condition(hover, alt.value(1), alt.value(0.15)),
    )
    layers = [
        *_context(run, points),
        base.mark_rule(strokeWidth=1.2).encode(
            y=_score_axis("low", points), y2="high:Q"
        ),
        _lines(base, run),
        _points(base, run).add_params(hover),
    ]
    return finish(
        layers,
        run=run,
        title=alt.ExprRef(by_task(titles)),
        description=(
            f"Line chart: score of each {USE_TITLES[use]} arm against the share of "
            "labels, with intervals. The table below holds the same figures."
        ),
        notes=[spread],
        height=400,
    )


def _labels_axis(field: str, points: pd.DataFrame) -> alt.X:
    percents = sorted((100 * points["label_frac"]).round(4).unique())
    ends = [percents[0] / _ROOM, percents[-1] * _ROOM]
    return alt.X(
        f"{field}:Q",
        scale=alt.Scale(type="log", domain=ends, nice=False),
        axis=alt.Axis(values=percents, format="~g", grid=False),
        title="labels used (%)",
    )


def _score_axis(field: str, points: pd.DataFrame) -> alt.Y:
    spans = by_task(_spans(points))
    scale = alt.Scale(
        domainMin=alt.ExprRef(f"{spans}[0]"),
        domainMax=alt.ExprRef(f"{spans}[1]"),
        zero=False,
        nice=False,
    )
    axis = alt.Axis(format=".0%", tickCount=7)
    return alt.Y(f"{field}:Q", scale=scale, axis=axis, title=None)


def _context(run: Run, points: pd.DataFrame) -> list[alt.Chart]:
    """The floor and the reference, behind the curves."""
    score = _score_axis("mean", points)
    floor = source("floor", IN_TASK).encode(
        x=_labels_axis("label_pct", points),
        y=score,
        tooltip=[
            alt.Tooltip("arm:N", title=_FLOOR),
            alt.Tooltip("mean:Q", title="score", format=".1%"),
        ],
    )
    reference = source("references", IN_TASK)
    label = f"'best supervised, {run.claim.reference_labels}: ' + datum.arm"
    return [
        floor.mark_line(color=MUTED, strokeWidth=7, opacity=0.3, strokeCap="round"),
        reference.mark_rule(color=MUTED, strokeDash=[1, 3], strokeWidth=2).encode(
            y=score
        ),
        reference.transform_calculate(label=label)
        .mark_text(
            align="left", baseline="bottom", dx=4, dy=-3, color=MUTED, fontSize=11
        )
        .encode(x=alt.value(0), y=score, text="label:N"),
    ]


def _lines(base: alt.Chart, run: Run) -> alt.Chart:
    styles = arm_styles(run.arms, run.pretrained)
    widths = alt.Scale(domain=list(styles), range=[s.width for s in styles.values()])
    dashes = alt.Scale(domain=list(styles), range=[s.dash for s in styles.values()])
    lines: alt.Chart = base.mark_line().encode(
        strokeDash=alt.StrokeDash("arm:O", scale=dashes, legend=None),
        strokeWidth=alt.StrokeWidth("arm:O", scale=widths, legend=None),
    )
    return lines


def _points(base: alt.Chart, run: Run) -> alt.Chart:
    styles = arm_styles(run.arms, run.pretrained)
    fillings = alt.Scale(
        domain=list(styles), range=[style.filling for style in styles.values()]
    )
    hollow = is_among([arm for arm, style in styles.items() if not style.filling])
    points: alt.Chart = base.mark_point(size=70, strokeWidth=1.8, opacity=1).encode(
        shape=arm_symbol(run),
        fill=alt.condition(hollow, alt.value(SURFACE), arm_colour(run)),
        fillOpacity=alt.condition(
            hollow, alt.value(1), alt.FillOpacity("arm:O", scale=fillings, legend=None)
        ),
        tooltip=[
            alt.Tooltip("arm:N"),
            alt.Tooltip("label_pct:Q", title="labels (%)", format="~g"),
            alt.Tooltip("mean:Q", title="score", format=".1%"),
            alt.Tooltip("low:Q", title="from", format=".1%"),
            alt.Tooltip("high:Q", title="to", format=".1%"),
        ],
    )
    return points
