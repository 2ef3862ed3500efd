"""Figures of simulated beside real places: spectra, histograms, correlations, measures.

A band spans the 5th to 95th percentile of the simulated places around their median;
thin lines are the real places.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import NullFormatter, ScalarFormatter

from sentinel_fusion.metrics.place_measures import (
    BANDS,
    HISTOGRAM_DB,
    TILE_PX,
    PlaceMeasures,
    correlation_matrix,
)
from sentinel_fusion.metrics.realism import SYNTHETIC_PERCENTILES
from sentinel_fusion.report.captions import wrap_caption

Places = Sequence[PlaceMeasures]
_SYNTHETIC = "#0072b2"
_REAL = ("#d55e00", "#009e73", "#cc79a7", "#e69f00", "#000000")
_STYLES = ("-", "--", ":", "-.", (0, (5, 1, 1, 1)))
_PIXEL_M = 10
_FRAME = (-1.0, 2.0)
"""Limits of the drawn measures, where real places span 0 to 1."""


def draw_spectra(synthetic: Places, real: Places, *, caption: str) -> Figure:
    """Power spectra by wavelength, a panel a band group.

    Args:
        synthetic: Simulated places, at least one.
        real: Real places.
        caption: Data, written below.

    Returns:
        The figure, both axes logarithmic.
    """
    groups = list(real[0].spectra)
    figure, panels = _panels(1, len(groups), caption, panel_in=(2.5, 2.7))
    cycles = np.arange(1, TILE_PX // 2 + 1)
    wavelength_m = _PIXEL_M * TILE_PX / cycles
    for panel, group in zip(panels.flat, groups, strict=True):
        curves = [
            {place.name: place.spectra[group] for place in places}
            for places in (synthetic, real)
        ]
        _draw_curves(panel, wavelength_m, *curves)
        panel.set_title(group, fontsize=9)
        panel.set(xscale="log", yscale="log", xlabel="wavelength (m)")
        panel.set_xlim(wavelength_m[0] * 1.1, wavelength_m[-1] / 1.1)
        panel.set_xticks([320, 160, 80, 40, 20])
        panel.xaxis.set_major_formatter(ScalarFormatter())
        panel.xaxis.set_minor_formatter(NullFormatter())
    panels[0, 0].set_ylabel("share of variance a frequency")
    _add_legend(figure, panels[0, 0])
    return figure


def draw_histograms(synthetic: Places, real: Places, *, caption: str) -> Figure:
    """Histograms of the backscatter, a panel a polarisation.

    Args:
        synthetic: Simulated places, at least one.
        real: Real places.
        caption: Data, written below.

    Returns:
        The figure.
    """
    figure, panels = _panels(1, 2, caption, panel_in=(4.2, 2.7))
    centres_db = np.arange(*HISTOGRAM_DB) + 0.5
    for panel, band in zip(panels.flat, real[0].histograms, strict=True):
        curves = [
            {place.name: place.histograms[band] for place in places}
            for places in (synthetic, real)
        ]
        _draw_curves(panel, centres_db, *curves)
        panel.set_title(band, fontsize=9)
        panel.set(xlabel="backscatter (dB)", ylim=(0, None))
    panels[0, 0].set_ylabel("share of pixels a dB")
    _add_legend(figure, panels[0, 0])
    return figure


def draw_correlations(synthetic: Places, real: Places, *, caption: str) -> Figure:
    """Heat maps of all correlations: simulated, real, and what lies between.

    Args:
        synthetic: Simulated places, at least one.
        real: Real places.
        caption: Data, written below.

    Returns:
        The figure; each cell is the median over places, S1 with S2 over blocks of 80 m.
    """
    figure, panels = _panels(1, 3, caption, panel_in=(3.9, 3.2))
    medians = [
        np.median([correlation_matrix(place.values) for place in places], axis=0)
        for places in (synthetic, real)
    ]
    titles = (f"{len(synthetic)} synthetic places", f"{len(real)} real places")
    images = [*medians, medians[0] - medians[1]]
    for panel, image, title in zip(
        panels.flat, images, (*titles, "synthetic - real"), strict=True
    ):
        shown = panel.imshow(image, cmap="PuOr", vmin=-1, vmax=1)
        panel.set_xticks(range(len(BANDS)), BANDS, rotation=90)
        panel.set_yticks(range(len(BANDS)), BANDS)
        panel.set_title(title, fontsize=9)
        panel.tick_params(labelsize=7)
    figure.colorbar(shown, ax=panels.ravel().tolist(), label="correlation", shrink=0.8)
    return figure


def draw_measures(table: pd.DataFrame, *, caption: str) -> Figure:
    """Every measure but the correlations, on a scale where real places span 0 to 1.

    Args:
        table: As ``compare_places`` gives it, not empty.
        caption: Data, written below.

    Returns:
        The figure: line from the 5th to the 95th percentile of the simulated places,
        dot their median, cross where that lies outside; what lies beyond the frame
        stands at its edge.
    """
    rows = table[~table["group"].str.contains("correlations")]
    groups = list(dict.fromkeys(rows["group"]))
    columns = (groups[: len(groups) // 2], groups[len(groups) // 2 :])
    lengths = [int(rows["group"].isin(names).sum()) for names in columns]
    text = (
        "line 5th to 95th percentile of the synthetic places, mark their median, a "
        f"cross where it lies outside of the grey spread of real places; {caption}"
    )
    figure, panels = _panels(1, 2, text, panel_in=(5.0, 0.8 + 0.145 * max(lengths)))
    for panel, names in zip(panels.flat, columns, strict=True):
        _draw_rows(panel, rows[rows["group"].isin(names)])
    return figure


def _draw_rows(panel: Axes, rows: pd.DataFrame) -> None:
    width = (rows["real_high"] - rows["real_low"]).replace(0, np.nan)
    scaled = {
        name: ((rows[f"synthetic_{name}"] - rows["real_low"]) / width).clip(*_FRAME)
        for name in ("low", "median", "high")
    }
    place = np.arange(len(rows))
    inside = rows["inside"].to_numpy(bool)
    panel.axvspan(0, 1, color="#999999", alpha=0.2, linewidth=0)
    panel.hlines(place, scaled["low"], scaled["high"], color=_SYNTHETIC, linewidth=1)
    for marker, colour, chosen in (("o", _SYNTHETIC, inside), ("X", _REAL[0], ~inside)):
        panel.scatter(
            scaled["median"][chosen],
            place[chosen],
            s=18,
            c=colour,
            marker=marker,
            zorder=3,
            clip_on=False,
        )
    panel.set_yticks(place, rows["group"] + ": " + rows["measure"])
    panel.set(xlim=_FRAME, ylim=(len(rows) - 0.4, -0.6))
    panel.set_xticks([0, 1], ["lowest real", "highest real"])
    panel.tick_params(labelsize=6.5)


def _draw_curves(
    panel: Axes,
    x: Float[np.ndarray, " points"],
    synthetic: dict[str, list[float]],
    real: dict[str, list[float]],
) -> None:
    low, median, high = np.percentile(
        list(synthetic.values()), SYNTHETIC_PERCENTILES, axis=0
    )
    panel.fill_between(x, low, high, color=_SYNTHETIC, alpha=0.25, linewidth=0)
    panel.plot(x, median, color=_SYNTHETIC, linewidth=2.2, label="synthetic")
    for number, (name, curve) in enumerate(real.items()):
        panel.plot(
            x,
            curve,
            color=_REAL[number % len(_REAL)],
            linestyle=_STYLES[number % len(_STYLES)],
            linewidth=1.1,
            label=name,
        )


def _add_legend(figure: Figure, panel: Axes) -> None:
    handles, labels = panel.get_legend_handles_labels()
    most = 1 + len(_REAL)  # more real places than colours are drawn without a name
    figure.legend(
        handles[:most],
        labels[:most],
        loc="outside upper center",
        ncols=3,
        fontsize=7.5,
        frameon=False,
    )


def _panels(
    num_rows: int, num_columns: int, caption: str, *, panel_in: tuple[float, float]
) -> tuple[Figure, np.ndarray]:
    """Empty panels above a wrapped caption."""
    width = panel_in[0] * num_columns
    layout = ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08)
    figure = Figure((width, panel_in[1] * num_rows + 0.9), layout=layout)
    panels = figure.subplots(num_rows, num_columns, squeeze=False)
    figure.supxlabel(wrap_caption(caption, width, font_pt=8), fontsize=8)
    for panel in panels.flat:
        panel.tick_params(labelsize=8)
        panel.xaxis.label.set_fontsize(8)
        panel.yaxis.label.set_fontsize(8)
    return figure, panels
