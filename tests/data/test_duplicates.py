import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from sentinel_fusion.data import duplicates
from sentinel_fusion.data.duplicates import content_hashes
from sentinel_fusion.data.shards import ShardReader, ShardWriter

EDGE = 8
BANDS = {"s1": 2, "s2": 13}


def _tiles(count: int, seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        name: rng.integers(0, 3000, (count, EDGE, EDGE, bands)).astype(np.uint16)
        for name, bands in BANDS.items()
    }


def _store(folder: Path, tiles: dict[str, np.ndarray]) -> dict[str, ShardReader]:
    folder.mkdir()
    for name, pixels in tiles.items():
        shape = pixels.shape[1:]
        with ShardWriter(folder, name, shape, np.uint16, shard_mib=1) as writer:
            writer.append(pixels)
    return {name: ShardReader(folder, name) for name in tiles}


def test_equal_tiles_have_equal_hashes_and_others_do_not(tmp_path: Path) -> None:
    first, second = _tiles(5, seed=0), _tiles(4, seed=1)
    for name in BANDS:
        second[name][2] = first[name][4]
        first[name][1] = first[name][0]
    stores = [_store(tmp_path / n, t) for n, t in (("a", first), ("b", second))]
    one, other = content_hashes(stores)
    assert other[2] == one[4]
    assert one[1] == one[0]
    assert len({*one, *other}) == 9 - 2


@pytest.mark.parametrize("sensor", list(BANDS))
def test_one_pixel_of_one_sensor_tells_tiles_apart(tmp_path: Path, sensor: str) -> None:
    tiles = {name: pixels[[0, 0]] for name, pixels in _tiles(1, seed=0).items()}
    tiles[sensor][1, 0, 0, 0] += 1  # not in the middle line
    (hashes,) = content_hashes([_store(tmp_path / "a", tiles)])
    assert hashes[0] != hashes[1]


def test_the_block_size_changes_no_hash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiles = {name: pixels[[0, 1, 0, 2, 1]] for name, pixels in _tiles(3, 0).items()}
    store = _store(tmp_path / "a", tiles)
    (at_once,) = content_hashes([store])
    monkeypatch.setattr(duplicates, "_BLOCK_BYTES", 1)
    (by_one,) = content_hashes([store])
    assert (at_once == by_one).all()


def test_memory_does_not_grow_with_the_number_of_tiles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(duplicates, "_BLOCK_BYTES", 2**16)
    peaks = []
    for count in (200, 800):
        tiles = {n: np.repeat(p, count, axis=0) for n, p in _tiles(1, seed=0).items()}
        store = _store(tmp_path / str(count), tiles)
        tracemalloc.start()
        content_hashes([store])
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    tile_bytes = EDGE * EDGE * 15 * 2
    assert peaks[1] - peaks[0] < 600 * tile_bytes / 5
