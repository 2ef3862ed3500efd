"""What changed between two revisions, as Markdown for a pull-request comment."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from sentinel_fusion.report.efficiency import USE_TITLES
from sentinel_fusion.report.run import percent

KEYS = ["task", "use", "arm", "label_frac", "metric"]
"""What names a score in ``metrics/intervals.csv``."""
CURVES = "metrics/ablation.json"
"""Metrics whose values stand in ``metrics/intervals.csv`` with intervals."""
_CONFIDENCE = "intervals.confidence"
MOST_ROWS = 60
"""Length of a table in a comment; the rest is counted."""
FEW_ROWS = 10
"""Length up to which a table is not folded."""
Changes = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""File -> key -> "old" and "new", as ``dvc metrics diff --json`` prints them."""


def compare(
    base: str,
    *,
    params: Changes,
    metrics: Changes,
    old: pd.DataFrame | None,
    new: pd.DataFrame | None,
    confidence: float,
) -> str:
    """Params, scores with intervals and other metrics that changed.

    Args:
        base: Name of the revision that is compared with.
        params: Changes of params.
        metrics: Changes of metrics.
        old: ``KEYS``, "mean", "low" and "high" of the base; None if it has none.
        new: The same of the working tree.
        confidence: That of the working tree's intervals.

    Returns:
        Markdown that ends with a line break.
    """
    parts = [f"## Compared with {base}", _section("param", params, base)]
    if old is None or new is None:
        where = base if old is None else "the working tree"
        parts.append(f"No intervals: {where} has no metrics/intervals.csv.")
    else:
        parts.append(_scores(old, new, base, _intervals(params, confidence)))
        metrics = {name: keys for name, keys in metrics.items() if name != CURVES}
    parts.append(_section("metric", metrics, base))
    return "\n\n".join(parts) + "\n"


def changed_scores(old: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    """Scores of which mean or interval differs, or that are in one table only.

    Args:
        old: ``KEYS``, "mean", "low" and "high".
        new: The same.

    Returns:
        ``KEYS``, the three values with "_old" and "_new", "change" of the mean, and
        "outside": whether each mean lies outside the other's interval. The largest
        changes of those outside come first; scores of one table alone come last.
    """
    values = ["mean", "low", "high"]
    both = old[KEYS + values].merge(
        new[KEYS + values], on=KEYS, how="outer", suffixes=("_old", "_new")
    )
    gaps = [(both[f"{v}_new"] - both[f"{v}_old"]).abs() > 0 for v in values]
    is_single = both["mean_old"].isna() | both["mean_new"].isna()
    both["change"] = both["mean_new"] - both["mean_old"]
    both["outside"] = ~(
        is_single
        | both["mean_new"].between(both["low_old"], both["high_old"])
        | both["mean_old"].between(both["low_new"], both["high_new"])
    )
    changed = both[np.logical_or.reduce([*gaps, is_single])]
    size = changed["change"].abs().rename("size")
    order = pd.concat([~changed["outside"], -size], axis=1)
    return changed.loc[order.sort_values(["outside", "size"], kind="stable").index]


def _intervals(params: Changes, confidence: float) -> str:
    """What both sides' intervals are called."""
    changes = {key: side for keys in params.values() for key, side in keys.items()}
    old = changes.get(_CONFIDENCE, {}).get("old")
    here = f"{percent(confidence)} intervals"
    if old in (None, confidence):
        return here
    return f"{percent(old)} intervals there, {here} here"


def _scores(old: pd.DataFrame, new: pd.DataFrame, base: str, intervals: str) -> str:
    rows = changed_scores(old, new)
    if rows.empty:
        return f"No score changed: {len(new)} are the same."
    head = ["task", "use", "arm", "labels", "metric", base, "here", "change", "outside"]
    lines = [
        [
            *(row["task"], USE_TITLES.get(row["use"], row["use"]), row["arm"]),
            *(f"{100 * row['label_frac']:g} %", row["metric"]),
            *(_interval(row, "old"), _interval(row, "new")),
            "" if pd.isna(row["change"]) else f"{100 * row['change']:+.1f}",
            "**yes**" if row["outside"] else "",
        ]
        for row in rows.to_dict("records")
    ]
    count = int(rows["outside"].sum())
    said = (
        f"{len(rows)} scores changed, {count} to outside the interval on either side "
        f"(in %, with {intervals}; both sides are scored on the same places, so a "
        "change inside may still be one)."
    )
    outside, inside = lines[:count], lines[count:]
    parts = [said]
    if outside:
        parts.append(_table(head, outside))
    if inside:
        parts.append(_folded(f"{len(inside)} others", _table(head, inside)))
    return "\n\n".join(parts)


def _interval(row: Mapping[Any, Any], side: str) -> str:
    mean, low, high = (100 * row[f"{v}_{side}"] for v in ("mean", "low", "high"))
    return "-" if np.isnan(mean) else f"{mean:.1f} ({low:.1f} to {high:.1f})"


def _section(noun: str, changes: Changes, base: str) -> str:
    lines = [
        [file, f"`{key}`", _plain(side.get("old")), _plain(side.get("new"))]
        for file, keys in sorted(changes.items())
        for key, side in sorted(keys.items())
        if side.get("old") != side.get("new")
    ]
    if not lines:
        return f"No {noun} changed."
    table = _table(["file", noun, base, "here"], lines)
    title = f"{noun}s changed: {len(lines)}"
    return _folded(title, table) if len(lines) > FEW_ROWS else f"{title}\n\n{table}"


def _plain(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _folded(title: str, body: str) -> str:
    return f"<details><summary>{title}</summary>\n\n{body}\n\n</details>"


def _table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    shown = [head, ["---"] * len(head), *lines[:MOST_ROWS]]
    text = "\n".join(f"| {' | '.join(cells)} |" for cells in shown)
    rest = len(lines) - MOST_ROWS
    return text + (f"\n\nand {rest} more" if rest > 0 else "")
