"""Scores, claims, labels saved and comparisons as tables, one a task."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from sentinel_fusion.report.blocks import Table
from sentinel_fusion.report.difference_charts import other_side
from sentinel_fusion.report.efficiency import USE_TITLES
from sentinel_fusion.report.page_tables import NOTHING, interval, number
from sentinel_fusion.report.run import Run, percent, spell
from sentinel_fusion.uses import USES


def score_tables(run: Run, points: pd.DataFrame, spread: str) -> list[Table]:
    """The curves as tables, one a task.

    Args:
        run: Arms, tasks and data of the run.
        points: "task", "arm", "use", "label_frac", "mean", "low" and "high".
        spread: What low and high are.

    Returns:
        A row an arm and use, a column a share of labels.
    """
    tables = []
    for task, (_, title) in run.headlines.items():
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
                    for arm in run.arms
                    if (arm, use) in present
                ],
                text_columns=2,
                task=task,
            )
        )
    return tables


def metric_tables(run: Run, scores: pd.DataFrame) -> list[Table]:
    """Every metric of every cell, a table a task.

    Args:
        run: Arms, tasks and data of the run.
        scores: As ``scores.csv`` holds them.

    Returns:
        Means over seeds, a row an arm, use and share of labels.
    """
    tables = []
    for task in run.tasks:
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


def claim_tables(run: Run, rows: pd.DataFrame) -> list[Table]:
    """The claim arm by arm, a table a task.

    Args:
        run: Arms, tasks and data of the run.
        rows: As ``difference_charts.claim_rows`` gives them.

    Returns:
        Differences and verdicts.
    """
    return [
        Table(
            caption=f"{spell(str(task))}: pre-trained with "
            f"{percent(run.claim.label_frac)} of the labels minus best supervised with "
            f"{percent(run.claim.reference_frac)}, in points; in brackets "
            f"{run.intervals}",
            head=("arm", "use", "verdict", "compared with", "difference"),
            rows=[
                (
                    row["arm"],
                    USE_TITLES[row["use"]],
                    row["verdict"],
                    row["reference"],
                    interval(row, "difference", "+.1f"),
                )
                for row in found.to_dict("records")
            ],
            text_columns=4,
            task=str(task),
            is_folded=True,
        )
        for task, found in rows.groupby("task", sort=False)
    ]


def saving_tables(run: Run, rows: pd.DataFrame) -> list[Table]:
    """How many labels each arm needs to reach the reference, a table a task.

    Args:
        run: Arms, tasks and data of the run.
        rows: As ``label_saving.csv`` holds them.

    Returns:
        Labels needed and the label saving factor, or that it is not reached.
    """
    head = ("arm", "use", "reference", "labels needed (%)", "times fewer labels")
    return [
        Table(
            caption=f"{spell(str(task))}: labels needed to reach the best supervised "
            f"arm; in brackets {run.intervals}",
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
    if factor == NOTHING:
        return NOTHING
    return f"{factor} [{'none' if low == NOTHING else low}, {high}]"


def comparison_tables(run: Run, rows: pd.DataFrame) -> list[Table]:
    """The paired comparisons, a table a task.

    Args:
        run: Arms, tasks and data of the run.
        rows: As ``comparisons.csv`` holds them.

    Returns:
        Differences with intervals and p values.
    """
    head = ("arm", "use", "labels", "compared with", "metric")
    return [
        Table(
            caption=f"{spell(str(task))}: paired differences in points, in brackets "
            f"{run.intervals}; p after Holm's correction",
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
