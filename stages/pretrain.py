"""Pre-train an arm's encoders, or write their initial weights where it has none."""

import logging
import sys
from dataclasses import asdict, fields
from pathlib import Path

import pandas as pd

from sentinel_fusion.data.augment import build_augment
from sentinel_fusion.data.left_out import LEFT_OUT, kept_rows
from sentinel_fusion.data.loader import TileStore
from sentinel_fusion.folders import SIDE_FOLDER, make_empty
from sentinel_fusion.models.fusion import FusedEncoder
from sentinel_fusion.params import load_params
from sentinel_fusion.train.arms import ArmConfig, build_method, trains
from sentinel_fusion.train.checkpoint import Checkpoints, loaded_code, work_key
from sentinel_fusion.train.cost import Stopwatch, write_cost
from sentinel_fusion.train.device import pick_device, prepare_process
from sentinel_fusion.train.encoder_files import save_encoder
from sentinel_fusion.train.pretrain import PretrainSettings, pretrain, training_gflops
from sentinel_fusion.train.pretrain_data import open_data
from sentinel_fusion.train.ranks import join_ranks
from sentinel_fusion.train.snapshots import Snapshots
from sentinel_fusion.train.watch import CollapseAlarm

_LOG = logging.getLogger(__name__)
_SNAPSHOTS = Path("models/snapshots")
_CHECKPOINT_EVERY_S = 20


def main(name: str) -> None:
    """Write an arm's weights, ``config.json``, ``curve.csv``, snapshots and cost.

    Args:
        name: Name of the arm.
    """
    params = load_params()
    kind = pick_device(params.device)
    section = params.pretrain_settings(name)
    config = ArmConfig(**params.arm_settings(name))
    ranks = join_ranks(kind)
    if not (ranks.is_first or trains(config)):
        return
    prepare_process(section.threads, kind)
    watch = Stopwatch(ranks.device)
    store = TileStore(Path("data/tiles/pretrain"))
    method = build_method(config, store.normalisation).to(ranks.device)
    curve, cost = pd.DataFrame(columns=["epoch"]), {}
    key = work_key(
        [asdict(config), section.model_dump(), params.precision, str(kind)],
        loaded_code(),
        [store.content_sha256.encode(), LEFT_OUT.read_bytes()],
    )
    checkpoints = Checkpoints(SIDE_FOLDER, key, every_s=_CHECKPOINT_EVERY_S)
    if trains(config):
        settings = PretrainSettings(
            **section.model_dump(include={f.name for f in fields(PretrainSettings)}),
            seed=params.seed,
            precision=params.precision,
        )
        data, watched = open_data(
            store,
            config.inputs,
            kept_rows(LEFT_OUT, len(store)),
            ranks,
            build_augment(section.augment, section.crop_px, ranks.part),
            val_frac=section.val_frac,
            watched_tiles=section.watched_tiles,
            seed=params.seed,
        )
        cost = {"gflops": training_gflops(method, data, settings, ranks)}
        side = Checkpoints(SIDE_FOLDER, key, every_s=0)
        snapshots = Snapshots(side, epochs=section.epochs, every=section.snapshot_every)
        limits = section.collapse_spread, section.collapse_rank
        alarm = CollapseAlarm(*limits, section.warmup_steps)
        rows = pretrain(method, data, settings, ranks, checkpoints, (snapshots, alarm))
        if not ranks.is_first:
            return
        snapshots.write(_SNAPSHOTS / name)
        curve = pd.DataFrame(rows).assign(watched=watched)
    else:
        _LOG.info("%s: %s, initial weights only", name, config.method)
        make_empty(_SNAPSHOTS / name)
    encoder = method.get_submodule("encoder")
    assert isinstance(encoder, FusedEncoder)
    folder = make_empty(Path("models/pretrained") / name)
    save_encoder(folder, encoder, config, store.normalisation)
    curve.to_csv(folder / "curve.csv", index=False)
    parameters = sum(p.numel() for p in method.parameters())
    used = {**watch.read(), "resumed": checkpoints.has_resumed}
    cost_file = Path("runs/cost/pretrain") / name / "cost.json"
    write_cost(cost_file, {"parameters": parameters, **cost, **used})
    checkpoints.remove()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main(sys.argv[1])
