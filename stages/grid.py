"""Run one cell of the ablation: an arm, a task, a label fraction."""

import importlib
import json
import logging
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd

from sentinel_fusion.data.augment import build_augment
from sentinel_fusion.data.loader import BatchLoader, TileStore
from sentinel_fusion.params import load_params
from sentinel_fusion.train.cell import CellData, CellSettings, run_cell
from sentinel_fusion.train.checkpoint import Checkpoints, loaded_code, work_key
from sentinel_fusion.train.device import make_deterministic, pick_device
from sentinel_fusion.train.encoder_files import load_encoder
from sentinel_fusion.train.fit import FitSettings

_LOG = logging.getLogger(__name__)
_SIDE_FOLDER = Path(".checkpoints")
_SPLITS = Path("data/splits")


def write_cell(arm: str, task_name: str, label_frac: float, out: Path) -> None:
    """Write a cell's ``predictions.parquet``, ``curves.csv`` and ``cost.json``.

    Args:
        arm: Name of the arm.
        task_name: Name of the task.
        label_frac: Share of the training tiles whose labels are used.
        out: Folder to write to.
    """
    params = load_params()
    make_deterministic(params.finetune.threads)
    device = pick_device(params.device)
    task = importlib.import_module(f"sentinel_fusion.tasks.{task_name}")
    encoder, normalisation = load_encoder(Path("models/pretrained") / arm)
    store = TileStore(Path("data/tiles/labelled"))
    index = store.index(["tile_id", "place_id", *task.TARGET_COLUMNS])
    split = pd.read_parquet(_SPLITS / "tiles.parquet", columns=["split"])["split"]
    orders = pd.read_parquet(_SPLITS / "label_order.parquet")
    data = CellData(
        loader=BatchLoader(store, encoder.inputs, normalisation, device),
        targets=task.targets(index),
        val_rows=np.flatnonzero(split == "val"),
        test_rows=np.flatnonzero(split == "test"),
        label_orders={
            seed: orders.loc[orders["seed"] == seed, "row"].to_numpy(copy=True)
            for seed in params.seeds
        },
    )
    section = params.finetune
    settings = CellSettings(
        label_frac=label_frac,
        learning_rates=section.learning_rates,
        fit=FitSettings(
            steps=section.steps,
            batch_size=section.batch_size,
            weight_decay=section.weight_decay,
            eval_every=section.eval_every,
        ),
        augment=build_augment(section.augment, None),
    )
    weights = (Path("models/pretrained") / arm / "weights.safetensors").read_bytes()
    key = work_key(
        [arm, task_name, label_frac, section.augment, asdict(settings.fit)],
        loaded_code(),
        [
            store.content_sha256.encode(),
            (_SPLITS / "tiles.parquet").read_bytes(),
            (_SPLITS / "label_order.parquet").read_bytes(),
            weights,
        ],
    )
    checkpoints = Checkpoints(_SIDE_FOLDER, key, every_s=0)
    result = run_cell(encoder.to(device), task, data, settings, checkpoints)
    out.mkdir(parents=True, exist_ok=True)
    tiles = index.iloc[result.predictions["row"].to_numpy()].reset_index(drop=True)
    pd.concat([tiles, result.predictions], axis=1).to_parquet(
        out / "predictions.parquet", index=False
    )
    result.curves.to_csv(out / "curves.csv", index=False)
    (out / "cost.json").write_text(json.dumps(result.cost, indent=2) + "\n")
    checkpoints.remove()
    _LOG.info("%s %s %g: %.1f s", arm, task_name, label_frac, result.cost["seconds"])


def main(arm: str, task_name: str, label_frac: str) -> None:
    """Run a cell of the grid.

    Args:
        arm: Name of the arm.
        task_name: Name of the task.
        label_frac: Label fraction as params.yaml writes it; part of the path.
    """
    out = Path("runs/grid") / arm / task_name / label_frac
    write_cell(arm, task_name, float(label_frac), out)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main(*sys.argv[1:])
