"""Prediction tables of a cell on disk: a row a tile, a row group a use and seed."""

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

FILE_NAME = "predictions.parquet"


class PredictionWriter:
    """Writes the predictions of one use and seed after the other.

    Use as a context manager. Memory holds one table, whatever their number.
    """

    def __init__(self, folder: Path) -> None:
        """Start with no table.

        Args:
            folder: Existing folder.
        """
        self._file = folder / FILE_NAME
        self._writer: pq.ParquetWriter | None = None

    def append(self, predictions: pd.DataFrame) -> None:
        """Write the predictions of one use and seed.

        Args:
            predictions: "tile_id", "place_id", "use", "seed", "split", "row" and the
                task's own columns, the same for every table.
        """
        table = pa.Table.from_pandas(predictions, preserve_index=False)
        if self._writer is None:
            self._writer = pq.ParquetWriter(
                self._file, table.schema, compression="zstd"
            )
        self._writer.write_table(table, row_group_size=len(table))

    def __enter__(self) -> "PredictionWriter":
        """The writer itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the file."""
        if self._writer is not None:
            self._writer.close()


def read_predictions(folder: Path) -> Iterator[tuple[str, int, pd.DataFrame]]:
    """Predictions of a cell, a use and seed at a time.

    Args:
        folder: Folder of the cell.

    Yields:
        Use, seed and the rows of both.

    Raises:
        FileNotFoundError: If there are none.
    """
    file = folder / FILE_NAME
    if not file.is_file():
        raise FileNotFoundError(f"{folder} holds no predictions; run `dvc repro`")
    with pq.ParquetFile(file) as parquet:
        for group in range(parquet.num_row_groups):
            table = parquet.read_row_group(group).to_pandas()
            yield str(table["use"].iat[0]), int(table["seed"].iat[0]), table
