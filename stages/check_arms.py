"""Build and run every arm once, so that a bad option is refused before any stage works.

Each arm sees two tiles of noise: its pre-training loss, and its decoder where the grid
segments with it.
"""

import sys
from pathlib import Path

import torch

from sentinel_fusion.bands import BANDS
from sentinel_fusion.data.augment import build_augment
from sentinel_fusion.data.stats import Normalisation
from sentinel_fusion.models.fusion import FusedEncoder
from sentinel_fusion.params import Params, load_params
from sentinel_fusion.train.arms import ArmConfig, build_decoder, build_method, trains

OUT = Path("data/arms_checked")
_SEGMENTATION = "segmentation"


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
        sensor: torch.randn(2, len(BANDS[sensor]), config.size_px, config.size_px)
        for sensor in config.inputs
    }
    with torch.no_grad():
        if trains(config):
            section = params.pretrain_settings(name)
            augment = build_augment(section.augment, section.crop_px)
            views = augment(tiles, torch.Generator().manual_seed(0))
            method.training_loss(views)  # type: ignore[operator]
        encoder = method.get_submodule("encoder").eval()
        assert isinstance(encoder, FusedEncoder)
        encoder(tiles)
        if name in params.grid.arms.get(_SEGMENTATION, ()):
            kind = params.decoder_of[config.encoder]
            decoder = build_decoder(
                kind, params.decoders[kind], encoder, num_classes=2, seed=0
            )
            decoder.eval()(encoder.feature_maps(tiles))


if __name__ == "__main__":
    main()
