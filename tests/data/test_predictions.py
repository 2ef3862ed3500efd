import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentinel_fusion.data import predictions
from sentinel_fusion.data.predictions import (
    FILE_NAME,
    PredictionWriter,
    read_predictions,
)

RUNS = [("finetuned", 0), ("finetuned", 2), ("frozen", 0), ("frozen", 2)]

ROW_BYTES = 8 + len("ab" + "frozen" + "val") + 8
"""Of a row of ``_rows`` without its label: seed, strings and number."""


def _table(use: str, seed: int) -> pd.DataFrame:
    """Three tiles whose numbers and bytes depend on use and seed."""
    values = [seed + 0.25, seed + 0.5, float(len(use))]
    return pd.DataFrame(
        {
            "tile_id": ["a", "b", "c"],
            "use": use,
            "seed": seed,
            "split": "test",
            "p0": values,
            "label": [f"{use}{value}".encode() for value in values],
        }
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with PredictionWriter(tmp_path) as writer:
        for run in RUNS:
            writer.append(_table(*run))
    return tmp_path


def test_uses_and_seeds_come_back_in_the_order_they_were_written(folder: Path) -> None:
    assert [(use, seed) for use, seed, _ in read_predictions(folder)] == RUNS


def test_tables_come_back_as_they_were(folder: Path) -> None:
    found = pd.concat([table for _, _, table in read_predictions(folder)])
    pd.testing.assert_frame_equal(found, pd.concat([_table(*run) for run in RUNS]))


def test_one_part_is_read_at_a_time(folder: Path) -> None:
    reading = read_predictions(folder)
    assert isinstance(reading, Iterator)
    assert len(next(reading)[2]) == 3


def test_all_tables_lie_in_one_file_that_pandas_reads(folder: Path) -> None:
    assert len(pd.read_parquet(folder / FILE_NAME)) == 3 * len(RUNS)


def test_a_folder_without_predictions_is_refused(tmp_path: Path) -> None:
    message = "cell holds no predictions; run `dvc repro`"
    with pytest.raises(FileNotFoundError, match=message):
        next(read_predictions(tmp_path / "cell"))


def _rows(seeds: list[int], label_bytes: list[int]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "tile_id": "ab",
            "use": "frozen",
            "seed": sorted(seeds),
            "split": "val",
            "row": np.arange(len(seeds)),
            "label": [bytes(size) for size in label_bytes],
        }
    )


def _written(table: pd.DataFrame, rows_at_once: int, most: int) -> list[pd.DataFrame]:
    """Parts of a table that came in pieces."""
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        patch.setattr(predictions, "PART_BYTES", most)
        with PredictionWriter(Path(name)) as writer:
            for _, run in table.groupby("seed"):
                for start in range(0, len(run), rows_at_once):
                    writer.append(run[start : start + rows_at_once])
        return [part for _, _, part in read_predictions(Path(name))]


TABLES = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 40)), min_size=1, max_size=30
).map(lambda rows: _rows(*(list(column) for column in zip(*rows, strict=True))))


@given(TABLES, st.integers(1, 30), st.integers(1, 300))
@settings(deadline=None, max_examples=40)
def test_rows_come_back_in_order_in_parts_of_bounded_size(
    table: pd.DataFrame, rows_at_once: int, most: int
) -> None:
    parts = _written(table, rows_at_once, most)
    pd.testing.assert_frame_equal(pd.concat(parts, ignore_index=True), table)
    sizes = [len(part) * ROW_BYTES + part["label"].str.len().sum() for part in parts]
    assert all(
        size <= most or len(part) == 1 for size, part in zip(sizes, parts, strict=True)
    )


@given(TABLES, st.integers(1, 30), st.integers(1, 300))
@settings(deadline=None, max_examples=40)
def test_a_part_has_one_seed_and_as_many_rows_as_fit(
    table: pd.DataFrame, rows_at_once: int, most: int
) -> None:
    parts = _written(table, rows_at_once, most)
    assert all(part["seed"].nunique() == 1 for part in parts)
    for part, following in pairwise(parts):
        more = pd.concat([part, following[:1]])
        size = len(more) * ROW_BYTES + more["label"].str.len().sum()
        assert more["seed"].nunique() == 2 or size > most


@given(TABLES, st.integers(1, 30), st.integers(1, 300))
@settings(deadline=None, max_examples=40)
def test_parts_do_not_depend_on_the_tables_that_rows_came_in(
    table: pd.DataFrame, rows_at_once: int, most: int
) -> None:
    ours, theirs = (_written(table, n, most) for n in (rows_at_once, len(table)))
    assert [len(part) for part in ours] == [len(part) for part in theirs]


def test_splits_lie_in_parts_of_their_own(tmp_path: Path) -> None:
    with PredictionWriter(tmp_path) as writer:
        for split in ("val", "test"):
            writer.append(_table("frozen", 0).assign(split=split))
    splits = [part["split"].tolist() for _, _, part in read_predictions(tmp_path)]
    assert splits == [["val"] * 3, ["test"] * 3]


def test_no_part_is_written_after_an_error(tmp_path: Path) -> None:
    def interrupted() -> None:
        with PredictionWriter(tmp_path) as writer:
            writer.append(_table("frozen", 0))
            raise KeyError

    with pytest.raises(KeyError):
        interrupted()
    assert not (tmp_path / FILE_NAME).exists()
