"""Features of exported encoders as a user of timm gets them.

``train.export`` runs this file in a fresh process, which knows of an encoder only what
its folder says.
"""

import importlib
import sys
from pathlib import Path

import timm
import torch
from jaxtyping import Float
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

IMAGES = "images.safetensors"
FEATURES = "features.safetensors"


def load_exported(folder: Path) -> nn.Module:
    """An exported encoder, by the line that the model card gives.

    Args:
        folder: Folder of one encoder.

    Returns:
        The network with its exported weights, on the CPU.
    """
    network: nn.Module = timm.create_model(f"local-dir:{folder}", pretrained=True)
    return network


def features(
    network: nn.Module, images: Float[Tensor, "batch channels height width"]
) -> Float[Tensor, "batch features"]:
    """Features of a batch; the network is left in evaluation mode.

    Args:
        network: Encoder.
        images: Normalised images.

    Returns:
        One vector an image.
    """
    with torch.no_grad():
        vectors: Tensor = network.eval()(images)
    return vectors


def main(exported: Path, scratch: Path, modules: list[str]) -> None:
    """Read ``IMAGES`` and write ``FEATURES``, both with an entry an encoder.

    Args:
        exported: Folder with a folder an encoder.
        scratch: Folder of the two files.
        modules: Modules that the encoders need imported.
    """
    for module in modules:
        importlib.import_module(module)
    vectors = {
        name: features(load_exported(exported / name), images).contiguous()
        for name, images in load_file(scratch / IMAGES).items()
    }
    save_file(vectors, scratch / FEATURES)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
