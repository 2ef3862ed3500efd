"""How good a cell's predictions are: calibration, confusions, spread over places."""

import altair as alt
import pandas as pd

from sentinel_fusion.classes import CLASS_COLOURS, CLASS_NAMES
from sentinel_fusion.report.blocks import Chart, Charts, Switch
from sentinel_fusion.report.chart_style import INK, MUTED
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
from sentinel_fusion.report.run import Run
from sentinel_fusion.uses import USES

_CELL_COLOUR = "#0b5cad"
_MARK_PX = 9
"""Half the room of a class's colour beside its name."""
_SPREAD = ("min", "q25", "median", "q75", "max")


def reliability_charts(run: Run, rows: pd.DataFrame) -> Charts:
    """Accuracy against confidence, a chart a use.

    Args:
        run: Arms, tasks and data of the run.
        rows: As ``reliability.csv`` holds them.

    Returns:
        The charts of the uses that there are.
    """
    return Charts(
        charts=tuple(
            Chart(
                key=f"reliability-{use}",
                spec=_reliability_spec(run, use),
                data={"reliability": rows},
                use=use,
            )
            for use in USES
            if use in set(rows["use"])
        ),
        caption=(
            "Reliability: how often predictions of a confidence are right, at the "
            "chosen share of labels. On the diagonal, confidence can be taken at its "
            "word; below it the arm is too sure. Larger marks: more predictions."
        ),
        tasks=tuple(dict.fromkeys(rows["task"])),
    )


def _reliability_spec(run: Run, use: str) -> dict[str, object]:
    share = alt.Scale(domain=[0, 1], nice=False)
    axis = alt.Axis(format=".0%", tickCount=5)
    base = source(
        "reliability", IN_TASK, IN_ARMS, IN_FRAC, f"datum.use === '{use}'"
    ).encode(
        x=alt.X("confidence:Q", scale=share, axis=axis, title="confidence"),
        y=alt.Y("accuracy:Q", scale=share, axis=axis, title="accuracy"),
        color=arm_colour(run),
    )
    ends = alt.InlineData([{"at": 0}, {"at": 1}])
    diagonal = alt.Chart(ends).mark_line(color=MUTED, strokeDash=[4, 4])
    points = base.mark_point(filled=True, opacity=1).encode(
        shape=arm_symbol(run),
        size=alt.Size("share:Q", scale=alt.Scale(range=[15, 250]), legend=None),
        tooltip=[
            alt.Tooltip("arm:N"),
            alt.Tooltip("confidence:Q", format=".1%"),
            alt.Tooltip("accuracy:Q", format=".1%"),
            alt.Tooltip("share:Q", title="share of predictions", format=".1%"),
        ],
    )
    return finish(
        [diagonal.encode(x="at:Q", y="at:Q"), base.mark_line(), points],
        run=run,
        title=f"Reliability, {USE_TITLES[use]}",
        description=(
            f"Line chart: accuracy against confidence of each {USE_TITLES[use]} arm, "
            "with the diagonal of perfect calibration."
        ),
    )


def confusion_charts(run: Run, rows: pd.DataFrame) -> Charts:
    """Where the tiles or pixels of each class end up, a chart a use.

    Args:
        run: Arms, tasks and data of the run.
        rows: As ``confusion.csv`` holds them.

    Returns:
        The charts of the uses that there are, with a choice of the arm.
    """
    keys = ["task", "arm", "use", "label_frac", "true"]
    totals = rows.groupby(keys)["count"].transform("sum")
    filled = rows[rows["count"] > 0].assign(share=rows["count"] / totals)
    ran = {
        arm: tuple(dict.fromkeys(rows.loc[rows["arm"] == arm, "task"]))
        for arm in run.arms
        if arm in set(rows["arm"])
    }
    first = next((arm for arm in ran if arm in run.pretrained), next(iter(ran)))
    return Charts(
        charts=tuple(
            Chart(
                key=f"confusion-{use}",
                spec=_confusion_spec(run, use, first),
                data={"confusion": filled},
                use=use,
            )
            for use in USES
            if use in set(rows["use"])
        ),
        caption=(
            "Confusion of one arm at the chosen share of labels: of all that is the "
            "class of a row, the share taken for the class of a column."
        ),
        tasks=tuple(dict.fromkeys(rows["task"])),
        switch=Switch("arm", "Arm", ran, first),
    )


def _confusion_spec(run: Run, use: str, arm: str) -> dict[str, object]:
    classes = alt.Scale(domain=list(CLASS_NAMES))
    below = alt.Axis(labelAngle=-40, ticks=False, domain=False)
    left = alt.Axis(labelPadding=2 * _MARK_PX, ticks=False, domain=False)
    base = source(
        "confusion", IN_TASK, IN_FRAC, f"datum.use === '{use}'", "datum.arm === arm"
    ).encode(
        x=alt.X("predicted:N", scale=classes, axis=below),
        y=alt.Y("true:N", scale=classes, axis=left),
    )
    shade = alt.Scale(domain=[0, 1], range=[0.04, 1])
    cells = base.mark_rect(color=_CELL_COLOUR).encode(
        opacity=alt.Opacity("share:Q", scale=shade, legend=None),
        tooltip=[
            alt.Tooltip("true:N"),
            alt.Tooltip("predicted:N"),
            alt.Tooltip("count:Q", format=","),
            alt.Tooltip("share:Q", format=".1%"),
        ],
    )
    figures = base.mark_text(fontSize=11).encode(
        text=alt.Text("share:Q", format=".0%"),
        color=alt.condition("datum.share > 0.5", alt.value("white"), alt.value(INK)),
    )
    return finish(
        [cells, figures, _class_marks()],
        run=run,
        title=alt.ExprRef(f"'Confusion of ' + arm + ', {USE_TITLES[use]}'"),
        description=(
            "Heat map: share of each true class that was predicted as each class, "
            "for one arm."
        ),
        height=360,
        extra=[alt.param(name="arm", value=arm)],
    )


def _class_marks() -> alt.Chart:
    """The fixed land-cover colour beside each class."""
    colours = [
        {"true": name, "colour": colour}
        for name, colour in zip(CLASS_NAMES, CLASS_COLOURS, strict=True)
    ]
    squares = alt.Chart(alt.InlineData(colours)).mark_square(size=90, opacity=1)
    marks: alt.Chart = squares.encode(
        x=alt.value(-_MARK_PX), y="true:N", color=alt.Color("colour:N", scale=None)
    )
    return marks


def places_chart(run: Run, rows: pd.DataFrame) -> Charts:
    """How the score differs between test places.

    Args:
        run: Arms, tasks and data of the run.
        rows: As ``places.csv`` holds them.

    Returns:
        The chart.
    """
    labels = [row_label(arm, use) for arm, use in rows[["arm", "use"]].to_numpy()]
    order = alt.EncodingSortField("median", op="max", order="descending")
    base = source("places", IN_TASK, IN_USES, IN_ARMS, IN_FRAC).encode(
        y=alt.Y("label:N", sort=order, title=None),
        color=arm_colour(run),
        tooltip=[
            alt.Tooltip("label:N", title="arm"),
            *(alt.Tooltip(f"{name}:Q", format=".1%") for name in _SPREAD),
            alt.Tooltip("num_places:Q", title="places"),
        ],
    )
    spec = finish(
        [
            base.mark_rule().encode(
                x=alt.X("min:Q", axis=sparse_axis(".0%"), title="score"), x2="max:Q"
            ),
            base.mark_bar(size=9, opacity=0.75).encode(x="q25:Q", x2="q75:Q"),
            base.mark_tick(thickness=2.5, size=14, opacity=1).encode(
                x="median:Q", color=alt.value(INK)
            ),
        ],
        run=run,
        title="Spread over test places",
        description="Range chart, a row an arm: scores of the test places.",
        height=alt.Step(ROW_PX),
    )
    return Charts(
        charts=(
            Chart(key="places", spec=spec, data={"places": rows.assign(label=labels)}),
        ),
        caption=(
            "Spread over test places: whole range, middle half and median of the "
            "places' scores, at the chosen share of labels."
        ),
        tasks=tuple(dict.fromkeys(rows["task"])),
    )
