"""How the pre-trainings went, epoch by epoch."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D

from sentinel_fusion.report.captions import wrap_caption
from sentinel_fusion.report.looks import ArmLook, drawn_looks, marker_style

_COLUMNS = 4
_PANEL_IN = (2.75, 2.3)
_GREY = "#666666"
_DIRECTIONS: tuple[Any, Any] = ("-", (0, (3, 1.5)))
"""Line of the first direction of a retrieval, and of the way back."""


@dataclass(frozen=True)
class _Panel:
    title: str
    metric: str
    """Regular expression; one metric an arm, or one a direction."""
    chance: str = ""
    is_log: bool = False


_PANELS = (
    _Panel("loss (each method's own)", "loss"),
    _Panel("alignment (lower: closer)", "alignment"),
    _Panel("uniformity (lower: wider)", "uniformity"),
    _Panel("spread of projections", "spread"),
    _Panel("effective rank of features", "effective_rank"),
    _Panel("retrieval, top 1", "retrieval_.+_top1", "top1"),
    _Panel("retrieval, median rank", "retrieval_.+_median_rank", "rank", is_log=True),
    _Panel("k-NN accuracy (0: untrained)", "knn_accuracy"),
)


def draw_diagnostics(
    curves: pd.DataFrame,
    *,
    arms: Sequence[str],
    chance: dict[str, float],
    caption: str,
) -> Figure:
    """A panel a measure, a line an arm, epochs from left to right.

    Args:
        curves: Columns "arm", "epoch", "metric" and "value".
        arms: All arms of the project, which fix each arm's look.
        chance: What random vectors reach: "top1", and "rank" for the median rank.
        caption: Data and protocol, written below the panels.

    Returns:
        The figure.
    """
    looks = drawn_looks(curves, arms)
    rows = -(-len(_PANELS) // _COLUMNS)
    width = _PANEL_IN[0] * _COLUMNS + 1.8
    layout = ConstrainedLayoutEngine(w_pad=0.06, h_pad=0.06)
    figure = Figure((width, _PANEL_IN[1] * rows + 0.5), layout=layout)
    axes = figure.subplots(rows, _COLUMNS, sharex=True, squeeze=False)
    for panel, on in zip(_PANELS, axes.flat, strict=True):
        chosen = curves[curves["metric"].str.fullmatch(panel.metric)]
        for arm, look in looks.items():
            _draw_arm(on, chosen[chosen["arm"] == arm], look)
        if panel.chance:
            on.axhline(chance[panel.chance], color=_GREY, linewidth=0.8, linestyle=":")
        if panel.is_log:
            on.set_yscale("log")
        on.set_title(panel.title, fontsize=9)
        on.tick_params(labelsize=8)
        on.grid(alpha=0.3)
    for on in axes[-1]:
        on.set_xlabel("epoch", fontsize=8)
    figure.legend(
        handles=_legend(looks),
        loc="outside right center",
        frameon=False,
        fontsize=8,
        handlelength=2.6,
    )
    figure.supxlabel(wrap_caption(caption, width, font_pt=8), fontsize=8)
    return figure


def _draw_arm(panel: Axes, rows: pd.DataFrame, look: ArmLook) -> None:
    lines = rows.groupby("metric", sort=False)
    for (_, line), dashes in zip(lines, _DIRECTIONS, strict=False):
        points = line.sort_values("epoch")
        style = _style(look) | {"linestyle": dashes}
        panel.plot(points["epoch"], points["value"], **style)


def _style(look: ArmLook) -> dict[str, Any]:
    return {**marker_style(look), "markersize": 3.5, "linewidth": 1.1}


def _legend(looks: dict[str, ArmLook]) -> list[Line2D]:
    grey: dict[str, Any] = {"color": _GREY, "linewidth": 1.1}
    there, back = _DIRECTIONS
    return [
        *(Line2D([], [], label=arm, **_style(look)) for arm, look in looks.items()),
        Line2D([], [], label="s1 to s2, view 1 to 2", linestyle=there, **grey),
        Line2D([], [], label="the way back", linestyle=back, **grey),
        Line2D([], [], label="chance", color=_GREY, linewidth=0.8, linestyle=":"),
    ]
