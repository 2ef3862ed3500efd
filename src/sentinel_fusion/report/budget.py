"""What every arm was allowed, and what it made of it."""

import pandas as pd

FAIR = ("steps", "batch_size", "augment", "candidates", "validations")
"""Columns that must not differ between the arms of a task."""
COLUMNS = (
    *("task", "arm", "use", "label_frac", *FAIR),
    *("learning_rate", "edge", "best_step", "val_score"),
)
_DIGITS = 6


def budget_rows(
    curves: pd.DataFrame, *, batch_size: int, augment: str
) -> list[dict[str, object]]:
    """The budget of a cell, a row a use of the encoder.

    Steps, candidates and validations are counted in the curves, not taken from params.

    Args:
        curves: Validation curves of the cell: "use", "seed", "learning_rate", "chosen",
            "augmented", "step" and "val_score".
        batch_size: Tiles a step, of every fit.
        augment: Name of the augmentation, where a use augments.

    Returns:
        The columns of ``COLUMNS`` from "use" on, without "label_frac". "candidates"
        are the rates tried, ascending; "learning_rate" is the one chosen among them,
        "edge" says whether it is the "lowest" or "highest" of several, the "only" one
        or at "no" edge; "best_step" and "val_score" are means over seeds of the step
        that was kept.
    """
    rows: list[dict[str, object]] = []
    for use, both in curves.groupby("use", sort=False):
        chosen = both[both["chosen"]]
        seeds = chosen.groupby("seed")
        best = chosen.loc[seeds["val_score"].idxmax()]
        rates = sorted(both["learning_rate"].unique())
        rate = chosen["learning_rate"].iloc[0]
        rows.append(
            {
                "use": use,
                "steps": int(chosen["step"].max()),
                "batch_size": batch_size,
                "augment": augment if both["augmented"].all() else "none",
                "candidates": " ".join(f"{value:g}" for value in rates),
                "validations": int(seeds.size().max()),
                "learning_rate": float(rate),
                "edge": _edge(rate, rates),
                "best_step": round(float(best["step"].mean()), 1),
                "val_score": round(float(best["val_score"].mean()), _DIGITS),
            }
        )
    return rows


def _edge(rate: float, rates: list[float]) -> str:
    if len(rates) == 1:
        return "only"
    return {rates[0]: "lowest", rates[-1]: "highest"}.get(rate, "no")


def refuse_unequal(budget: pd.DataFrame) -> None:
    """Refuse a comparison in which arms of a task had different budgets.

    Args:
        budget: Rows of all cells with the columns of ``COLUMNS``.

    Raises:
        ValueError: If one of ``FAIR`` differs between arms or label fractions of a task
            and use; the message names the arms.
    """
    for (task, use), rows in budget.groupby(["task", "use"], sort=False):
        for column in FAIR:
            arms = rows.groupby(column, sort=False)["arm"].unique()
            if len(arms) > 1:
                got = "; ".join(
                    f"{value} for {', '.join(a)}" for value, a in arms.items()
                )
                raise ValueError(
                    f"{task}, {use}: {column} must be the same for all arms, got "
                    f"{got}; run `dvc repro` so that all cells follow params.yaml"
                )
