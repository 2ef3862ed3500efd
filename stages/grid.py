"""Run one cell of the ablation: an arm, a task, a label fraction."""

import importlib
import json
import logging
import sys
from dataclasses import fields
from functools import partial
from pathlib import Path

from sentinel_fusion.data.augment import build_augment
from sentinel_fusion.data.loader import BatchLoader, TileStore
from sentinel_fusion.folders import SHARED_FEATURES, SIDE_FOLDER
from sentinel_fusion.params import Params, load_params
from sentinel_fusion.sections.training import Finetune
from sentinel_fusion.train import cell_files
from sentinel_fusion.train.arms import build_decoder
from sentinel_fusion.train.cell import cell_cost, run_cell
from sentinel_fusion.train.cell_inputs import CellSettings
from sentinel_fusion.train.checkpoint import Checkpoints, loaded_code, work_key
from sentinel_fusion.train.cost import Stopwatch, write_cost
from sentinel_fusion.train.device import pick_device, prepare_process
from sentinel_fusion.train.encoder_files import load_encoder
from sentinel_fusion.train.fit import FitSettings

_LOG = logging.getLogger(__name__)
_SPLITS = Path("data/splits")
_BUDGET = {field.name for field in fields(FitSettings)}


def write_cell(arm: str, task_name: str, label_frac: float, name: str) -> None:
    """Write a cell's predictions, curves and cost.

    Args:
        arm: Name of the arm.
        task_name: Name of the task.
        label_frac: Share of the training tiles whose labels are used.
        name: Folder below ``runs``, and below ``runs/cost`` for seconds and memory,
            which are never the same twice.
    """
    params = load_params()
    device = pick_device(params.device)
    prepare_process(params.finetune.threads, device)
    watch = Stopwatch(device)
    task = importlib.import_module(f"sentinel_fusion.tasks.{task_name}")
    encoder_folder = Path("models/pretrained") / arm
    encoder, config, normalisation = load_encoder(encoder_folder)
    encoder.to(device)
    store = TileStore(Path("data/tiles/labelled"))
    loader = BatchLoader(store, encoder.inputs, normalisation, device)
    data = cell_files.read_data(store, _SPLITS, task, loader, params.seeds)
    section = params.finetune_settings(task_name)
    settings = _settings(params, section, label_frac, config.encoder)
    cost = cell_cost(encoder, task, data, settings)
    inputs = cell_files.input_contents(store, _SPLITS, encoder_folder)
    of_arm = (arm, params.precision, device)
    of_cell = (task_name, label_frac, section.model_dump())
    decoding = (params.decoder_of, params.decoders) if task.ON_MAPS else ()
    key = work_key([of_arm, of_cell, decoding], loaded_code(), inputs)
    checkpoints = Checkpoints(SIDE_FOLDER, key, every_s=0)
    of_features = (of_arm, params.seeds, section.threads)
    key = cell_files.features_key(of_features, Path(__file__), inputs)
    shared = Checkpoints(SHARED_FEATURES, key, every_s=0)
    index = store.index(["tile_id", "place_id"])
    out = Path("runs") / name
    results = run_cell(encoder, task, data, settings, checkpoints, shared)
    cell_files.write_results(results, index, out)
    (out / "cost.json").write_text(json.dumps(cost, indent=2) + "\n")
    used = {**watch.read(), "resumed": checkpoints.has_resumed}
    write_cost(Path("runs/cost") / name / "cost.json", {**cost, **used})
    checkpoints.remove()
    _LOG.info("%s %s %g: %.1f s", arm, task_name, label_frac, used["seconds"])


def _settings(
    params: Params, section: Finetune, label_frac: float, encoder: str
) -> CellSettings:
    decoder = params.decoder_of[encoder]
    return CellSettings(
        label_frac=label_frac,
        learning_rates=section.learning_rates,
        fit=FitSettings(**section.model_dump(include=_BUDGET)),
        augment=build_augment(section.augment, None),
        precision=params.precision,
        decoder=partial(build_decoder, decoder, params.decoders[decoder]),
    )


def main(arm: str, task_name: str, label_frac: str) -> None:
    """Run a cell of the grid.

    Args:
        arm: Name of the arm.
        task_name: Name of the task.
        label_frac: Label fraction as params.yaml writes it; part of the path.
    """
    name = f"grid/{arm}/{task_name}/{label_frac}"
    write_cell(arm, task_name, float(label_frac), name)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main(*sys.argv[1:])
