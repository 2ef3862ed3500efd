"""Geometric augmentation, the same for both sensors of a tile."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from sentinel_fusion.data.part import WHOLE, Part

_D4_ORDER = 8
Augment = Callable[[dict[str, Tensor], torch.Generator], dict[str, Tensor]]
"""Changes a batch with draws from a CPU generator."""


def augment_d4(
    images: dict[str, Tensor], generator: torch.Generator, *, part: Part = WHOLE
) -> dict[str, Tensor]:
    """Turn and mirror each tile by a random element of the square's symmetry group.

    Args:
        images: Sensor -> images (B, C, H, W) with H == W.
        generator: CPU generator the elements are drawn from.
        part: Which part of the batch the tiles are.

    Returns:
        Sensor -> images, tile i of every sensor moved in the same way.
    """
    batch_size = len(next(iter(images.values())))
    drawn = torch.randint(_D4_ORDER, (part.whole(batch_size),), generator=generator)
    element = part.cut(drawn)
    augmented = {sensor: torch.empty_like(x) for sensor, x in images.items()}
    for code in range(_D4_ORDER):
        chosen = (element == code).nonzero().squeeze(1)
        if len(chosen) == 0:
            continue
        for sensor, x in images.items():
            turned = torch.rot90(x[chosen], code % 4, dims=(2, 3))
            augmented[sensor][chosen] = turned.flip(3) if code >= 4 else turned
    return augmented


def random_crop(
    images: dict[str, Tensor], size_px: int, generator: torch.Generator
) -> dict[str, Tensor]:
    """Cut one window, at the same random position for both sensors and the batch.

    Args:
        images: Sensor -> images (B, C, H, W).
        size_px: Edge of the window.
        generator: CPU generator the position is drawn from.

    Returns:
        Sensor -> images (B, C, size_px, size_px).

    Raises:
        ValueError: If the window is larger than the images.
    """
    height, width = next(iter(images.values())).shape[2:]
    if size_px > min(height, width):
        raise ValueError(
            f"crop_px must be <= the tile size {min(height, width)}, got {size_px}"
        )
    top = int(torch.randint(height - size_px + 1, (), generator=generator))
    left = int(torch.randint(width - size_px + 1, (), generator=generator))
    return {
        sensor: x[:, :, top : top + size_px, left : left + size_px]
        for sensor, x in images.items()
    }


def build_augment(name: str, crop_px: int | None, part: Part = WHOLE) -> Augment:
    """The augmentation of a name.

    Args:
        name: "none", "d4", "crop" or "d4_crop".
        crop_px: Edge of the window of "crop" and "d4_crop".
        part: Which part of every batch it will get.

    Returns:
        The augmentation.

    Raises:
        ValueError: If the name is unknown, or a crop comes without a size.
    """
    if name == "none":
        return lambda images, generator: images
    d4 = partial(augment_d4, part=part)
    if name == "d4":
        return d4
    if name not in {"crop", "d4_crop"} or crop_px is None:
        raise ValueError(
            "augment must be none, d4, or crop or d4_crop with crop_px, got "
            f"{name!r} with {crop_px}"
        )
    if name == "crop":
        return lambda images, generator: random_crop(images, crop_px, generator)
    return lambda images, generator: d4(
        random_crop(images, crop_px, generator), generator
    )
