"""Geometric augmentation, the same for both sensors of a tile."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial

import torch
from jaxtyping import Int64, Shaped
from torch import Tensor

from sentinel_fusion.data.part import WHOLE, Part

_D4_ORDER = 8
Augment = Callable[[dict[str, Tensor], torch.Generator], dict[str, Tensor]]
"""Changes a batch with draws from a CPU generator."""


@dataclass(frozen=True)
class Window:
    """A square part of a tile.

    Args:
        top: First row.
        left: First column.
        size_px: Edge.
    """

    top: int
    left: int
    size_px: int

    @property
    def rows(self) -> slice:
        """Its rows in the tile."""
        return slice(self.top, self.top + self.size_px)

    @property
    def cols(self) -> slice:
        """Its columns in the tile."""
        return slice(self.left, self.left + self.size_px)


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
    first = next(iter(images.values()))
    batch_size, edge_px, device = len(first), first.shape[2], first.device
    drawn = torch.randint(_D4_ORDER, (part.whole(batch_size),), generator=generator)
    elements = part.cut(drawn).to(device, non_blocking=True)
    start = edge_px**2 * torch.arange(batch_size, device=device).unsqueeze(1)
    source = (_sources(edge_px, device)[elements] + start).flatten()
    return {sensor: _gather_pixels(x, source) for sensor, x in images.items()}


@cache
def _sources(edge_px: int, device: torch.device) -> Int64[Tensor, "elements pixels"]:
    """Which pixel of a tile each pixel of the moved tile shows, for every element."""
    pixels = torch.arange(edge_px**2).view(edge_px, edge_px)
    turned = [pixels.rot90(element % 4) for element in range(_D4_ORDER)]
    return torch.stack(
        [
            (pixels.fliplr() if element >= 4 else pixels).flatten()
            for element, pixels in enumerate(turned)
        ]
    ).to(device)


def _gather_pixels(
    images: Shaped[Tensor, "batch channels height width"],
    source: Int64[Tensor, " pixels"],
) -> Shaped[Tensor, "batch channels height width"]:
    # all bands of a pixel lie together, so that whole pixels are moved
    pixels = images.permute(0, 2, 3, 1)
    moved = pixels.flatten(0, 2).index_select(0, source)
    return moved.view(pixels.shape).permute(0, 3, 1, 2)


def draw_window(tile_px: int, size_px: int, generator: torch.Generator) -> Window:
    """A window at a random position.

    Args:
        tile_px: Edge of the tiles.
        size_px: Edge of the window.
        generator: CPU generator the position is drawn from.

    Returns:
        The window.

    Raises:
        ValueError: If the window is larger than the tiles.
    """
    if size_px > tile_px:
        raise ValueError(f"crop_px must be <= the tile size {tile_px}, got {size_px}")
    room = tile_px - size_px + 1
    top, left = (int(torch.randint(room, (), generator=generator)) for _ in range(2))
    return Window(top, left, size_px)


def random_crop(
    images: dict[str, Tensor], size_px: int, generator: torch.Generator
) -> dict[str, Tensor]:
    """Cut one window, at the same random position for both sensors and the batch.

    Args:
        images: Sensor -> images (B, C, H, W) with H == W.
        size_px: Edge of the window.
        generator: CPU generator the position is drawn from.

    Returns:
        Sensor -> images (B, C, size_px, size_px).
    """
    tile_px = next(iter(images.values())).shape[2]
    window = draw_window(tile_px, size_px, generator)
    return {s: x[:, :, window.rows, window.cols] for s, x in images.items()}


@dataclass(frozen=True)
class CropAugment:
    """A random window of the whole batch, then another augmentation.

    Called with whole images it cuts them; who reads tiles from disk can draw the window
    first and read no more than that.

    Args:
        size_px: Edge of the window.
        then: What happens to the cut images.
    """

    size_px: int
    then: Augment

    def __call__(
        self, images: dict[str, Tensor], generator: torch.Generator
    ) -> dict[str, Tensor]:
        """Cut and change whole images.

        Args:
            images: Sensor -> images (B, C, H, W) with H == W.
            generator: CPU generator of all draws.

        Returns:
            Sensor -> changed images of the window's size.
        """
        return self.then(random_crop(images, self.size_px, generator), generator)


def build_augment(name: str, crop_px: int | None, part: Part = WHOLE) -> Augment:
    """The augmentation of a name.

    Args:
        name: "none", "d4", "crop" or "d4_crop".
        crop_px: Edge of the window of "crop" and "d4_crop".
        part: Which part of every batch it will get.

    Returns:
        The augmentation; a ``CropAugment`` for "crop" and "d4_crop".

    Raises:
        ValueError: If the name is unknown, or a crop comes without a size.
    """
    if name == "none":
        return _leave
    d4 = partial(augment_d4, part=part)
    if name == "d4":
        return d4
    if name not in {"crop", "d4_crop"} or crop_px is None:
        raise ValueError(
            "augment must be none, d4, or crop or d4_crop with crop_px, got "
            f"{name!r} with {crop_px}"
        )
    return CropAugment(crop_px, _leave if name == "crop" else d4)


def _leave(images: dict[str, Tensor], generator: torch.Generator) -> dict[str, Tensor]:
    return images
