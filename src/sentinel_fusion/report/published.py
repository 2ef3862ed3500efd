"""Figures other papers report on DFC2020, and when they may stand beside ours.

``published.csv`` holds a row a figure. "protocol" is A (986 patches train, 5128 test),
B (the other way round) or C (split inside the 5128). "trust" is T where the figure
stands in a table or text, D where it was read off a plot (about half a point either
way), 3rd where somebody else quotes it. A "label_frac" of 0 marks a system that used
none of the labels.
"""

from pathlib import Path

import pandas as pd

REAL_SOURCE = "dfc2020"
"""The labelled data source on which published figures were measured."""
_FILE = Path(__file__).with_name("published.csv")


def published(task: str, metric: str, protocol: str) -> pd.DataFrame:
    """The published figures of one task, metric and protocol.

    Figures of different protocols come from different regions and are never mixed.

    Args:
        task: "single_label", "multi_label" or "segmentation".
        metric: Name as in our scores, such as "aa" or "accuracy_forest".
        protocol: "A", "B" or "C".

    Returns:
        The file's columns, in its order: "paper", "source", "system", "task", "use",
        "protocol", "label_frac", "metric", "value" and "sd" (shares, "sd" NaN where
        unknown) and "trust"; empty where nobody published such a figure.
    """
    figures = pd.read_csv(_FILE)
    is_wanted = (
        (figures["task"] == task)
        & (figures["metric"] == metric)
        & (figures["protocol"] == protocol)
    )
    return figures[is_wanted].reset_index(drop=True)


def reference_marks(task: str, metric: str, protocol: str, source: str) -> pd.DataFrame:
    """The published figures that may be drawn beside our curve.

    Scores on generated or other data say nothing about DFC2020, so a figure beside
    them would invite a comparison that does not hold.

    Args:
        task: "single_label", "multi_label" or "segmentation".
        metric: Name as in our scores.
        protocol: "A", "B" or "C".
        source: Data source of our labelled tiles.

    Returns:
        As ``published``, without systems that used no labels, which have no place on
        a curve over labels; empty unless ``source`` is ``REAL_SOURCE``.
    """
    figures = published(task, metric, protocol)
    may_stand = (figures["label_frac"] > 0) & (source == REAL_SOURCE)
    return figures[may_stand].reset_index(drop=True)
