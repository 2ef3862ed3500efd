"""The label-fraction curve, drawn in the manner of P1's ablation plot.

Source: ISPRS Annals V-3-2022, 705, figure of average accuracy against label share.
"""

from pathlib import Path

import matplotlib as mpl
import pandas as pd

mpl.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sentinel_fusion.report.efficiency import USE_TITLES

ARM_COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9")
"""Okabe and Ito's palette, told apart with every common colour blindness."""
_MARKERS = "osD^vP"


def draw_label_efficiency(
    summary: pd.DataFrame, *, score_name: str, caption: str, trained_arms: set[str]
) -> Figure:
    """Score against label fraction, a panel a use and a line an arm.

    Args:
        summary: Columns "arm", "use", "label_frac", "mean", "sd" and "num_seeds" of
            one task.
        score_name: Axis label.
        caption: Data and protocol, written below the panels.
        trained_arms: Arms with pre-training, drawn solid; the others are dashed.

    Returns:
        The figure.
    """
    mpl.rcParams["svg.hashsalt"] = "sentinel-fusion"
    uses = [use for use in USE_TITLES if use in set(summary["use"])]
    figure, axes = plt.subplots(
        1, len(uses), figsize=(4.6 * len(uses), 4.0), sharey=True, squeeze=False
    )
    for use, panel in zip(uses, axes[0], strict=True):
        _draw_panel(panel, summary[summary["use"] == use], trained_arms)
        panel.set_title(USE_TITLES[use])
    axes[0][0].set_ylabel(score_name)
    handles, labels = axes[0][0].get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside upper center", ncols=len(labels), frameon=False
    )
    figure.text(0.5, 0.01, caption, ha="center", va="bottom", fontsize=8, wrap=True)
    figure.subplots_adjust(top=0.83, bottom=0.2, left=0.09, right=0.98, wspace=0.06)
    return figure


def _draw_panel(panel: Axes, summary: pd.DataFrame, trained_arms: set[str]) -> None:
    for number, (arm, line) in enumerate(summary.groupby("arm", sort=False)):
        rows = line.sort_values("label_frac")
        colour = ARM_COLOURS[number % len(ARM_COLOURS)]
        panel.errorbar(
            100 * rows["label_frac"],
            rows["mean"],
            yerr=rows["sd"],
            label=str(arm),
            color=colour,
            marker=_MARKERS[number % len(_MARKERS)],
            linestyle="-" if arm in trained_arms else "--",
            capsize=3,
        )
    percents = sorted(100 * summary["label_frac"].unique())
    panel.set_xscale("log")
    panel.set_xticks(percents, [f"{percent:g}" for percent in percents])
    panel.xaxis.set_minor_locator(mpl.ticker.NullLocator())
    panel.set_xlabel("labels used (%)")
    panel.grid(alpha=0.3)


def save_figure(figure: Figure, folder: Path, name: str) -> None:
    """Write a figure as SVG and PNG, the same bytes for the same content.

    Args:
        figure: Figure; closed afterwards.
        folder: Existing folder.
        name: File name without suffix.
    """
    figure.savefig(folder / f"{name}.svg", metadata={"Date": None})
    figure.savefig(folder / f"{name}.png", dpi=150, metadata={"Software": None})
    plt.close(figure)
