from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentinel_fusion.data.shards import ShardReader, ShardWriter

ITEM = (256, 512)  # half a MiB of int32, so that few items fill a shard
DTYPE = np.int32


def _items(first: int, count: int) -> np.ndarray:
    """Item i is full of i."""
    numbers = np.arange(first, first + count, dtype=DTYPE)
    return np.broadcast_to(numbers[:, None, None], (count, *ITEM))


def _write(folder: Path, block_sizes: list[int], shard_mib: int = 1) -> int:
    first = 0
    with ShardWriter(folder, "s1", ITEM, DTYPE, shard_mib=shard_mib) as writer:
        for size in block_sizes:
            writer.append(_items(first, size))
            first += size
    return first


def _read(folder: Path, indices: list[int]) -> list[int]:
    items = ShardReader(folder, "s1").read(np.array(indices, np.int64))
    assert items.shape == (len(indices), *ITEM)
    assert (items == items[:, :1, :1]).all()
    return [int(number) for number in items[:, 0, 0]]


BLOCKS = st.lists(st.integers(0, 5), min_size=1, max_size=4).filter(any)


@settings(max_examples=25, deadline=None)
@given(block_sizes=BLOCKS, shard_mib=st.integers(1, 3))
def test_reading_all_gives_the_blocks_one_behind_the_other(
    block_sizes: list[int], shard_mib: int
) -> None:
    with TemporaryDirectory() as name:
        total = _write(Path(name), block_sizes, shard_mib)
        assert len(ShardReader(Path(name), "s1")) == total
        assert _read(Path(name), list(range(total))) == list(range(total))


@settings(max_examples=25, deadline=None)
@given(block_sizes=BLOCKS, shard_mib=st.integers(1, 3), data=st.data())
def test_reading_a_part_gives_those_lines_of_the_items(
    block_sizes: list[int], shard_mib: int, data: st.DataObject
) -> None:
    with TemporaryDirectory() as name:
        total = _write(Path(name), block_sizes, shard_mib)
        wanted = data.draw(st.lists(st.integers(0, total - 1), max_size=6))
        indices, lines = np.array(wanted, np.int64), slice(3, 5)
        reader = ShardReader(Path(name), "s1")
        assert np.array_equal(
            reader.read(indices, lines), reader.read(indices)[:, lines]
        )


@settings(max_examples=25, deadline=None)
@given(block_sizes=BLOCKS, shard_mib=st.integers(1, 3), data=st.data())
def test_reading_indices_gives_those_items_in_their_order(
    block_sizes: list[int], shard_mib: int, data: st.DataObject
) -> None:
    with TemporaryDirectory() as name:
        total = _write(Path(name), block_sizes, shard_mib)
        wanted = data.draw(st.lists(st.integers(0, total - 1), max_size=6))
        assert _read(Path(name), wanted) == wanted


def test_shards_are_filled_to_the_limit_before_the_next(tmp_path: Path) -> None:
    _write(tmp_path, [3, 2], shard_mib=1)
    lengths = {file.name: len(np.load(file)) for file in tmp_path.iterdir()}
    assert lengths == {"s1-00000.npy": 2, "s1-00001.npy": 2, "s1-00002.npy": 1}


def test_no_shard_is_larger_than_the_limit_by_more_than_its_header(
    tmp_path: Path,
) -> None:
    _write(tmp_path, [7], shard_mib=1)
    assert max(file.stat().st_size for file in tmp_path.iterdir()) <= 2**20 + 128


def test_item_larger_than_the_limit_gets_a_shard_of_its_own(tmp_path: Path) -> None:
    big = np.zeros((2, 2**20), np.int16)
    with ShardWriter(tmp_path, "s1", (2**20,), np.int16, shard_mib=1) as writer:
        writer.append(big)
    assert len(list(tmp_path.iterdir())) == 2


def test_shards_are_plain_npy_files(tmp_path: Path) -> None:
    _write(tmp_path, [1, 1], shard_mib=8)
    loaded = np.load(tmp_path / "s1-00000.npy", allow_pickle=False)
    assert loaded.dtype == DTYPE
    np.testing.assert_array_equal(loaded, _items(0, 2))


def test_header_holds_for_many_items(tmp_path: Path) -> None:
    with ShardWriter(tmp_path, "x", (1,), np.uint8, shard_mib=1) as writer:
        writer.append(np.ones((123_456, 1), np.uint8))
    assert np.load(tmp_path / "x-00000.npy").sum() == 123_456


def test_items_that_do_not_lie_in_a_row_in_memory_are_stored_right(
    tmp_path: Path,
) -> None:
    items = np.arange(12, dtype=np.int16).reshape(3, 4).T
    with ShardWriter(tmp_path, "x", (3,), np.int16, shard_mib=1) as writer:
        writer.append(items)
    np.testing.assert_array_equal(np.load(tmp_path / "x-00000.npy"), items)


@pytest.mark.parametrize(
    "items",
    [np.zeros((1, 3), np.int16), np.zeros((1, 2), np.int32), np.zeros(2, np.int16)],
    ids=["shape", "type", "axis missing"],
)
def test_items_of_other_shape_or_type_are_refused(
    tmp_path: Path, items: np.ndarray
) -> None:
    with (
        ShardWriter(tmp_path, "s1", (2,), np.int16, shard_mib=1) as writer,
        pytest.raises(TypeError, match=r"s1 items must be \(2,\) int16, got"),
    ):
        writer.append(items)


def test_folder_without_shards_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="holds no s1 shard; run `dvc repro"):
        ShardReader(tmp_path, "s1")


@pytest.mark.parametrize("sizes", [[2], [2, 2]], ids=["one shard", "two shards"])
def test_position_behind_the_last_item_is_an_error(
    tmp_path: Path, sizes: list[int]
) -> None:
    total = _write(tmp_path, sizes)
    with pytest.raises(IndexError, match=r"out of (bounds|range)"):
        ShardReader(tmp_path, "s1").read(np.array([total]))


@pytest.mark.parametrize("rows", [slice(0, 256), slice(17, 40), slice(255, 256)])
def test_items_asked_for_ahead_read_as_ever(tmp_path: Path, rows: slice) -> None:
    total = _write(tmp_path, [3, 2])
    reader = ShardReader(tmp_path, "s1")
    reader.will_need(np.arange(total)[::-1], rows)
    assert reader.read(np.array([4, 0]))[:, 0, 0].tolist() == [4, 0]


def test_an_item_is_found_in_its_shard(tmp_path: Path) -> None:
    _write(tmp_path, [3, 2])  # two items a shard
    reader = ShardReader(tmp_path, "s1")
    assert list(reader.locate(np.array([3, 0, 4]))) == [(1, 1), (0, 0), (2, 0)]


def test_shards_cannot_be_written_to(tmp_path: Path) -> None:
    _write(tmp_path, [1])
    with pytest.raises(ValueError, match="read-only"):
        ShardReader(tmp_path, "s1").shards[0][0] = 1
