"""An arm's encoder on disk: safetensors weights and a config that rebuilds it."""

import hashlib
import importlib
import json
from dataclasses import asdict
from pathlib import Path

from safetensors.torch import load_file, save_file

from sentinel_fusion.data.stats import Normalisation
from sentinel_fusion.models.fusion import FusedEncoder, to_channels_last
from sentinel_fusion.train.arms import ArmConfig, build_encoder


def save_encoder(
    folder: Path,
    encoder: FusedEncoder,
    config: ArmConfig,
    normalisation: Normalisation,
) -> None:
    """Write ``weights.safetensors`` and ``config.json``.

    The config names the encoder's source code by hash, so that a stage that depends
    on this folder runs again when that code changes.

    Args:
        folder: Existing folder.
        encoder: Encoder to write.
        config: What it is.
        normalisation: Input scaling it was trained with.
    """
    weights = {
        name: tensor.detach().cpu().contiguous()
        for name, tensor in encoder.state_dict().items()
    }
    save_file(weights, folder / "weights.safetensors")
    module = importlib.import_module(f"sentinel_fusion.models.{config.encoder}")
    source = Path(str(module.__file__)).read_bytes()
    described = {
        **asdict(config),
        "normalisation": asdict(normalisation),
        "encoder_source_sha256": hashlib.sha256(source).hexdigest(),
    }
    (folder / "config.json").write_text(json.dumps(described, indent=2) + "\n")


def load_encoder(folder: Path) -> tuple[FusedEncoder, ArmConfig, Normalisation]:
    """An encoder as ``save_encoder`` wrote it; nothing is unpickled.

    Args:
        folder: Folder of an arm below models/pretrained.

    Returns:
        The encoder on the CPU, what it is, and its input scaling.

    Raises:
        FileNotFoundError: If the folder holds no encoder.
    """
    if not (folder / "config.json").is_file():
        raise FileNotFoundError(
            f"{folder} holds no encoder; run `dvc repro pretrain@{folder.name}`"
        )
    described = json.loads((folder / "config.json").read_text())
    described.pop("encoder_source_sha256")
    normalisation = Normalisation(**described.pop("normalisation"))
    described["inputs"] = tuple(described["inputs"])
    described["bands"] = {k: tuple(v) for k, v in described["bands"].items()}
    config = ArmConfig(**described)
    encoder = build_encoder(config)
    encoder.load_state_dict(load_file(folder / "weights.safetensors"))
    to_channels_last(encoder)
    return encoder, config, normalisation
