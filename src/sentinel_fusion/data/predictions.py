"""Prediction tables of a cell on disk: a row a tile, a row group a part.

A part holds tiles of one use, seed and split, as many as fit ``PART_BYTES``; so what
writes or reads a part at a time needs the same memory, whatever the number of tiles.
"""

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from jaxtyping import Integer

FILE_NAME = "predictions.parquet"
PART_BYTES = 2**22
"""Most bytes of a part, unless a single tile has more: 455 segmented tiles of 32 px,
7 of 256 px, some 30,000 tiles of one class."""
_RUN = ["use", "seed", "split"]


class PredictionWriter:
    """Writes predictions as parts, in the order they come.

    Where a part ends depends on the rows alone, not on the tables they come in: cells
    that predicted the same tiles have the same parts. Use as a context manager.
    """

    def __init__(self, folder: Path) -> None:
        """Start with no row.

        Args:
            folder: Existing folder.
        """
        self._file = folder / FILE_NAME
        self._writer: pq.ParquetWriter | None = None
        self._run: list[object] = []
        self._held: list[pa.Table] = []
        self._held_bytes = 0

    def append(self, predictions: pd.DataFrame) -> None:
        """Take some tiles of one use, seed and split, those of a run one after another.

        Args:
            predictions: "tile_id", "place_id", "use", "seed", "split", "row" and the
                task's own columns, the same for every table.
        """
        table = pa.Table.from_pandas(predictions, preserve_index=False)
        run = predictions[_RUN].iloc[0].tolist()
        if run != self._run:
            self._write_part()
            self._run = run
        start = 0
        for row, size in enumerate(_row_bytes(table).tolist()):
            if self._held_bytes and self._held_bytes + size > PART_BYTES:
                self._held.append(table.slice(start, row - start))
                self._write_part()
                start = row
            self._held_bytes += size
        self._held.append(table.slice(start))

    def _write_part(self) -> None:
        if not self._held:
            return
        part = pa.concat_tables(self._held)
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._file, part.schema, compression="zstd")
        self._writer.write_table(part, row_group_size=len(part))
        self._held, self._held_bytes = [], 0

    def __enter__(self) -> "PredictionWriter":
        """The writer itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Write the last part, unless an error ended the work, and close the file."""
        if kind is None:
            self._write_part()
        if self._writer is not None:
            self._writer.close()


def _row_bytes(table: pa.Table) -> Integer[np.ndarray, " rows"]:
    """Bytes of the values of every row."""
    size = np.zeros(len(table), np.int64)
    for column in table.columns:
        if pa.types.is_primitive(column.type):
            size += -(-column.type.bit_width // 8)
        else:
            size += pc.binary_length(column).to_numpy()
    return size


def read_predictions(folder: Path) -> Iterator[tuple[str, int, pd.DataFrame]]:
    """Predictions of a cell, a part at a time, in the order they were written.

    Args:
        folder: Folder of the cell.

    Yields:
        Use, seed and some tiles of both, all of one split.

    Raises:
        FileNotFoundError: If there are none.
    """
    file = folder / FILE_NAME
    if not file.is_file():
        raise FileNotFoundError(f"{folder} holds no predictions; run `dvc repro`")
    with pq.ParquetFile(file) as parquet:
        for group in range(parquet.num_row_groups):
            # threads gain nothing on so few bytes, and each would keep memory
            part = parquet.read_row_group(group, use_threads=False)
            table = part.to_pandas(use_threads=False)
            yield str(table["use"].iat[0]), int(table["seed"].iat[0]), table
