"""Diagnose an arm's pre-training from its snapshots, on tiles it was not trained on."""

import json
import logging
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from sentinel_fusion.data.left_out import LEFT_OUT, kept_rows
from sentinel_fusion.data.loader import BatchLoader, TileStore
from sentinel_fusion.folders import make_empty
from sentinel_fusion.metrics.collapse import is_collapsed
from sentinel_fusion.params import Params, load_params
from sentinel_fusion.train.arms import build_method
from sentinel_fusion.train.device import pick_device, prepare_process
from sentinel_fusion.train.diagnose import Measures, Probe, Watched, diagnose
from sentinel_fusion.train.encoder_files import load_encoder
from sentinel_fusion.train.pretrain_data import choose_rows
from sentinel_fusion.train.snapshots import list_snapshots, load_snapshot

_LOG = logging.getLogger(__name__)
_PRETRAINED = Path("models/pretrained")
_SNAPSHOTS = Path("models/snapshots")
_WATCHED = ["loss", "retrieval_top1", "retrieval_top5", "spread", "projection_rank"]
"""Columns of the pre-training's own curve that are handed on."""


def main(arm: str) -> None:
    """Write ``curves.csv`` and ``summary.json`` below ``runs/diagnostics``.

    Args:
        arm: Name of the arm.
    """
    params = load_params()
    section = params.pretrain_settings(arm)
    device = pick_device(params.device)
    prepare_process(section.threads, device)
    encoder, config, normalisation = load_encoder(_PRETRAINED / arm)
    stores = [TileStore(Path("data/tiles") / role) for role in ("pretrain", "labelled")]
    loaders = [BatchLoader(s, config.inputs, normalisation, device) for s in stores]
    _, rows, _ = choose_rows(
        stores[0],
        kept_rows(LEFT_OUT, len(stores[0])),
        val_frac=section.val_frac,
        watched_tiles=section.watched_tiles,
        seed=params.seed,
    )
    watched = Watched(loaders[0], rows, params.precision)
    probe = _probe(stores[1], loaders[1], params)
    method = build_method(config, normalisation).to(device)
    epochs = {0: diagnose(method, watched, probe)}
    for epoch, file in list_snapshots(_SNAPSHOTS / arm).items():
        load_snapshot(method, file)
        epochs[epoch] = diagnose(method, watched, probe)
    curve = pd.read_csv(_PRETRAINED / arm / "curve.csv", index_col="epoch")[_WATCHED]
    measured = pd.DataFrame.from_dict(epochs, orient="index").rename_axis("epoch")
    folder = make_empty(Path("runs/diagnostics") / arm)
    tidy = pd.concat([_tidy(curve), _tidy(measured)])
    tidy.to_csv(folder / "curves.csv", index=False, float_format="%.6g")
    last: Measures = {str(k): float(v) for k, v in curve.iloc[-1].items()}
    collapsed = is_collapsed(
        last["spread"],
        last["projection_rank"],
        min_spread=section.collapse_spread,
        min_rank=section.collapse_rank,
    )
    summary = {
        **measured.iloc[-1].to_dict(),
        "knn_random": epochs[0]["knn_accuracy"],
        "feature_dim": encoder.num_features,
        "retrieval_chance": 1 / len(rows),
        "tiles": len(rows),
        "spread": last["spread"],
        "projection_rank": last["projection_rank"],
        "collapsed": int(collapsed),
    }
    (folder / "summary.json").write_text(json.dumps(summary, indent=2) + "\n")
    _LOG.info("%s: %s", arm, ", ".join(f"{k} {v:.4g}" for k, v in summary.items()))


def _probe(store: TileStore, loader: BatchLoader, params: Params) -> Probe:
    split = pd.read_parquet("data/splits/tiles.parquet", columns=["split"])["split"]
    train, val = (np.flatnonzero(split == name) for name in ("train", "val"))
    classes = store.index(["majority"])["majority"].to_numpy(np.int64, copy=True)
    return Probe(loader, classes, train, val, params.diagnostics.neighbours)


def _tidy(table: pd.DataFrame) -> pd.DataFrame:
    return table.reset_index().melt("epoch", var_name="metric")


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main(sys.argv[1])
