"""Tiles of one sensor out of the mapped shards, for a CPU or for another device."""

import warnings
from collections.abc import Iterator, Sequence
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import Bool, Float, Int16, Integer
from torch import Tensor

from sentinel_fusion.bands import BANDS
from sentinel_fusion.data.augment import Window
from sentinel_fusion.data.rooms import Rooms
from sentinel_fusion.data.scaling import Scaler
from sentinel_fusion.data.shards import ShardReader

CACHED_NUMBERS = 2**19
"""Numbers that are scaled at once, unless one image has more: 2 MiB."""
SHORT_LINE = 1024
"""Numbers of a line of pixels below which a few tiles become float32 at once."""
Rows = Integer[np.ndarray, " tiles"]
_Pixels = TypeVar("_Pixels", np.ndarray, Tensor)


class TileReader:
    """Reads windows of tiles of one sensor.

    Attributes:
        shards: The stored integers.
    """

    def __init__(self, sensor: str, shards: ShardReader, scaler: Scaler) -> None:
        """Map the shards as tensors.

        Args:
            sensor: "s1" or "s2".
            shards: The stored integers.
            scaler: Scales them, on the device where the images are wanted.
        """
        self.shards = shards
        self._scaler = scaler
        self._bands = len(BANDS[sensor])
        self._rooms = Rooms()
        self._staged = torch.empty(0, dtype=torch.int16)
        with warnings.catch_warnings():
            # torch warns of arrays that must not be written to; nothing here writes
            warnings.simplefilter("ignore", UserWarning)
            self._tensors = [torch.from_numpy(shard) for shard in shards.shards]
        self._bits = [shard.view(torch.int16) for shard in self._tensors]

    def read_scaled(
        self, rows: Rows, window: Window, is_complete: Bool[np.ndarray, " tiles"]
    ) -> Float[Tensor, "tiles rows cols bands"]:
        """Normalised images in a CPU's memory.

        Args:
            rows: Tile positions.
            window: Part of every tile.
            is_complete: Which of the tiles have no unmeasured pixel.

        Returns:
            Images in the order of ``rows``, in memory that may be used again.
        """
        size_px = window.size_px
        images = self._rooms.tensor(len(rows), size_px, size_px, self._bands)
        at_once = max(1, CACHED_NUMBERS // (size_px**2 * self._bands))
        read = self._cast_few if size_px * self._bands < SHORT_LINE else self._cast_each
        # a few tiles at a time, so that they are scaled while they lie in the cache
        for start in range(0, len(rows), at_once):
            few = slice(start, start + at_once)
            read(rows[few], window, images[few])
            self._scaler.scale_(images[few], is_complete=bool(is_complete[few].all()))
        return images

    def gather(
        self, rows: Rows, window: Window, into: Int16[Tensor, "tiles rows cols bands"]
    ) -> None:
        """Copy stored integers, with as many threads as torch uses.

        Args:
            rows: Tile positions.
            window: Part of every tile.
            into: Gets their bits, in the order of ``rows``.
        """
        tiles = self._tiles(self._bits, rows, window)
        for image, tile in zip(into, tiles, strict=True):
            image.copy_(tile)

    def send(
        self, rows: Rows, window: Window, device: torch.device
    ) -> Int16[Tensor, "tiles rows cols bands"]:
        """Stored integers on a device, for ``scale``.

        Args:
            rows: Tile positions.
            window: Part of every tile.
            device: A CUDA device.

        Returns:
            The bits of the integers, on their way there.
        """
        shape = (len(rows), window.size_px, window.size_px, self._bands)
        staged = torch.empty(shape, dtype=torch.int16, pin_memory=True)
        self.gather(rows, window, staged)
        return staged.to(device, non_blocking=True)

    def send_all(self, device: torch.device) -> Int16[Tensor, "tiles rows cols bands"]:
        """Stored integers of all tiles on a device, for ``scale``.

        Args:
            device: A CUDA device.

        Returns:
            The bits of the integers; signed, which every device can gather.
        """
        shape = (len(self.shards), *self.shards.item_shape)
        everything = torch.empty(shape, dtype=torch.int16, device=device)
        start = 0
        for shard in self._bits:
            everything[start : start + len(shard)] = shard
            start += len(shard)
        return everything

    def scale(
        self, sent: Int16[Tensor, "tiles rows cols bands"], *, is_complete: bool
    ) -> Float[Tensor, "tiles rows cols bands"]:
        """Normalised images of what ``send`` or ``send_all`` gave.

        Args:
            sent: Bits of stored integers.
            is_complete: Whether no tile has an unmeasured pixel.

        Returns:
            Images on the same device.
        """
        images = sent.view(self._tensors[0].dtype).to(torch.float32)
        self._scaler.scale_(images, is_complete=is_complete)
        return images

    def _cast_each(self, rows: Rows, window: Window, images: Tensor) -> None:
        tiles = self._tiles(self._tensors, rows, window)
        for image, tile in zip(images, tiles, strict=True):
            image.copy_(tile)

    def _cast_few(self, rows: Rows, window: Window, images: Tensor) -> None:
        if self._staged.numel() < images.numel():
            self._staged = torch.empty(images.numel(), dtype=torch.int16)
        staged = self._staged[: images.numel()].view(self._tensors[0].dtype)
        staged = staged.view(images.shape)
        # numpy's slices of small tiles cost less than torch's
        tiles = self._tiles(self.shards.shards, rows, window)
        for room, tile in zip(staged.numpy(), tiles, strict=True):
            room[...] = tile
        images.copy_(staged)

    def _tiles(
        self, shards: Sequence[_Pixels], rows: Rows, window: Window
    ) -> Iterator[_Pixels]:
        """Windows where they lie; a shard's are cut once, which takes time as well."""
        cut: dict[int, _Pixels] = {}
        for shard, position in self.shards.locate(rows):
            if shard not in cut:
                cut[shard] = shards[shard][:, window.rows, window.cols]
            yield cut[shard][position]
