"""The label-fraction curve, drawn in the manner of P1's ablation plot.

Source: ISPRS Annals V-3-2022, 705, figure of average accuracy against label share.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import NullLocator
from scipy.optimize import isotonic_regression

from sentinel_fusion.report.captions import wrap_caption
from sentinel_fusion.report.efficiency import USE_TITLES
from sentinel_fusion.report.looks import MARKERS, ArmLook, drawn_looks, line_style

_PUBLISHED_GREY = "#666666"
_FLOOR_GREY = "#e4e4e4"
FLOOR = "up to random features"
"""Legend of the ground below the best frozen encoder without pre-training."""
SCORE_TITLES = {
    "aa": "average accuracy (AA)",
    "oa": "overall accuracy (OA)",
    "overall_f1": "overall F1",
    "miou": "mean IoU",
}
"""Axis labels of scores that papers report."""
_LABEL_SIZE = 6.5
_LABEL_GAP = 0.042
"""Least distance between labels of published marks, as a share of a panel's height."""


def draw_label_efficiency(
    summary: pd.DataFrame,
    *,
    score_name: str,
    caption: str,
    arms: Sequence[str],
    trained_arms: set[str],
    published: pd.DataFrame,
) -> Figure:
    """Score against label fraction, a panel a use and a line an arm.

    Args:
        summary: Columns "arm", "use", "label_frac", "mean", "low" and "high" of one
            task; the last two are the ends of the error bars.
        score_name: Axis label.
        caption: Data and protocol, written below the panels.
        arms: All arms of the project, which fix each arm's look and the legend's
            order; those without a row are not drawn.
        trained_arms: Arms with pre-training, drawn solid; the others are dashed.
        published: Figures of other papers, drawn hollow and grey: columns "paper",
            "system", "use", "label_frac" and "value"; may have no rows.

    Returns:
        The figure.
    """
    looks = drawn_looks(summary, arms)
    uses = [use for use in USE_TITLES if use in set(summary["use"])]
    marks = _numbered(published[published["use"].isin(uses)])
    panel_width = 4.2 if marks.empty else 5.2
    layout = ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08)
    width = panel_width * len(uses) + 1.8
    figure = Figure((width, 4.6), layout=layout)
    panels = figure.subplots(1, len(uses), sharey=True, squeeze=False)[0]
    for use, panel in zip(uses, panels, strict=True):
        _draw_lines(panel, summary[summary["use"] == use], looks, trained_arms)
        _draw_marks(panel, marks[marks["use"] == use])
        panel.set_title(USE_TITLES[use])
    handles = _handles(looks, trained_arms)
    for use, panel in zip(uses, panels, strict=True):  # once the shared limits stand
        _label_marks(panel, marks[marks["use"] == use])
        if use == "frozen" and _draw_floor(panel, summary, trained_arms):
            handles.append(Patch(color=_FLOOR_GREY, label=FLOOR))
    panels[0].set_ylabel(score_name)
    if not marks.empty:
        handles.append(Line2D([], [], label="published", **_mark_style(0)))
    figure.legend(
        handles=handles,
        loc="outside right center",
        frameon=False,
        fontsize=8,
        handlelength=3.2,
        borderaxespad=1.5,
    )
    figure.supxlabel(wrap_caption(caption, width, font_pt=8), fontsize=8)
    return figure


def _handles(looks: dict[str, ArmLook], trained_arms: set[str]) -> list[Artist]:
    return [
        Line2D([], [], label=arm, **line_style(look, is_trained=arm in trained_arms))
        for arm, look in looks.items()
    ]


def _draw_floor(panel: Axes, summary: pd.DataFrame, trained_arms: set[str]) -> bool:
    """Shade what frozen encoders with random weights reach; whether there are any."""
    is_random = (summary["use"] == "frozen") & ~summary["arm"].isin(trained_arms)
    floor = summary[is_random].groupby("label_frac")["mean"].max()
    low, high = panel.get_ylim()
    panel.fill_between(100 * floor.index, low, floor, color=_FLOOR_GREY, zorder=0)
    panel.set_ylim(low, high)
    return not floor.empty


def _numbered(published: pd.DataFrame) -> pd.DataFrame:
    """With a "number" a system, so that its marker is the same in every panel."""
    systems = published.groupby(["paper", "system"], sort=False)
    return published.assign(number=systems.ngroup())


def _mark_style(number: int) -> dict[str, Any]:
    return {
        "color": _PUBLISHED_GREY,
        "linestyle": ":",
        "linewidth": 0.7,
        "marker": MARKERS[number % len(MARKERS)],
        "markersize": 4.5,
        "markerfacecolor": "none",
        "markeredgewidth": 0.8,
    }


def _draw_lines(
    panel: Axes,
    summary: pd.DataFrame,
    looks: dict[str, ArmLook],
    trained_arms: set[str],
) -> None:
    for arm, look in looks.items():
        rows = summary[summary["arm"] == arm].sort_values("label_frac")
        panel.errorbar(
            100 * rows["label_frac"],
            rows["mean"],
            yerr=(rows["mean"] - rows["low"], rows["high"] - rows["mean"]),
            label=arm,
            elinewidth=0.8,
            capsize=2,
            **line_style(look, is_trained=arm in trained_arms),
        )
    percents = sorted(100 * summary["label_frac"].unique())
    panel.set_xscale("log")
    panel.set_xticks(percents, [f"{percent:g}" for percent in percents])
    panel.xaxis.set_minor_locator(NullLocator())
    panel.set_xlabel("labels used (%)")
    panel.grid(alpha=0.3)


def _draw_marks(panel: Axes, marks: pd.DataFrame) -> None:
    for number, rows in marks.groupby("number"):
        line = rows.sort_values("label_frac")
        percents = 100 * line["label_frac"]
        panel.plot(percents, line["value"], **_mark_style(int(str(number))))


def _label_marks(panel: Axes, marks: pd.DataFrame) -> None:
    """Name each published system right of the panel, beside its last mark."""
    last = marks.sort_values("label_frac").drop_duplicates("number", keep="last")
    last = last.sort_values("value", kind="stable")
    low, high = panel.get_ylim()
    heights = _spread((last["value"].to_numpy(np.float64) - low) / (high - low))
    for row, height in zip(last.to_dict("records"), heights, strict=True):
        panel.annotate(
            f"{row['system']} ({row['paper']})",
            (100 * row["label_frac"], row["value"]),
            (1.03, height),
            textcoords="axes fraction",
            va="center",
            fontsize=_LABEL_SIZE,
            color=_PUBLISHED_GREY,
            arrowprops={
                "arrowstyle": "-",
                "color": _PUBLISHED_GREY,
                "linewidth": 0.5,
                "shrinkA": 1,
                "shrinkB": 3,
            },
        )


def _spread(heights: Float[np.ndarray, " labels"]) -> Float[np.ndarray, " labels"]:
    """Ascending heights moved as little as gives every label its gap."""
    if not heights.size:
        return heights
    steps = _LABEL_GAP * np.arange(len(heights))
    free = isotonic_regression(heights - steps).x  # least squares with gaps kept
    return np.asarray(np.clip(free, 0, 1 - steps[-1]) + steps)
