"""Hand an arm's pre-trained encoders on: folders that timm loads, and a model card."""

import logging
import sys
from pathlib import Path

import pandas as pd

from sentinel_fusion.data.left_out import LEFT_OUT, kept_rows
from sentinel_fusion.data.loader import TileStore
from sentinel_fusion.folders import make_empty
from sentinel_fusion.metrics.task_metrics import metrics_of
from sentinel_fusion.params import Params, load_params
from sentinel_fusion.report.model_card import model_card
from sentinel_fusion.train.export import check_in_fresh_process, export_encoders

_LOG = logging.getLogger(__name__)


def main(arm: str) -> None:
    """Write ``models/exported/<arm>`` and check that timm loads it.

    Args:
        arm: Name of the arm.
    """
    params = load_params()
    arm_folder = Path("models/pretrained") / arm
    out = make_empty(Path("models/exported") / arm)
    configs = export_encoders(
        arm_folder, out, data=_data(params), licence=params.export.licence
    )
    card = model_card(
        folder=out.as_posix(),
        configs=configs,
        budget=params.pretrain_settings(arm).model_dump(exclude={"threads"}),
        scores=pd.read_csv("metrics/scores.csv"),
        headlines={task: _headline(task) for task in params.grid.arms},
        labelled=f"{params.sources.labelled.source}, split {params.split.describe()}",
    )
    (out / "README.md").write_text(card)
    check_in_fresh_process(arm_folder, out, seed=params.seed)
    _LOG.info("%s: timm loads %s from %s", arm, ", ".join(configs), out)


def _data(params: Params) -> dict[str, object]:
    places = TileStore(Path("data/tiles/pretrain")).index(["place_id"])["place_id"]
    places = places.iloc[kept_rows(LEFT_OUT, len(places))]
    return {
        "source": params.sources.pretrain.source,
        "tiles": len(places),
        "places": int(places.nunique()),
    }


def _headline(task: str) -> tuple[str, str]:
    metrics = metrics_of(task)
    return metrics.HEADLINE_METRIC, metrics.HEADLINE_TITLE


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main(sys.argv[1])
