"""Append arrays to .npy shards of bounded size; memory stays one tile block flat."""

import mmap
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import numpy as np
from jaxtyping import Integer, Shaped

_MIB = 2**20
_WHOLE = slice(None)


def items_per_shard(
    item_shape: tuple[int, ...], dtype: type[np.generic], shard_mib: int
) -> int:
    """How many items fill a shard.

    Args:
        item_shape: Shape of one item, without the leading axis.
        dtype: Type of the stored numbers.
        shard_mib: Size that no shard exceeds, unless one item does.

    Returns:
        A number, at least 1.
    """
    item_bytes = int(np.prod(item_shape)) * np.dtype(dtype).itemsize
    return max(1, shard_mib * _MIB // item_bytes)


class ShardWriter:
    """Writes ``<prefix>-00000.npy``, ``<prefix>-00001.npy`` and so on.

    Use as a context manager: a shard's header holds its length only once closed.
    """

    def __init__(
        self,
        folder: Path,
        prefix: str,
        item_shape: tuple[int, ...],
        dtype: type[np.generic],
        *,
        shard_mib: int,
    ) -> None:
        """Start with no shard.

        Args:
            folder: Existing folder.
            prefix: File name before the shard number.
            item_shape: Shape of one item, without the leading axis.
            dtype: Type of the stored numbers.
            shard_mib: Size that no shard exceeds, unless one item does.
        """
        self._folder = folder
        self._prefix = prefix
        self._item_shape = item_shape
        self._dtype = np.dtype(dtype)
        self._item_bytes = int(np.prod(item_shape)) * self._dtype.itemsize
        self.items_per_shard = items_per_shard(item_shape, dtype, shard_mib)
        self._shard = -1
        self._length = 0
        self._file: BinaryIO | None = None

    def append(self, items: Shaped[np.ndarray, "items ..."]) -> None:
        """Add items behind those written so far, opening shards as needed.

        Args:
            items: Items of the shape and type given at the start.

        Raises:
            TypeError: If shape or type differ from those.
        """
        if items.shape[1:] != self._item_shape or items.dtype != self._dtype:
            raise TypeError(
                f"{self._prefix} items must be {self._item_shape} {self._dtype}, "
                f"got {items.shape[1:]} {items.dtype}"
            )
        start = 0
        while start < len(items):
            if self._file is None or self._length == self.items_per_shard:
                self._open_next()
            room = self.items_per_shard - self._length
            block = np.ascontiguousarray(items[start : start + room])
            assert self._file is not None
            self._file.write(block.data)
            self._length += len(block)
            start += len(block)

    def __len__(self) -> int:
        """Number of items written."""
        return max(0, self._shard) * self.items_per_shard + self._length

    def rewind(self, length: int) -> None:
        """Forget the items behind the first ones.

        Args:
            length: Items to keep, no more than were written.
        """
        self.close()
        shards = -(-length // self.items_per_shard)
        for number in range(shards, self._shard + 1):
            self._path(number).unlink()
        self._shard, self._length = shards - 1, 0
        if shards:
            self._length = length - self._shard * self.items_per_shard
            self._file = self._path(self._shard).open("r+b")
            self._write_header(self._file)
            self._file.truncate(self._file.tell() + self._length * self._item_bytes)
            self._file.seek(0, os.SEEK_END)

    def close(self) -> None:
        """Write the open shard's length into its header and close it."""
        if self._file is not None:
            self._file.seek(0)
            self._write_header(self._file)
            self._file.close()
            self._file = None

    def _open_next(self) -> None:
        self.close()
        self._shard += 1
        self._length = 0
        self._file = self._path(self._shard).open("wb")
        self._write_header(self._file)

    def _path(self, shard: int) -> Path:
        return self._folder / f"{self._prefix}-{shard:05d}.npy"

    def _write_header(self, file: BinaryIO) -> None:
        # numpy pads the header for growth of the first axis, so that its length does
        # not change when the final count replaces 0
        np.lib.format.write_array_header_1_0(
            file,
            {
                "descr": np.lib.format.dtype_to_descr(self._dtype),
                "fortran_order": False,
                "shape": (self._length, *self._item_shape),
            },
        )

    def __enter__(self) -> "ShardWriter":
        """The writer itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the open shard."""
        self.close()


class ShardReader:
    """Items of a row of shards, memory-mapped and gathered by index.

    Attributes:
        shards: The mapped arrays, read-only.
        item_shape: Shape of one item.
        dtype: Type of the stored numbers.
    """

    def __init__(self, folder: Path, prefix: str) -> None:
        """Map the shards.

        Args:
            folder: Folder of the shards.
            prefix: File name before the shard number.

        Raises:
            FileNotFoundError: If there is no shard.
        """
        files = sorted(folder.glob(f"{prefix}-*.npy"))
        if not files:
            raise FileNotFoundError(
                f"{folder} holds no {prefix} shard; run `dvc repro tile`"
            )
        maps = [np.load(file, mmap_mode="r") for file in files]
        self._maps = [shard.base for shard in maps]
        self._heads = [shard.offset % mmap.ALLOCATIONGRANULARITY for shard in maps]
        self._starts = np.cumsum([0, *(len(shard) for shard in maps)])
        self.shards = [shard.view(np.ndarray) for shard in maps]
        self.item_shape = self.shards[0].shape[1:]
        self.dtype = self.shards[0].dtype

    def __len__(self) -> int:
        """Number of items in all shards."""
        return int(self._starts[-1])

    def locate(
        self, indices: Integer[np.ndarray, " items"]
    ) -> Iterator[tuple[int, int]]:
        """Where items lie.

        Args:
            indices: Positions over all shards.

        Returns:
            Number of the shard and position in it, in the order of ``indices``.
        """
        shard_of = np.searchsorted(self._starts, indices, side="right") - 1
        inside = indices - self._starts[shard_of]
        return zip(shard_of.tolist(), inside.tolist(), strict=True)

    def read(
        self, indices: Integer[np.ndarray, " items"], part: slice = _WHOLE
    ) -> Shaped[np.ndarray, "items ..."]:
        """Copy items out of the shards.

        Args:
            indices: Positions over all shards.
            part: What is wanted of each item's first axis; no more is read.

        Returns:
            The items in the order of ``indices``.
        """
        first = self.shards[0][:0, part]
        items = np.empty((len(indices), *first.shape[1:]), self.dtype)
        for item, (shard, position) in zip(items, self.locate(indices), strict=True):
            item[...] = self.shards[shard][position, part]
        return items

    def will_need(self, indices: Integer[np.ndarray, " items"], rows: slice) -> None:
        """Have the system fetch parts of items from disk, all at once, and go on.

        Args:
            indices: Positions over all shards.
            rows: Part of each item's first axis, with start and stop.
        """
        if not hasattr(mmap, "MADV_WILLNEED"):
            return  # this system has nothing of the kind
        item_bytes, row_bytes = self.shards[0].strides[:2]
        for shard, position in self.locate(indices):
            first = self._heads[shard] + position * item_bytes + rows.start * row_bytes
            skipped = first % mmap.PAGESIZE
            length = skipped + (rows.stop - rows.start) * row_bytes
            self._maps[shard].madvise(mmap.MADV_WILLNEED, first - skipped, length)
