"""Run one cell of the ablation: an arm, a task, a label fraction."""

import importlib
import logging
import sys
import time
from dataclasses import fields
from pathlib import Path

from sentinel_fusion.data.augment import build_augment
from sentinel_fusion.data.loader import BatchLoader, TileStore
from sentinel_fusion.params import load_params
from sentinel_fusion.train.cell import CellData, CellSettings, run_cell
from sentinel_fusion.train.cell_files import SPLIT_FILES, read_splits, write_result
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
    device = pick_device(params.device)
    make_deterministic(params.finetune.threads, device)
    task = importlib.import_module(f"sentinel_fusion.tasks.{task_name}")
    encoder, normalisation = load_encoder(Path("models/pretrained") / arm)
    store = TileStore(Path("data/tiles/labelled"))
    index = store.index(["tile_id", "place_id", *task.TARGET_COLUMNS])
    rows, label_orders = read_splits(_SPLITS, params.seeds)
    data = CellData(
        loader=BatchLoader(store, encoder.inputs, normalisation, device),
        targets=task.targets(index),
        val_rows=rows["val"],
        test_rows=rows["test"],
        label_orders=label_orders,
    )
    section = params.finetune
    budget = {field.name for field in fields(FitSettings)}
    settings = CellSettings(
        label_frac=label_frac,
        learning_rates=section.learning_rates,
        fit=FitSettings(**section.model_dump(include=budget)),
        augment=build_augment(section.augment, None),
        precision=params.precision,
    )
    encoder_files = sorted((Path("models/pretrained") / arm).iterdir())
    key = work_key(
        [arm, task_name, label_frac, section.model_dump(), params.precision, device],
        loaded_code(),
        [
            store.content_sha256.encode(),
            *((_SPLITS / name).read_bytes() for name in SPLIT_FILES),
            *(file.read_bytes() for file in encoder_files),
        ],
    )
    checkpoints = Checkpoints(_SIDE_FOLDER, key, every_s=0)
    start = time.perf_counter()
    result = run_cell(encoder.to(device), task, data, settings, checkpoints)
    seconds = time.perf_counter() - start
    write_result(result, index, out)
    checkpoints.remove()
    _LOG.info("%s %s %g: %.1f s", arm, task_name, label_frac, seconds)


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
