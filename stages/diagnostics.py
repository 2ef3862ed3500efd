"""Gather the diagnostics of every pre-training, draw them and name what collapsed."""

import json
import logging
from pathlib import Path

import pandas as pd

from sentinel_fusion.folders import make_empty
from sentinel_fusion.params import Params, load_params
from sentinel_fusion.report.diagnostics import draw_diagnostics
from sentinel_fusion.report.figure_files import save_figure
from stages.cells import prune_arms

_LOG = logging.getLogger(__name__)
_RUNS = Path("runs/diagnostics")
_METRICS = Path("metrics")
_DIGITS = 6


def main() -> None:
    """Write ``diagnostics.json``, ``diagnostics_curves.csv`` and the figure."""
    params = load_params()
    arms = params.diagnostics.arms
    prune_arms(_RUNS, arms)
    summaries = {
        arm: json.loads((_RUNS / arm / "summary.json").read_text()) for arm in arms
    }
    curves = pd.concat(
        [pd.read_csv(_RUNS / arm / "curves.csv").assign(arm=arm) for arm in arms]
    )[["arm", "epoch", "metric", "value"]]
    tiles = max(summary["tiles"] for summary in summaries.values())
    figure = draw_diagnostics(
        curves,
        arms=[*params.arms, *params.ensembles],
        chance={"top1": 1 / tiles, "rank": (tiles + 1) / 2},
        caption=_caption(params, tiles),
    )
    save_figure(figure, make_empty(_METRICS / "diagnostics"), "diagnostics")
    curves.to_csv(_METRICS / "diagnostics_curves.csv", index=False)
    rounded = {
        arm: {key: round(value, _DIGITS) for key, value in summary.items()}
        for arm, summary in summaries.items()
    }
    (_METRICS / "diagnostics.json").write_text(json.dumps(rounded, indent=2) + "\n")
    for arm, summary in summaries.items():
        if summary["collapsed"]:
            _LOG.warning("%s ended collapsed: README.md, Diagnostics", arm)
    _LOG.info("diagnosed %s", ", ".join(arms))


def _caption(params: Params, tiles: int) -> str:
    sources = params.sources
    return (
        f"{tiles} unlabelled tiles ({sources.pretrain.source}) of places not trained "
        f"on; k-NN: {params.diagnostics.neighbours} tiles of training places vote on "
        f"tiles of validation places ({sources.labelled.source}, "
        f"protocol {params.split.protocol}, labels as given), never on test tiles"
    )


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main()
