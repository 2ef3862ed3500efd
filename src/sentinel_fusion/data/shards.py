"""Append arrays to .npy shards of bounded size; memory stays one tile block flat."""

from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import numpy as np
from jaxtyping import Shaped

_MIB = 2**20
_WHOLE = slice(None)


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
        item_bytes = int(np.prod(item_shape)) * self._dtype.itemsize
        self.items_per_shard = max(1, shard_mib * _MIB // item_bytes)
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
        path = self._folder / f"{self._prefix}-{self._shard:05d}.npy"
        self._file = path.open("wb")
        self._write_header(self._file)

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
    """Items of a row of shards, memory-mapped and gathered by index."""

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
        self._shards = [np.load(file, mmap_mode="r") for file in files]
        self._starts = np.cumsum([0, *(len(shard) for shard in self._shards)])
        self.item_shape = self._shards[0].shape[1:]

    def __len__(self) -> int:
        """Number of items in all shards."""
        return int(self._starts[-1])

    def read(
        self, indices: Shaped[np.ndarray, " items"], part: slice = _WHOLE
    ) -> Shaped[np.ndarray, "items ..."]:
        """Copy items out of the shards.

        Args:
            indices: Positions over all shards.
            part: What is wanted of each item's first axis; no more is read.

        Returns:
            The items in the order of ``indices``.
        """
        if len(self._shards) == 1:
            return np.asarray(self._shards[0][indices, part])
        shard_of = np.searchsorted(self._starts, indices, side="right") - 1
        first = self._shards[0][:0, part]
        items = np.empty((len(indices), *first.shape[1:]), first.dtype)
        for number in np.unique(shard_of):
            rows = shard_of == number
            inside = indices[rows] - self._starts[number]
            items[rows] = self._shards[number][inside, part]
        return items
