"""The tables of the page, as text in cells."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from sentinel_fusion.report.blocks import Table
from sentinel_fusion.report.difference_charts import other_side
from sentinel_fusion.report.efficiency import USE_TITLES
from sentinel_fusion.report.study import USES, Study, percent, spell

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


def score_tables(study: Study, points: pd.DataFrame, spread: str) -> list[Table]:
    """The curves as tables, one a task.

    Args:
        study: The run.
        points: "task", "arm", "use", "label_frac", "mean", "low" and "high".
        spread: What low and high are.

    Returns:
        A row an arm and use, a column a share of labels.
    """
    tables = []
    for task, (_, title) in study.headlines.items():
        rows = points[points["task"] == task]
        fracs = sorted(rows["label_frac"].unique())
        cells = {
            (row["arm"], row["use"], row["label_frac"]): interval(row, "mean")
            for row in rows.to_dict("records")
        }
        present = {(arm, use) for arm, use, _ in cells}
        tables.append(
            Table(
                caption=f"{spell(task)}: {title} in %; in brackets {spread}",
                head=("arm", "use", *map(percent, fracs)),
                rows=[
                    (
                        arm,
                        USE_TITLES[use],
                        *(cells.get((arm, use, frac), NOTHING) for frac in fracs),
                    )
                    for use in USES
                    for arm in study.arms
                    if (arm, use) in present
                ],
                text_columns=2,
                task=task,
            )
        )
    return tables


def metric_tables(study: Study, scores: pd.DataFrame) -> list[Table]:
    """Every metric of every cell, a table a task.

    Args:
        study: The run.
        scores: As ``scores.csv`` holds them.

    Returns:
        Means over seeds, a row an arm, use and share of labels.
    """
    tables = []
    for task in study.tasks:
        rows = scores[scores["task"] == task]
        means = rows.pivot_table(
            index=["arm", "use", "label_frac"],
            columns="metric",
            values="value",
            sort=False,
        )
        tables.append(
            Table(
                caption=f"{spell(task)}: every metric, mean over seeds",
                head=("arm", "use", "labels", *map(spell, means.columns)),
                rows=[
                    (
                        arm,
                        USE_TITLES[use],
                        percent(frac),
                        *(number(value, ".3f") for value in line),
                    )
                    for (arm, use, frac), line in zip(
                        means.index, means.to_numpy(), strict=True
                    )
                ],
                text_columns=2,
                task=task,
                is_folded=True,
            )
        )
    return tables


def claim_tables(rows: pd.DataFrame) -> list[Table]:
    """The claim arm by arm, a table a task.

    Args:
        rows: As ``difference_charts.claim_rows`` gives them.

    Returns:
        Differences and verdicts.
    """
    return [
        Table(
            caption=f"{spell(str(task))}: pre-trained with few labels minus best "
            "supervised with all, in points",
            head=("arm", "use", "verdict", "difference [95 % interval]"),
            rows=[
                (
                    row["arm"],
                    USE_TITLES[row["use"]],
                    row["verdict"],
                    interval(row, "difference", "+.1f"),
                )
                for row in found.to_dict("records")
            ],
            text_columns=3,
            task=str(task),
            is_folded=True,
        )
        for task, found in rows.groupby("task", sort=False)
    ]


def saving_tables(rows: pd.DataFrame) -> list[Table]:
    """How many labels each arm needs to reach the reference, a table a task.

    Args:
        rows: As ``label_saving.csv`` holds them.

    Returns:
        Labels needed and the label saving factor, or that it is not reached.
    """
    head = ("arm", "use", "reference", "labels needed (%)", "times fewer labels")
    return [
        Table(
            caption=f"{spell(str(task))}: labels needed to reach the best supervised "
            "arm; in brackets 95 % intervals",
            head=head,
            rows=[
                (
                    row["arm"],
                    USE_TITLES[row["use"]],
                    f"{row['reference_arm']} {number(row['reference'], '.1f', 100)}",
                    _labels_needed(row),
                    _saving(row),
                )
                for row in found.to_dict("records")
            ],
            text_columns=3,
            task=str(task),
        )
        for task, found in rows.groupby("task", sort=False)
    ]


def _labels_needed(row: Mapping[Any, Any]) -> str:
    def or_not(value: float) -> str:
        found = number(value, ".3g")
        return "not reached" if found == NOTHING else found

    labels = or_not(row["labels_pct"]) if row["reached"] else "not reached"
    return f"{labels} [{or_not(row['low_pct'])}, {or_not(row['high_pct'])}]"


def _saving(row: Mapping[Any, Any]) -> str:
    keys = ("saving", "saving_low", "saving_high")
    factor, low, high = (number(row[key], ".3g") for key in keys)
    return factor if factor == NOTHING else f"{factor} [{low}, {high}]"


def comparison_tables(rows: pd.DataFrame) -> list[Table]:
    """The paired comparisons, a table a task.

    Args:
        rows: As ``comparisons.csv`` holds them.

    Returns:
        Differences with intervals and p values.
    """
    head = ("arm", "use", "labels", "compared with", "metric")
    return [
        Table(
            caption=f"{spell(str(task))}: paired differences in points, with 95 % "
            "intervals; p after Holm's correction",
            head=(*head, "difference", "p", "p after Holm"),
            rows=[
                (
                    row["arm"],
                    USE_TITLES[row["use"]],
                    percent(row["label_frac"]),
                    other_side(row),
                    spell(row["metric"]),
                    interval(row, "difference", "+.1f"),
                    number(row["p_value"], ".3f"),
                    number(row["p_holm"], ".3f"),
                )
                for row in found.to_dict("records")
            ],
            text_columns=len(head),
            task=str(task),
            is_folded=True,
        )
        for task, found in rows.groupby("task", sort=False)
    ]


def frame_table(
    caption: str, rows: pd.DataFrame, columns: Mapping[str, tuple[str, str]]
) -> Table:
    """A frame as a folded table.

    Args:
        caption: What it shows.
        rows: The frame.
        columns: Column -> its title and format; "" for words, "share" for a label
            fraction, "use" for a use.

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
        text_columns=sum(style in {"", "use"} for _, style in columns.values()),
        is_folded=True,
    )


def _cell(value: Any, style: str) -> str:  # noqa: ANN401 - a cell of any column
    if style == "use":
        return USE_TITLES[value]
    if pd.isna(value):
        return NOTHING
    if style == "share":
        return percent(value)
    return number(value, style) if style else spell(str(value))


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
