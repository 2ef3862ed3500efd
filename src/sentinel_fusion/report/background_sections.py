"""The sections of the page that say what stands behind the results."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from sentinel_fusion.report.background_charts import (
    cost_chart,
    diagnostics_chart,
    realism_chart,
)
from sentinel_fusion.report.blocks import Block, Note, Row, Section, Text, gap, or_gap
from sentinel_fusion.report.page_tables import (
    frame_table,
    record_table,
    record_tables,
    records_table,
    words_table,
)
from sentinel_fusion.report.pictures import pictures_of
from sentinel_fusion.report.results import Results
from sentinel_fusion.report.run import Run

_BUDGET = {
    "task": ("task", "task"),
    "arm": ("arm", ""),
    "use": ("use", "use"),
    "augment": ("augmentation", ""),
    "candidates": ("candidate rates", ""),
    "label_frac": ("labels", "share"),
    "steps": ("steps", "d"),
    "batch_size": ("batch", "d"),
    "learning_rate": ("rate chosen", "g"),
    "validations": ("validations", "d"),
    "best_step": ("best step", "g"),
    "val_score": ("validation score", ".3f"),
    "edge": ("at the edge of the candidates", ""),
}
_REALISM = {
    "group": ("measures", ""),
    "measure": ("of", ""),
    "inside": ("inside", ""),
    "synthetic_median": ("synthetic, median", ".4g"),
    "synthetic_low": ("from", ".4g"),
    "synthetic_high": ("to", ".4g"),
    "real_low": ("real places, from", ".4g"),
    "real_high": ("to", ".4g"),
    "published": ("published", ".4g"),
}
_COST = {
    "stage": ("stage", ""),
    "arm": ("arm", ""),
    "task": ("task", "task"),
    "label_frac": ("labels", "share"),
    "labels": ("labelled tiles", ",.0f"),
    "parameters": ("parameters", ",.0f"),
    "gflops": ("GFLOPs a tile", ".4f"),
    "seconds": ("seconds", ".1f"),
    "peak_memory_mib": ("peak memory (MiB)", ",.0f"),
}


def diagnostics_section(run: Run, results: Results) -> Section:
    """How the pre-trainings went.

    Args:
        run: Arms, tasks and data of the run.
        results: Its results.

    Returns:
        The section.
    """
    section = Section(
        "diagnostics",
        "Pre-training",
        "Whether the features are good before any label is seen: alignment and "
        "uniformity, effective rank, retrieval across sensors, a probe by neighbours.",
    )
    blocks, title = section.blocks, "Diagnostics at the end of each pre-training"
    name = "diagnostics_curves.csv"
    curves, numbers = results.table(name), results.record("diagnostics.json")
    blocks += or_gap(name, curves, lambda found: [diagnostics_chart(run, found)])
    blocks += or_gap(
        "diagnostics.json", numbers, lambda found: [records_table(title, found)]
    )
    blocks += pictures_of("diagnostics", run, results)
    return section


def data_section(run: Run, results: Results) -> Section:
    """What the data are, where they lie, and how synthetic ones differ from real ones.

    Args:
        run: Arms, tasks and data of the run.
        results: Its results.

    Returns:
        The section.
    """
    section = Section(
        "data",
        "Data",
        "What the tile stores hold and where it lies; and how generated tiles compare "
        "with real ones, place by place.",
    )
    blocks = section.blocks
    blocks.extend(pictures_of("data", run, results) or [gap("data")])
    numbers = results.record("data.json")
    if numbers is not None:
        blocks.extend(_say_blocks(numbers))
        blocks.append(record_table("What the tile stores hold", numbers))
    rows = results.table("realism.csv")
    blocks.extend(or_gap("realism.csv", rows, lambda found: _realism(run, found)))
    summary = results.record("realism.json")
    if summary is not None:
        blocks.extend(record_tables("Realism in numbers", summary))
    blocks.extend(pictures_of("realism", run, results))
    return section


def _realism(run: Run, rows: pd.DataFrame) -> list[Block]:
    words = rows.assign(inside=rows["inside"].map({True: "yes", False: "no"}))
    title = "Where the simulator lies inside real places' spread"
    return [realism_chart(run, rows), frame_table(title, words, _REALISM)]


def _say_blocks(numbers: Mapping[str, Mapping[str, Any]]) -> list[Block]:
    """What must be said of places that are blocks of scenes."""
    block_px = numbers["labelled"].get("block_px")
    if not block_px:
        return []
    return [
        Note(
            f"Labelled places are neighbouring blocks of {block_px} px of scenes: "
            "intervals treat them as independent and may be too narrow."
        )
    ]


def fairness_section(results: Results) -> Section:
    """What every arm was given, and what was looked for between train and test.

    Args:
        results: The run's results.

    Returns:
        The section.
    """
    section = Section(
        "fairness",
        "Fairness and leakage",
        "The budget of every cell, with the learning rate chosen on validation places; "
        "and what was counted between the splits before anything trained.",
    )
    section.blocks.extend(or_gap("budget.csv", results.table("budget.csv"), _budget))
    section.blocks.extend(
        or_gap("leakage.json", results.record("leakage.json"), _leakage)
    )
    return section


def _budget(rows: pd.DataFrame) -> list[Block]:
    return [frame_table("Budget of every cell", _worded(rows), _BUDGET)]


def _leakage(numbers: Mapping[str, Any]) -> Sequence[Block]:
    return record_tables("Leakage between the splits, tiles", numbers)


def _worded(budget: pd.DataFrame) -> pd.DataFrame:
    """With candidates and edge as they are read, whatever pandas took them for."""
    return budget.assign(
        candidates=budget["candidates"].astype(str), edge=budget["edge"].astype(str)
    )


def cost_section(run: Run, results: Results) -> Section:
    """Seconds, memory, parameters and arithmetic of every cell.

    Args:
        run: Arms, tasks and data of the run.
        results: Its results.

    Returns:
        The section.
    """
    costs = results.rows("cost.json")
    lead = "What every pre-training and every cell took: all seeds, both uses."
    blocks = or_gap("cost.json", costs, lambda found: _cost(run, found))
    return Section("cost", "Cost", lead, blocks)


def _cost(run: Run, costs: list[dict[str, Any]]) -> list[Block]:
    rows = pd.DataFrame(costs).reindex(columns=list(_COST))
    title = "Cost of every pre-training and cell"
    return [cost_chart(run, costs), frame_table(title, rows, _COST)]


def provenance_section(
    results: Results, origin: Mapping[str, Mapping[str, str]], params: str
) -> Section:
    """Where the page comes from.

    Args:
        results: The run's results.
        origin: Title -> name -> value, such as versions.
        params: ``params.yaml`` as it stands.

    Returns:
        The section.
    """
    costs = pd.DataFrame(results.rows("cost.json") or [], columns=["stage", "seconds"])
    spent = costs.groupby("stage", sort=False)["seconds"].sum()
    names = {"pretrain": "pre-trainings", "grid": "cells of the grid"}
    seconds = {names.get(stage, stage): f"{spent[stage]:,.0f}" for stage in spent.index}
    tables = [
        words_table(title, found)
        for title, found in {**origin, "Seconds": seconds}.items()
    ]
    blocks: list[Block] = [Row(tuple(tables)), Text("params.yaml", params)]
    return Section(
        "provenance",
        "Provenance",
        "What this page was written from, and on which machine; a stage that DVC "
        "found in its cache may have run on another one.",
        blocks,
    )
