"""Pre-train an arm's encoders, or write their initial weights where it has none."""

import logging
import sys
from dataclasses import asdict, fields
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn

from sentinel_fusion.data.augment import build_augment
from sentinel_fusion.data.loader import BatchLoader, TileStore
from sentinel_fusion.data.splits import hold_out_places
from sentinel_fusion.folders import make_empty
from sentinel_fusion.models.fusion import FusedEncoder
from sentinel_fusion.params import Params, load_params
from sentinel_fusion.train.arms import ArmConfig, build_method, trains
from sentinel_fusion.train.checkpoint import Checkpoints, loaded_code, work_key
from sentinel_fusion.train.device import make_deterministic, pick_device
from sentinel_fusion.train.encoder_files import save_encoder
from sentinel_fusion.train.pretrain import PretrainData, PretrainSettings, pretrain

_LOG = logging.getLogger(__name__)
_SIDE_FOLDER = Path(".checkpoints")
_CHECKPOINT_EVERY_S = 20


def main(name: str) -> None:
    """Write an arm's ``weights.safetensors``, ``config.json`` and ``curve.csv``.

    Args:
        name: Name of the arm.
    """
    params = load_params()
    device = pick_device(params.device)
    make_deterministic(params.pretrain.threads, device)
    config = ArmConfig(**params.arm_settings(name))
    method = build_method(config)
    store = TileStore(Path("data/tiles/pretrain"))
    if trains(config):
        curve, checkpoints = _train(method, config, store, params, device)
    else:
        curve, checkpoints = pd.DataFrame(columns=["epoch"]), None
        _LOG.info("%s: %s, initial weights only", name, config.method)
    encoder = method.get_submodule("encoder")
    assert isinstance(encoder, FusedEncoder)
    folder = make_empty(Path("models/pretrained") / name)
    save_encoder(folder, encoder, config, store.normalisation)
    curve.to_csv(folder / "curve.csv", index=False)
    if checkpoints is not None:
        checkpoints.remove()


def _train(
    method: nn.Module,
    config: ArmConfig,
    store: TileStore,
    params: Params,
    device: torch.device,
) -> tuple[pd.DataFrame, Checkpoints]:
    section = params.pretrain
    wanted = {field.name for field in fields(PretrainSettings)}
    settings = PretrainSettings(
        **section.model_dump(include=wanted),
        seed=params.seed,
        precision=params.precision,
    )
    index = store.index(["tile_id", "place_id"])
    places = index["place_id"].to_numpy()
    is_val = hold_out_places(
        places, section.val_frac, np.random.default_rng(params.seed)
    )
    if not is_val.any():
        _LOG.warning("one place only: retrieval is watched on the training tiles")
    checkpoints = Checkpoints(
        _SIDE_FOLDER,
        work_key(
            [asdict(config), section.model_dump(), asdict(settings), str(device)],
            loaded_code(),
            [store.content_sha256.encode()],
        ),
        every_s=_CHECKPOINT_EVERY_S,
    )
    data = PretrainData(
        loader=BatchLoader(store, config.inputs, store.normalisation, device),
        train_rows=np.flatnonzero(~is_val),
        val_rows=np.flatnonzero(is_val if is_val.any() else ~is_val),
        tile_ids=index["tile_id"].to_numpy(),
        augment=build_augment(section.augment, section.crop_px),
    )
    curve = pd.DataFrame(pretrain(method, data, settings, device, checkpoints))
    curve["watched"] = "val" if is_val.any() else "train"
    return curve, checkpoints


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main(sys.argv[1])
