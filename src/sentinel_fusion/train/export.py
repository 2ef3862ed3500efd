"""Pre-trained encoders as folders that timm loads, and the proof that it does.

A folder holds ``config.json`` and ``model.safetensors``, and
``timm.create_model("local-dir:FOLDER", pretrained=True)`` gives the network. timm takes
``model.safetensors`` before any other file, so that nothing is unpickled.
"""

import copy
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import timm
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from sentinel_fusion.bands import band_indices
from sentinel_fusion.data.stats import Normalisation
from sentinel_fusion.models.fusion import STACKED, FusedEncoder
from sentinel_fusion.models.timm_encoder import TimmEncoder
from sentinel_fusion.report.model_card import OUR_KEY
from sentinel_fusion.train import exported_features
from sentinel_fusion.train.arms import ArmConfig
from sentinel_fusion.train.encoder_files import load_encoder

Config = dict[str, Any]
"""Content of a ``config.json``: timm's keys, and ours under ``OUR_KEY``."""
UNITS = {"s1": "dB", "s2": "reflectance x 10000"}
"""Sensor -> unit of the pixels before they are normalised."""
CHECK_TILES = 2
RTOL = 1e-5
ATOL = 1e-6
_PACKAGE_ROOT = Path(__file__).parents[2]


def export_encoders(
    arm_folder: Path, out: Path, *, data: dict[str, Any], licence: str
) -> dict[str, Config]:
    """Write a folder for every encoder of a pre-trained arm.

    Args:
        arm_folder: Arm as ``save_encoder`` wrote it, named after the arm.
        out: Folder to write into; it has no folder of an encoder's name yet.
        data: What the arm was pre-trained on, in words and numbers for the config.
        licence: Licence of the weights.

    Returns:
        Encoder's name -> the config written; "s1" and "s2", or "stacked".

    Raises:
        ValueError: If the arm is a baseline, which has nothing learned to hand on.
    """
    encoder, arm, normalisation = load_encoder(arm_folder)
    if arm.loss == "none":
        raise ValueError(
            "export.arms must name pre-trained arms, got "
            f"{arm_folder.name}, whose method {arm.method} trains nothing"
        )
    about = {"arm": arm_folder.name, **asdict(arm), "data": data}
    del about["bands"]  # those looked at in part; "channels" has all
    configs = {}
    for name, part in _parts(encoder).items():
        channels = _channels(name, encoder, normalisation)
        configs[name] = _config(part, arm, channels, about, licence)
        folder = out / name
        folder.mkdir(parents=True)
        save_file(_weights(part.network), folder / "model.safetensors")
        text = json.dumps(configs[name], indent=2)
        (folder / "config.json").write_text(text + "\n")
    return configs


def check_in_fresh_process(arm_folder: Path, out: Path, *, seed: int) -> None:
    """Load the exported encoders in a new process and compare what they compute.

    Both sides see the same normally distributed tiles, on the CPU.

    Args:
        arm_folder: Arm that was exported.
        out: Folder that ``export_encoders`` wrote into.
        seed: Seed of the tiles.

    Raises:
        RuntimeError: If an encoder does not load or its features differ.
    """
    parts = _parts(load_encoder(arm_folder)[0])
    configs = {n: json.loads((out / n / "config.json").read_text()) for n in parts}
    generator = torch.Generator().manual_seed(seed)
    images = {
        name: torch.randn(
            CHECK_TILES, *config["pretrained_cfg"]["input_size"], generator=generator
        )
        for name, config in configs.items()
    }
    modules = {module for c in configs.values() for module in c[OUR_KEY]["imports"]}
    vectors = _fresh_features(out, images, sorted(modules))
    for name, part in parts.items():
        # rounding depends on the memory layout, and timm loads the plain one
        network = copy.deepcopy(part.network).to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
        expected = exported_features.features(network, images[name])
        if not torch.allclose(vectors[name], expected, rtol=RTOL, atol=ATOL):
            worst = (vectors[name] - expected).abs().max()
            raise RuntimeError(
                f"{out / name} must give the features of {arm_folder} in a fresh "
                f"process, got a largest difference of {worst:.3g}"
            )


def _fresh_features(
    out: Path, images: dict[str, Tensor], modules: list[str]
) -> dict[str, Tensor]:
    paths = [str(_PACKAGE_ROOT), os.environ.get("PYTHONPATH", "")]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "CUDA_VISIBLE_DEVICES": "",
    }
    with tempfile.TemporaryDirectory() as scratch:
        save_file(images, Path(scratch) / exported_features.IMAGES)
        command = ["-m", exported_features.__name__, str(out), scratch, *modules]
        ended = subprocess.run(
            [sys.executable, *command],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if ended.returncode != 0:
            raise RuntimeError(
                f"{out} must load in a fresh process, which failed:\n{ended.stderr}"
            )
        return load_file(Path(scratch) / exported_features.FEATURES)


def _parts(encoder: FusedEncoder) -> dict[str, TimmEncoder]:
    parts = {}
    for name, part in encoder.encoders.items():
        assert isinstance(part, TimmEncoder)
        parts[name] = part
    return parts


def _weights(network: nn.Module) -> dict[str, Tensor]:
    state = network.state_dict()
    return {name: tensor.detach().contiguous() for name, tensor in state.items()}


def _channels(
    name: str, encoder: FusedEncoder, normalisation: Normalisation
) -> list[dict[str, Any]]:
    """What an encoder's input channels are, in their order."""
    return [
        {
            "sensor": sensor,
            "band": band,
            "unit": UNITS[sensor],
            "mean": normalisation.mean[sensor][index],
            "sd": normalisation.sd[sensor][index],
        }
        for sensor in (encoder.inputs if name == STACKED else (name,))
        for band, index in zip(
            encoder.bands[sensor],
            band_indices(sensor, encoder.bands[sensor]),
            strict=True,
        )
    ]


def _config(
    part: TimmEncoder,
    arm: ArmConfig,
    channels: list[dict[str, Any]],
    about: dict[str, Any],
    licence: str,
) -> Config:
    module = timm.models.model_entrypoint(part.architecture).__module__
    return {
        "architecture": part.architecture,
        "num_classes": 0,
        "num_features": part.num_features,
        "model_args": part.model_args,
        "pretrained_cfg": {
            "input_size": [len(channels), arm.size_px, arm.size_px],
            "fixed_input_size": "img_size" in part.model_args,
            "mean": [channel["mean"] for channel in channels],
            "std": [channel["sd"] for channel in channels],
            "num_classes": 0,
            # by these two names timm finds layers to adapt to other bands or classes;
            # without them it loads every tensor as it is or fails
            "first_conv": None,
            "classifier": None,
            "license": licence,
        },
        OUR_KEY: {
            **about,
            "channels": channels,
            "imports": [] if module.startswith("timm.") else [module],
        },
    }
