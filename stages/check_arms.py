"""Build and run every arm once, so that a bad option is refused before any stage works.

Each arm sees two tiles of noise: its pre-training loss and projections, and the heads
of the tasks that the grid and the headline experiment have it do.
"""

import importlib
import sys
from functools import partial
from pathlib import Path

import torch
from torch import nn

from sentinel_fusion.bands import BANDS
from sentinel_fusion.data.augment import build_augment
from sentinel_fusion.data.stats import Normalisation
from sentinel_fusion.models.fusion import FusedEncoder
from sentinel_fusion.params import Params, load_params
from sentinel_fusion.train.arms import ArmConfig, build_decoder, build_method, trains

OUT = Path("data/arms_checked")
_TILES = 2
Tiles = dict[str, torch.Tensor]


def main() -> None:
    """Try the arms and leave a constant file for the other stages to wait for."""
    params = load_params()
    torch.set_num_threads(1)
    for name in params.arms:
        try:
            _try_arm(params, name)
        except (RuntimeError, TypeError, ValueError, AssertionError) as error:
            sys.exit(f"params.yaml: arm {name}: {error}")
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text("every arm of params.yaml has been built and run once\n")


def _try_arm(params: Params, name: str) -> None:
    config = ArmConfig(**params.arm_settings(name))
    scale = {sensor: [1.0] * len(bands) for sensor, bands in BANDS.items()}
    method = build_method(config, Normalisation(mean=scale, sd=scale))
    tiles = {
        sensor: torch.randn(_TILES, len(BANDS[sensor]), config.size_px, config.size_px)
        for sensor in config.inputs
    }
    with torch.no_grad():
        if trains(config):
            _try_training(method, params, name, tiles)
        encoder = method.get_submodule("encoder").eval()
        assert isinstance(encoder, FusedEncoder)
        encoder(tiles)
        kind = params.decoder_of[config.encoder]
        decoder = partial(build_decoder, kind, params.decoders[kind])
        for task_name in _tasks(params, name):
            task = importlib.import_module(f"sentinel_fusion.tasks.{task_name}")
            head = task.build_head(encoder, decoder=decoder, seed=0)
            head.eval()(task.encode(encoder, tiles))


def _try_training(method: nn.Module, params: Params, name: str, tiles: Tiles) -> None:
    for part in ("training_loss", "project"):
        if not callable(getattr(method, part, None)):
            raise TypeError(
                f"method {params.arms[name].method} must offer {part}; Method in "
                "train/pretrain.py says what that is"
            )
    section = params.pretrain_settings(name)
    augment = build_augment(section.augment, section.crop_px)
    views = augment(tiles, torch.Generator().manual_seed(0))
    method.training_loss(views)  # type: ignore[operator]
    z1, z2 = method.eval().project(tiles)  # type: ignore[operator]
    if not len(z1) == len(z2) == _TILES:
        raise ValueError(
            f"project of method {params.arms[name].method} must give a row a tile, "
            f"got {len(z1)} and {len(z2)} of {_TILES} tiles"
        )


def _tasks(params: Params, name: str) -> list[str]:
    """Tasks that an arm does, in the grid or as the headline experiment."""
    done = [task for task, arms in params.grid.arms.items() if name in arms]
    headline = [params.finetune.task] if name == params.finetune.arm else []
    return list(dict.fromkeys([*done, *headline]))


if __name__ == "__main__":
    main()
