"""The claim of every task in words."""

import pandas as pd

from sentinel_fusion.metrics.claims import FAILS, HOLDS, UNDECIDED
from sentinel_fusion.report.blocks import Verdict
from sentinel_fusion.report.efficiency import USE_TITLES
from sentinel_fusion.report.page_tables import number
from sentinel_fusion.report.run import Run

WORDS = (HOLDS, UNDECIDED, FAILS)
"""Verdicts, the best first."""
_NAMED = 3
"""Arms that a sentence names before it counts the rest."""


def verdicts(
    run: Run, claims: pd.DataFrame, references: pd.DataFrame, floors: pd.DataFrame
) -> list[Verdict]:
    """What came out of the claim, task by task.

    Args:
        run: Arms, tasks and data of the run.
        claims: As ``difference_charts.claim_rows`` gives them.
        references: "task", "arm" and "mean" of the best supervised arms.
        floors: As ``curve_chart.floor_scores`` gives them.

    Returns:
        A verdict a task, with the best word that any arm has.

    Raises:
        ValueError: If a verdict is none of ``WORDS``.
    """
    unknown = sorted(set(claims["verdict"]) - set(WORDS))
    if unknown:
        raise ValueError(
            f"claims.json: a verdict must be one of {', '.join(WORDS)}, got "
            f"{', '.join(unknown)}"
        )
    found = []
    for task, rows in claims.groupby("task", sort=False):
        word = next(word for word in WORDS if word in set(rows["verdict"]))
        reference = references[references["task"] == task]
        sentences = (
            *_reference_sentence(run, str(task), reference),
            *(_sentence(rows, word) for word in WORDS if word in set(rows["verdict"])),
            *_caution(run, reference, floors[floors["task"] == task]),
        )
        found.append(Verdict(str(task), word, sentences))
    return found


def _reference_sentence(run: Run, task: str, reference: pd.DataFrame) -> list[str]:
    if reference.empty:
        return []
    best = reference.iloc[0]
    _, title = run.headlines[task]
    score = number(best["mean"], ".1f", 100)
    return [
        f"The bar: {best['arm']}, fine-tuned with {run.claim.reference_labels}, "
        f"{title} {score} %."
    ]


def _caution(run: Run, reference: pd.DataFrame, floors: pd.DataFrame) -> list[str]:
    """Where even random features pass the bar, to pass it proves no pre-training."""
    floor = floors[floors["label_frac"] == run.claim.label_frac]
    if reference.empty or floor.empty:
        return []
    best, bar = floor.iloc[0], reference.iloc[0]["mean"]
    if best["mean"] < bar:
        return []
    score = number(best["mean"], ".1f", 100)
    return [
        f"The bar is low: {best['arm']} frozen with random weights and as few labels "
        f"has {score} %. The paired comparisons say what pre-training adds to that."
    ]


def _sentence(rows: pd.DataFrame, word: str) -> str:
    ranked = rows[rows["verdict"] == word].sort_values("difference", ascending=False)
    named = [_difference(row) for _, row in ranked.head(_NAMED).iterrows()]
    rest = len(ranked) - len(named)
    more = f"; and {rest} more" if rest else ""
    count = f"{len(ranked)} of {len(rows)}"
    return f"{word.capitalize()} for {count}: {'; '.join(named)}{more}."


def _difference(row: pd.Series) -> str:
    points, low, high = (
        number(row[key], "+.1f", 100) for key in ("difference", "low", "high")
    )
    return f"{row['arm']}, {USE_TITLES[row['use']]} ({points} points, {low} to {high})"
