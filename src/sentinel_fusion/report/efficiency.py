"""The label-fraction curve as numbers: means over seeds, labels needed, a table."""

from collections.abc import Collection, Mapping
from typing import Any

import pandas as pd

CURVE_KEYS = ["task", "use", "arm", "label_frac"]
USE_TITLES = {"finetuned": "fine-tuned", "frozen": "frozen encoder"}
_DIGITS = 6
Report = dict[str, object]


def summarise(scores: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Mean and spread over seeds of one metric.

    Args:
        scores: Tidy scores: ``CURVE_KEYS``, "seed", "metric" and "value".
        metric: Metric to summarise.

    Returns:
        ``CURVE_KEYS``, "mean", "sd" (population) and "num_seeds", in the order of
        ``scores``.
    """
    chosen = scores[scores["metric"] == metric]
    return (
        chosen.groupby(CURVE_KEYS, sort=False)["value"]
        .agg(mean="mean", sd=lambda values: values.std(ddof=0), num_seeds="count")
        .reset_index()
    )


def with_intervals(summary: pd.DataFrame, intervals: pd.DataFrame) -> pd.DataFrame:
    """A summary with the intervals of its means.

    Args:
        summary: What ``summarise`` gives.
        intervals: ``CURVE_KEYS``, "low" and "high" of its metric; may hold more tasks.

    Returns:
        The summary with "low" and "high".

    Raises:
        ValueError: If a mean has no interval.
    """
    ends = intervals[[*CURVE_KEYS, "low", "high"]]
    both = summary.merge(ends, on=CURVE_KEYS, how="left", validate="1:1")
    without = both[both["low"].isna()]
    if len(without):
        name = " ".join(str(value) for value in without.iloc[0][CURVE_KEYS])
        raise ValueError(f"{name} must have an interval; run `dvc repro intervals`")
    return both


def curve(
    scores: pd.DataFrame, intervals: pd.DataFrame, task: str, metric: str
) -> pd.DataFrame:
    """Means of one score of a task, with their intervals.

    Args:
        scores: Tidy scores of all tasks, as ``summarise`` takes them.
        intervals: "task", "metric" and what ``with_intervals`` takes.
        task: The task.
        metric: The score.

    Returns:
        What ``with_intervals`` gives.
    """
    summary = summarise(scores[scores["task"] == task], metric)
    return with_intervals(summary, intervals[intervals["metric"] == metric])


def report_task(summary: pd.DataFrame, metric: str, savings: pd.DataFrame) -> Report:
    """The curve of a task and the labels each pre-trained arm needs.

    Args:
        summary: Summary of one task.
        metric: Its metric.
        savings: What ``metrics.label_saving`` found of the task, which also chooses the
            reference; no rows where nothing is compared with one.

    Returns:
        Use -> arm -> "pct_010" -> mean and spread; "reference"; and "labels_needed":
        use -> arm -> whether and at what percentage the reference is reached.
    """
    report: Report = {}
    for use, rows in summary.groupby("use"):
        report[str(use)] = {
            str(arm): {
                percent_key(row["label_frac"]): {
                    metric: round(row["mean"], _DIGITS),
                    f"{metric}_sd": round(row["sd"], _DIGITS),
                }
                for row in line.to_dict("records")
            }
            for arm, line in rows.groupby("arm", sort=False)
        }
    if savings.empty:
        return report
    arm, reference = savings.iloc[0][["reference_arm", "reference"]]
    report["reference"] = {"arm": str(arm), metric: round(float(reference), _DIGITS)}
    report["labels_needed"] = {
        str(use): {row["arm"]: _needed(row) for row in rows.to_dict("records")}
        for use, rows in savings.groupby("use")
    }
    return report


def _needed(row: Mapping[Any, Any]) -> Report:
    if not row["reached"]:
        return {"reached": False}
    return {"reached": True, "labels_pct": round(row["labels_pct"], 3)}


def percent_key(label_frac: float) -> str:
    """A metric key for a label fraction, without a dot, which DVC would split at.

    Args:
        label_frac: Fraction in (0, 1].

    Returns:
        "pct_001" for 0.01, "pct_100" for 1, "pct_000_50" for 0.005.
    """
    whole, rest = f"{100 * label_frac:06.2f}".split(".")
    return f"pct_{whole}" if rest == "00" else f"pct_{whole}_{rest}"


def margins(summary: pd.DataFrame, twins: dict[str, str]) -> pd.DataFrame:
    """How much better each pre-trained arm is than the same encoder from scratch.

    Args:
        summary: Summary of one task.
        twins: Pre-trained arm -> arm of the same encoder, inputs and fusion that
            starts from random weights; pairs of which one is missing are left out.

    Returns:
        "arm", "twin", "use", "label_frac" and "margin", the difference of the means.
    """
    keys = ["use", "label_frac"]
    paired = summary.assign(twin=summary["arm"].map(twins)).dropna(subset=["twin"])
    scratch = summary[["arm", *keys, "mean"]].rename(columns={"arm": "twin"})
    both = paired.merge(scratch, on=["twin", *keys], suffixes=("", "_twin"))
    both["margin"] = both["mean"] - both["mean_twin"]
    return both[["arm", "twin", *keys, "margin"]]


def margin_table(margin: pd.DataFrame) -> str:
    """Margins as a table, one row an arm and use, in points.

    Args:
        margin: What ``margins`` gives, not empty.

    Returns:
        A Markdown table.
    """
    fracs = sorted(margin["label_frac"].unique())
    head = ["pre-trained", "from scratch", "use", *(f"{100 * f:g} %" for f in fracs)]
    lines = [head, ["---"] * len(head)]
    for use, title in USE_TITLES.items():
        for (arm, twin), rows in margin[margin["use"] == use].groupby(
            ["arm", "twin"], sort=False
        ):
            points = rows.set_index("label_frac")["margin"]
            cells = [f"{100 * points[frac]:+.1f}" for frac in fracs]
            lines.append([str(arm), str(twin), title, *cells])
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def plot_rows(summary: pd.DataFrame, trained_arms: Collection[str]) -> list[Report]:
    """Rows for ``dvc plots``, one a point of a curve.

    Args:
        summary: Summary of all tasks with intervals.
        trained_arms: Arms with pre-training; frozen, the others are random features.

    Returns:
        "task", "use", "arm", "start", "label_pct", "score", "low" and "high".
    """
    return [
        {
            **{key: row[key] for key in ("task", "use", "arm")},
            "start": "pre-trained" if row["arm"] in trained_arms else "random weights",
            "label_pct": 100 * row["label_frac"],
            "score": round(row["mean"], _DIGITS),
            "low": round(row["low"], _DIGITS),
            "high": round(row["high"], _DIGITS),
        }
        for row in summary.to_dict("records")
    ]


def markdown_table(summary: pd.DataFrame) -> str:
    """The curve as a table, one row an arm and use, in percent.

    Args:
        summary: Summary of one task.

    Returns:
        A Markdown table; a cell holds mean and standard deviation over seeds.
    """
    fracs = sorted(summary["label_frac"].unique())
    head = ["arm", "use", *(f"{100 * frac:g} %" for frac in fracs)]
    lines = [head, ["---"] * len(head)]
    for use in USE_TITLES:
        rows = summary[summary["use"] == use]
        for arm, line in rows.groupby("arm", sort=False):
            points = line.set_index("label_frac")
            cells = [
                f"{100 * points.loc[frac, 'mean']:.1f} ± "
                f"{100 * points.loc[frac, 'sd']:.1f}"
                for frac in fracs
            ]
            lines.append([str(arm), USE_TITLES[use], *cells])
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
