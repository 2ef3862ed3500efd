"""Reliability curves, and the spread of scores over test places."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D

from sentinel_fusion.report.captions import wrap_caption
from sentinel_fusion.report.efficiency import USE_TITLES
from sentinel_fusion.report.looks import ArmLook, drawn_looks, marker_style

_GREY = "#666666"
_LARGEST_MARK = 60
"""Area in square points of the mark of a bin that holds every prediction; it grows
with the root of the share, so that small ones can be seen."""


def draw_reliability(
    rows: pd.DataFrame,
    errors: pd.DataFrame,
    *,
    arms: Sequence[str],
    accuracy_name: str,
    caption: str,
) -> Figure:
    """Accuracy against confidence, a panel a use and a line an arm.

    Args:
        rows: Columns "arm", "use", "confidence", "accuracy" and "share" of one task
            and label fraction.
        errors: Columns "arm", "use" and "ece" of the same, written into the legends.
        arms: All arms of the project, which fix each arm's look.
        accuracy_name: Axis label.
        caption: Data and protocol, written below the panels.

    Returns:
        The figure.
    """
    looks = drawn_looks(rows, arms)
    figure, panels = _panels(rows, panel_width=4.2, height=4.4, extra_width=0.4)
    for use, panel in panels.items():
        panel.plot([0, 1], [0, 1], color=_GREY, linewidth=0.8, linestyle=":")
        chosen = rows[rows["use"] == use]
        for arm, look in looks.items():
            line = chosen[chosen["arm"] == arm].sort_values("confidence")
            _draw_curve(panel, line, look)
        panel.set(title=USE_TITLES[use], xlim=(0, 1), ylim=(0, 1), xlabel="confidence")
        panel.set_aspect("equal")
        panel.grid(alpha=0.3)
        known = errors[errors["use"] == use].set_index("arm")["ece"]
        handles = [
            Line2D([], [], label=f"{arm}, ECE {error:.1%}", **_line_style(look))
            for arm, look in looks.items()
            for error in known[known.index == arm]
        ]
        panel.legend(handles=handles, fontsize=7, loc="upper left", framealpha=0.8)
    next(iter(panels.values())).set_ylabel(accuracy_name)
    _caption(figure, caption)
    return figure


def draw_places(
    rows: pd.DataFrame, *, arms: Sequence[str], score_name: str, caption: str
) -> Figure:
    """A box an arm over test places, a panel a use; the best median on top.

    Args:
        rows: Columns "arm", "use", "min", "q25", "median", "q75" and "max" of one task
            and label fraction.
        arms: All arms of the project, which fix each arm's colour.
        score_name: Axis label.
        caption: Data and protocol, written below the panels.

    Returns:
        The figure.
    """
    looks = drawn_looks(rows, arms)
    first_use = rows["use"].iloc[0]
    first = rows[rows["use"] == first_use].sort_values("median")
    order = [arm for arm in first["arm"] if arm in looks]
    height = 1.5 + 0.28 * len(order)
    figure, panels = _panels(rows, panel_width=3.8, height=height, extra_width=1.6)
    for use, panel in panels.items():
        boxes = rows[rows["use"] == use].set_index("arm")
        drawn = [arm for arm in order if arm in boxes.index]
        for arm in drawn:
            _draw_box(panel, boxes.loc[arm], order.index(arm), looks[arm])
        panel.set_yticks(range(len(order)), order)
        panel.set(title=USE_TITLES[use], xlabel=score_name)
        panel.grid(axis="x", alpha=0.3)
    _caption(figure, caption)
    return figure


def _panels(
    rows: pd.DataFrame, *, panel_width: float, height: float, extra_width: float
) -> tuple[Figure, dict[str, Axes]]:
    uses = [use for use in USE_TITLES if use in set(rows["use"])]
    layout = ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08)
    figure = Figure((panel_width * len(uses) + extra_width, height), layout=layout)
    axes = figure.subplots(1, len(uses), sharey=True, squeeze=False)[0]
    return figure, dict(zip(uses, axes, strict=True))


def _line_style(look: ArmLook) -> dict[str, Any]:
    return {**marker_style(look), "markersize": 4, "linewidth": 1.1}


def _draw_curve(panel: Axes, line: pd.DataFrame, look: ArmLook) -> None:
    style = _line_style(look)
    panel.plot(line["confidence"], line["accuracy"], **style | {"markersize": 0})
    panel.scatter(
        line["confidence"],
        line["accuracy"],
        s=_LARGEST_MARK * np.sqrt(line["share"]),
        marker=look.marker,
        facecolor=style["markerfacecolor"],
        edgecolor=look.colour,
        linewidth=0.9,
        zorder=3,
    )


def _draw_box(panel: Axes, box: pd.Series, position: int, look: ArmLook) -> None:
    panel.hlines(position, box["min"], box["max"], color=look.colour, linewidth=1.0)
    panel.barh(
        position,
        box["q75"] - box["q25"],
        left=box["q25"],
        height=0.55,
        facecolor=marker_style(look)["markerfacecolor"],
        edgecolor=look.colour,
        alpha=0.75,
    )
    panel.vlines(
        box["median"], position - 0.28, position + 0.28, color="black", linewidth=1.6
    )


def _caption(figure: Figure, caption: str) -> None:
    width = float(figure.get_size_inches()[0])
    figure.supxlabel(wrap_caption(caption, width, font_pt=8), fontsize=8)
