"""Histogram of every band beside published statistics: wrong units leap to the eye.

S2 is drawn on a logarithmic scale, on which B10 (near 15) and an offset of 1000 left in
it are as plain to see as the bright bands.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from sentinel_fusion.bands import BANDS
from sentinel_fusion.data.published_stats import PUBLISHED
from sentinel_fusion.data.stats import HISTOGRAM_EDGES
from sentinel_fusion.report.captions import wrap_caption

Summary = Mapping[str, Mapping[str, float]]
Counts = Mapping[str, Sequence[int]]

S2_LIMITS = (1.0, 30000.0)
"""Drawn reflectance x 10000; what is darker is drawn at the lower limit."""
S1_LIMITS_DB = (-45.0, 15.0)
"""Drawn at least; wider where the data are."""
_FILL, _INK = "#a6c8e0", "#08519c"
_HALF_WIDTH = 0.42
"""Of the commonest values of a band, in bands."""
_MARKS = (("#d55e00", "s"), ("#000000", "D"))
_OFFSETS = (0.28, 0.42)  # of the published marks from the box, in bands


def draw_band_ranges(stats: Mapping[str, Mapping[str, Any]], *, caption: str) -> Figure:
    """Our histograms and marks of published means, a row a role.

    Args:
        stats: Role -> content of stats.json, with "bands" and "histograms".
        caption: Data, written below together with the sources of the published marks.

    Returns:
        The figure: left of each band its histogram, as wide at the commonest values;
        on its edge thick the 25th to 75th percentile, thin the 5th to 95th, dots
        median, 1st and 99th; published mean with one standard deviation either way.
    """
    width = 10.5
    layout = ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08)
    figure = Figure((width, 3.2 * len(stats) + 1.1), layout=layout)
    panels = figure.subplots(
        len(stats),
        len(BANDS),
        squeeze=False,
        width_ratios=[len(b) + 1 for b in BANDS.values()],
    )
    for row, (role, found) in zip(panels, stats.items(), strict=True):
        for panel, sensor in zip(row, BANDS, strict=True):
            _draw_histograms(panel, found["histograms"][sensor], sensor)
            _draw_sensor(panel, found["bands"][sensor], sensor)
            panel.set_title(f"{role}: {sensor.upper()}", fontsize=9)
    figure.legend(
        handles=_legend(),
        loc="outside upper center",
        ncols=4,
        fontsize=7.5,
        frameon=False,
    )
    sources = " and of ".join(f"{other.name} ({other.source})" for other in PUBLISHED)
    text = f"{caption}; published statistics of {sources}"
    figure.supxlabel(wrap_caption(text, width, font_pt=7.5), fontsize=7.5)
    return figure


def _draw_histograms(panel: Axes, histograms: Counts, sensor: str) -> None:
    for position, name in enumerate(BANDS[sensor]):
        counts = np.asarray(histograms[name], np.float64)
        full = np.flatnonzero(counts)
        edges = HISTOGRAM_EDGES[sensor][full[0] : full[-1] + 2]
        widths = _HALF_WIDTH * counts[full[0] : full[-1] + 1] / counts.max()
        panel.fill_betweenx(
            np.repeat(edges, 2)[1:-1],
            position - np.repeat(widths, 2),
            position,
            color=_FILL,
            linewidth=0,
        )


def _draw_sensor(panel: Axes, bands: Summary, sensor: str) -> None:
    names = BANDS[sensor]
    floor = S2_LIMITS[0] if sensor == "s2" else -float("inf")
    for position, name in enumerate(names):
        cut = {key: max(value, floor) for key, value in bands[name].items()}
        for first, last, line_width in (("p5", "p95", 0.9), ("p25", "p75", 3.0)):
            panel.plot(
                [position, position],
                [cut[first], cut[last]],
                color=_INK,
                linewidth=line_width,
                solid_capstyle="butt",
            )
        panel.plot(
            [position] * 3,
            [cut["p1"], cut["p50"], cut["p99"]],
            color=_INK,
            linestyle="none",
            marker=".",
            markersize=4,
            markerfacecolor="white",
        )
    for stats, (colour, marker), offset in zip(
        PUBLISHED, _MARKS, _OFFSETS, strict=True
    ):
        means, deviations = zip(*(stats.of(name) for name in names), strict=True)
        panel.errorbar(
            [position + offset for position in range(len(names))],
            means,
            yerr=[
                [min(sd, m - floor) for m, sd in zip(means, deviations, strict=True)],
                deviations,
            ],
            **_mark(colour, marker),
        )
    panel.set_xticks(range(len(names)), names)
    panel.set_xlim(-0.5, len(names) - 0.3)
    if sensor == "s2":
        panel.set_yscale("log")
        panel.set_ylim(*S2_LIMITS)
        panel.set_ylabel("reflectance x 10000", fontsize=8)
    else:
        low, high = panel.get_ylim()
        panel.set_ylim(min(low, S1_LIMITS_DB[0]), max(high, S1_LIMITS_DB[1]))
        panel.set_ylabel("backscatter (dB)", fontsize=8)
    panel.tick_params(labelsize=8)
    panel.grid(axis="y", alpha=0.3)


def _mark(colour: str, marker: str) -> dict[str, Any]:
    return {
        "color": colour,
        "linestyle": "none",
        "marker": marker,
        "markersize": 3.5,
        "elinewidth": 0.9,
        "capsize": 1.5,
    }


def _legend() -> list[Patch | Line2D]:
    ours = Patch(color=_FILL, label="ours: histogram")
    ends = Line2D(
        [],
        [],
        color=_INK,
        linewidth=2,
        marker=".",
        markerfacecolor="white",
        label="ours: p5, p25, p75, p95; dots p1, median, p99",
    )
    published = [
        Line2D(
            [],
            [],
            color=colour,
            marker=marker,
            markersize=3.5,
            linewidth=0.9,
            label=f"{stats.name}: mean ± sd",
        )
        for stats, (colour, marker) in zip(PUBLISHED, _MARKS, strict=True)
    ]
    return [ours, ends, *published]
