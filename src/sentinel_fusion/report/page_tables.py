"""Figures as cells, and tables of frames and records."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from sentinel_fusion.report.blocks import Table
from sentinel_fusion.report.efficiency import USE_TITLES
from sentinel_fusion.report.run import percent, spell

NOTHING = "\N{EN DASH}"
"""Cell of a figure that there is not."""


def number(value: float | None, style: str = ".4g", factor: float = 1) -> str:
    """A figure as a cell.

    Args:
        value: The figure; None or NaN where there is none.
        style: Python's format of it.
        factor: What it is multiplied with first, 100 for points.

    Returns:
        The cell.
    """
    if value is None or not math.isfinite(value):
        return NOTHING
    return format(factor * value, style).replace("-", "\N{MINUS SIGN}")


def interval(row: Mapping[Any, Any], middle: str, style: str = ".1f") -> str:
    """A share with its interval as a cell, in percent or points.

    Args:
        row: With ``middle``, "low" and "high".
        middle: Name of the estimate.
        style: Python's format.

    Returns:
        Such as "68.5 [66.1, 70.7]".
    """
    mean, low, high = (number(row[key], style, 100) for key in (middle, "low", "high"))
    return f"{mean} [{low}, {high}]"


def frame_table(
    caption: str, rows: pd.DataFrame, columns: Mapping[str, tuple[str, str]]
) -> Table:
    """A frame as a folded table.

    Args:
        caption: What it shows.
        rows: The frame.
        columns: Column -> its title and format; "" for words, "task" for words with
            underscores, "share" for a label fraction, "use" for a use.

    Returns:
        The table, columns in the order given, words first.
    """
    return Table(
        caption=caption,
        head=tuple(title for title, _ in columns.values()),
        rows=[
            tuple(_cell(row[name], style) for name, (_, style) in columns.items())
            for row in rows.to_dict("records")
        ],
        text_columns=sum(style in {"", "task", "use"} for _, style in columns.values()),
        is_folded=True,
    )


def _cell(value: Any, style: str) -> str:  # noqa: ANN401 - a cell of any column
    if style == "use":
        return USE_TITLES[value]
    if pd.isna(value):
        return NOTHING
    if style == "share":
        return percent(value)
    if style == "task":
        return spell(value)
    return number(value, style) if style else str(value)


def words_table(caption: str, record: Mapping[str, str]) -> Table:
    """Words by name as a table.

    Args:
        caption: What it shows.
        record: Name -> words.

    Returns:
        A row a name.
    """
    return Table(
        caption=caption,
        head=("what", "value"),
        rows=list(record.items()),
        text_columns=2,
    )


def record_table(caption: str, record: Mapping[str, Any]) -> Table:
    """Numbers by name as a table.

    Args:
        caption: What it shows.
        record: Name -> number, text or further names.

    Returns:
        A row a number.
    """
    return Table(
        caption=caption,
        head=("what", "value"),
        rows=[(name, _plain(value)) for name, value in _flat(record)],
        is_folded=True,
    )


def record_tables(caption: str, record: Mapping[str, Any]) -> list[Table]:
    """Numbers and grids of numbers by name as tables.

    Args:
        caption: What they show.
        record: Name -> number, or row -> column -> number.

    Returns:
        A table of the numbers, if there are any, and one a grid.
    """
    grids = {name: found for name, found in record.items() if _is_grid(found)}
    numbers = {name: found for name, found in record.items() if name not in grids}
    return [
        *([record_table(caption, numbers)] if numbers else []),
        *(records_table(f"{caption}: {spell(n)}", found) for n, found in grids.items()),
    ]


def _is_grid(found: object) -> bool:
    return isinstance(found, Mapping) and all(
        isinstance(row, Mapping) for row in found.values()
    )


def records_table(caption: str, records: Mapping[str, Mapping[str, Any]]) -> Table:
    """Numbers of several arms as a table.

    Args:
        caption: What it shows.
        records: Arm -> name -> number.

    Returns:
        A row a number, a column an arm.
    """
    names = list(dict.fromkeys(name for found in records.values() for name in found))
    return Table(
        caption=caption,
        head=("what", *records),
        rows=[
            (spell(name), *(_plain(found.get(name)) for found in records.values()))
            for name in names
        ],
    )


def _flat(
    record: Mapping[str, Any], above: Sequence[str] = ()
) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for key, value in record.items():
        path = [*above, spell(str(key))]
        if isinstance(value, Mapping):
            found += _flat(value, path)
        else:
            found.append((", ".join(path), value))
    return found


def _plain(value: object) -> str:
    if isinstance(value, float | int) and not isinstance(value, bool):
        return number(value, ",.0f" if float(value).is_integer() else ".4g")
    return NOTHING if value is None else str(value)
