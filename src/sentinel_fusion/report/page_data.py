"""The charts of the page and their data, packed for the page's script."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from sentinel_fusion.report.blocks import Charts, Section

_DIGITS = 5
"""Digits after the point that the charts keep."""


def page_data(sections: Sequence[Section]) -> dict[str, Any]:
    """What the page's script draws.

    Args:
        sections: The sections with their charts.

    Returns:
        "charts": key -> "spec" and the names of its data; "datasets": name -> column
        -> "values", with "levels" that they count where a column holds words.
    """
    charts = [
        chart
        for section in sections
        for block in section.blocks
        if isinstance(block, Charts)
        for chart in block.charts
    ]
    frames = {name: rows for chart in charts for name, rows in chart.data.items()}
    return {
        "charts": {c.key: {"spec": c.spec, "data": list(c.data)} for c in charts},
        "datasets": {
            name: {str(key): packed(rows[key]) for key in rows}
            for name, rows in frames.items()
        },
    }


def packed(column: pd.Series) -> dict[str, list[Any]]:
    """A column as the script unpacks it.

    Args:
        column: Words, numbers or truth values.

    Returns:
        "values"; for words these count "levels", for numbers they are rounded and None
        where there is none.
    """
    if is_bool_dtype(column):
        return {"values": column.tolist()}
    if is_numeric_dtype(column):
        rounded = column.round(_DIGITS).astype(object)
        return {"values": rounded.where(column.notna(), None).tolist()}
    codes, levels = pd.factorize(column)
    return {"levels": list(levels), "values": codes.tolist()}
