"""A Matplotlib figure on disk."""

from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure


def save_figure(figure: Figure, folder: Path, name: str) -> None:
    """Write a figure as SVG and PNG, the same bytes for the same content.

    Args:
        figure: Any figure.
        folder: Existing folder.
        name: File name without suffix.
    """
    # element ids are drawn at random without a salt
    with mpl.rc_context({"svg.hashsalt": "sentinel-fusion"}):
        figure.savefig(folder / f"{name}.svg", metadata={"Date": None})
        figure.savefig(folder / f"{name}.png", dpi=150, metadata={"Software": None})
