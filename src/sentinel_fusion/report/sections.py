"""The sections of the page that hold results, each from what a run left."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import pandas as pd

from sentinel_fusion.report.blocks import Block, Section, gap, or_gap
from sentinel_fusion.report.curve_chart import (
    NO_FLOORS,
    curve_charts,
    curve_points,
    floor_scores,
    reference_scores,
)
from sentinel_fusion.report.difference_charts import (
    claim_rows,
    claims_chart,
    comparisons_chart,
)
from sentinel_fusion.report.page_tables import frame_table, record_table
from sentinel_fusion.report.pictures import pictures_of
from sentinel_fusion.report.quality_charts import (
    confusion_charts,
    places_chart,
    reliability_charts,
)
from sentinel_fusion.report.result_tables import (
    claim_tables,
    comparison_tables,
    metric_tables,
    saving_tables,
    score_tables,
)
from sentinel_fusion.report.results import Results
from sentinel_fusion.report.run import Run, percent
from sentinel_fusion.report.verdict import verdicts

_CALIBRATION = {
    "task": ("task", "task"),
    "arm": ("arm", ""),
    "use": ("use", "use"),
    "label_frac": ("labels", "share"),
    "ece": ("ECE", ".3f"),
    "classwise_ece": ("classwise ECE", ".3f"),
    "mean_confidence": ("mean confidence", ".3f"),
    "accuracy": ("accuracy", ".3f"),
}


def verdict_section(run: Run, results: Results) -> Section:
    """The claim of every task, in words and at a glance.

    Args:
        run: Arms, tasks and data of the run.
        results: Its results.

    Returns:
        The section.
    """
    section = Section(
        "verdict",
        "Verdict",
        f"The claim: with {percent(run.claim.label_frac)} of the labels, a pre-trained "
        "arm is at least as good as the best supervised arm with "
        f"{percent(run.claim.reference_frac)}. It holds where the whole "
        f"{percent(run.claim.confidence)} interval of the difference is above zero, "
        "does not where all of it is below or the arm may be no better than chance, "
        "and is undecided otherwise.",
    )
    claims = results.record("claims.json")
    section.blocks.extend(
        or_gap("claims.json", claims, lambda found: _claim_blocks(run, results, found))
    )
    return section


def _claim_blocks(run: Run, results: Results, claims: Mapping[str, Any]) -> list[Block]:
    rows = claim_rows(claims)
    points = curve_points(run, results)
    floors = floor_scores(run, points[0]) if points else NO_FLOORS
    return [
        *verdicts(run, rows, reference_scores(run, results), floors),
        claims_chart(run, rows),
        *claim_tables(run, rows),
    ]


def curves_section(run: Run, results: Results) -> Section:
    """The label-fraction curves, the full table and the labels needed.

    Args:
        run: Arms, tasks and data of the run.
        results: Its results.

    Returns:
        The section.
    """
    section = Section(
        "curves",
        "Label-fraction curves",
        f"What each arm makes of {percent(run.label_fracs[0])} to "
        f"{percent(run.label_fracs[-1])} of the labels. Every arm of a task has the "
        "same optimiser steps, augmentation and candidate learning rates.",
    )
    found = curve_points(run, results)
    if found is None:
        section.blocks.append(gap("intervals.csv"))
        return section
    points, spread = found
    references = reference_scores(run, results)
    section.blocks.append(curve_charts(run, points, spread, references))
    section.blocks.extend(pictures_of("figures", run, results, is_fallback=True))
    section.blocks.extend(score_tables(run, points, spread))
    for name, show in (
        ("label_saving.csv", saving_tables),
        ("scores.csv", metric_tables),
    ):
        section.blocks.extend(or_gap(name, results.table(name), partial(show, run)))
    title = "The headline experiment, finetune in params.yaml"
    headline = results.record("headline.json")
    section.blocks.extend(
        or_gap("headline.json", headline, lambda found: [record_table(title, found)])
    )
    return section


def comparisons_section(run: Run, results: Results) -> Section:
    """Arms against each other on the same tiles.

    Args:
        run: Arms, tasks and data of the run.
        results: Its results.

    Returns:
        The section.
    """
    section = Section(
        "comparisons",
        "Paired comparisons",
        "Arms are compared on the same test tiles, which takes out what makes a tile "
        "hard for all of them. P values are corrected by Holm's method over all "
        "comparisons asked for.",
    )
    section.blocks.extend(
        or_gap(
            "comparisons.csv",
            results.table("comparisons.csv"),
            lambda rows: [comparisons_chart(run, rows), *comparison_tables(run, rows)],
        )
    )
    return section


def maps_section(run: Run, results: Results) -> Section:
    """Predicted maps of a few test tiles.

    Args:
        run: Arms, tasks and data of the run.
        results: Its results.

    Returns:
        The section.
    """
    blocks: list[Block] = [*pictures_of("maps", run, results)]
    return Section(
        "maps",
        "Predicted maps",
        "A few test tiles beside the truth, in the fixed land-cover colours.",
        blocks or [gap("maps")],
    )


def quality_section(run: Run, results: Results) -> Section:
    """Calibration, confusions and spread over places.

    Args:
        run: Arms, tasks and data of the run.
        results: Its results.

    Returns:
        The section.
    """
    section = Section(
        "quality",
        "Errors and calibration",
        "What the predictions of each cell are worth: whether their confidence can be "
        "believed, what is taken for what, and how much a score depends on the place.",
    )
    title = "Calibration errors of every cell"
    shows: dict[str, Callable[[pd.DataFrame], list[Block]]] = {
        "reliability.csv": lambda rows: [reliability_charts(run, rows)],
        "confusion.csv": lambda rows: [confusion_charts(run, rows)],
        "places.csv": lambda rows: [places_chart(run, rows)],
        "calibration.csv": lambda rows: [frame_table(title, rows, _CALIBRATION)],
    }
    for name, show in shows.items():
        section.blocks.extend(or_gap(name, results.table(name), show))
    section.blocks.extend(pictures_of("calibration", run, results))
    return section
