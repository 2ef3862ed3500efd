"""Percentiles of every band beside published statistics: wrong units leap to the eye.

S2 is drawn on a logarithmic scale, on which B10 (near 15) and an offset of 1000 left in
it are as plain to see as the bright bands.
"""

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from sentinel_fusion.bands import BANDS
from sentinel_fusion.data.published_stats import PUBLISHED
from sentinel_fusion.report.captions import wrap_caption

Summary = Mapping[str, Mapping[str, float]]

S2_LIMITS = (1.0, 30000.0)
"""Drawn reflectance x 10000; what is darker is drawn at the lower limit."""
S1_LIMITS_DB = (-45.0, 15.0)
"""Drawn at least; wider where the data are."""
_BOX: dict[str, Any] = {
    "facecolor": "#a6c8e0",
    "edgecolor": "#08519c",
    "linewidth": 0.8,
}
_MARKS = (("#d55e00", "s"), ("#000000", "D"))
_OFFSETS = (0.28, 0.42)  # of the published marks from the box, in bands


def draw_band_ranges(
    bands: Mapping[str, Mapping[str, Summary]], *, caption: str
) -> Figure:
    """Boxes of our percentiles and marks of published means, a row a role.

    Args:
        bands: Role -> sensor -> band -> summary, the ``bands`` entries of stats.json.
        caption: Data, written below together with the sources of the published marks.

    Returns:
        The figure: box 25th to 75th percentile, line the median, whiskers 5th to 95th,
        points 1st and 99th; published mean with one standard deviation either way.
    """
    width = 10.5
    layout = ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08)
    figure = Figure((width, 3.2 * len(bands) + 1.1), layout=layout)
    panels = figure.subplots(
        len(bands),
        len(BANDS),
        squeeze=False,
        width_ratios=[len(b) + 1 for b in BANDS.values()],
    )
    for row, (role, sensors) in zip(panels, bands.items(), strict=True):
        for panel, sensor in zip(row, BANDS, strict=True):
            _draw_sensor(panel, sensors[sensor], sensor)
            panel.set_title(f"{role}: {sensor.upper()}", fontsize=9)
    figure.legend(
        handles=_legend(),
        loc="outside upper center",
        ncols=4,
        fontsize=7.5,
        frameon=False,
    )
    sources = " and of ".join(f"{stats.name} ({stats.source})" for stats in PUBLISHED)
    text = f"{caption}; published statistics of {sources}"
    figure.supxlabel(wrap_caption(text, width, font_pt=7.5), fontsize=7.5)
    return figure


def _draw_sensor(panel: Axes, bands: Summary, sensor: str) -> None:
    names = BANDS[sensor]
    floor = S2_LIMITS[0] if sensor == "s2" else -float("inf")
    panel.bxp(
        [_box(bands[name], floor) for name in names],
        positions=range(len(names)),
        widths=0.4,
        patch_artist=True,
        manage_ticks=False,
        boxprops=_BOX,
        medianprops={"color": "#08306b", "linewidth": 1.4},
        flierprops={"marker": ".", "markersize": 4, "markeredgecolor": "#08519c"},
        whiskerprops={"color": "#08519c", "linewidth": 0.8},
        capprops={"color": "#08519c", "linewidth": 0.8},
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


def _box(found: Mapping[str, float], floor: float) -> dict[str, Any]:
    cut = {name: max(value, floor) for name, value in found.items()}
    return {
        "med": cut["p50"],
        "q1": cut["p25"],
        "q3": cut["p75"],
        "whislo": cut["p5"],
        "whishi": cut["p95"],
        "fliers": [cut["p1"], cut["p99"]],
    }


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
    ours = Patch(**_BOX, label="ours: p25 to p75, median, whiskers p5 and p95")
    ends = Line2D(
        [], [], color="#08519c", linestyle="none", marker=".", label="p1, p99"
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
