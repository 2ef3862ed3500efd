"""Random 128 px samples of both sensors: ours, torchgeo, the published way.

One process, files in the page cache. On one thread seconds are the processor's; on all
cores, which PyTorch uses where it is not told otherwise, they are the clock's.
"""

import itertools
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from loader_in_a_step import Case, share_of_a_step
from loader_on_cuda import rows_on
from loader_peers import CROP_PX, SLOW_BATCH, TILE_PX, peers_over
from measure import Row, Work, has, interleave, median, missing, row, spread
from stores import deflate, random_tiles, tiles_of, write_rasters, write_store
from torch import Tensor

from sentinel_fusion.bands import BANDS
from sentinel_fusion.data import loader as loader_module
from sentinel_fusion.data.augment import Window
from sentinel_fusion.data.loader import BatchLoader, TileStore
from sentinel_fusion.data.scaling import Scaler
from sentinel_fusion.data.shards import ShardReader
from sentinel_fusion.data.tile_reader import TileReader

PLACES = 16
TILES = 256
BATCH = 32
ROUNDS = 15
COLD_ROUNDS = 5
SLOW_ROUNDS = 5
GOALS = {"torchgeo": 100, "published way": 40}
CPU = torch.device("cpu")
NUMBERS = CROP_PX**2 * sum(map(len, BANDS.values()))
"""Of a sample."""
COPIED_BATCHES = 6
SMALL = Case("resnet10t", 8, 32, 128, "none", 8)
LARGE = Case("resnet18", 64, CROP_PX, BATCH, "d4_crop", 2)


def _loader(store: TileStore) -> BatchLoader:
    return BatchLoader(store, ("s1", "s2"), store.normalisation, CPU)


def _draw(rng: np.random.Generator) -> tuple[np.ndarray, Window]:
    top, left = (int(x) for x in rng.integers(0, TILE_PX - CROP_PX + 1, 2))
    return rng.integers(0, TILES, BATCH), Window(top, left, CROP_PX)


def main(argv: list[str]) -> Iterator[Row]:
    """Measure.

    Args:
        argv: Not used.

    Yields:
        Result rows.
    """
    cores = torch.get_num_threads()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        raw = Path(name) / "raw"
        raw.mkdir()
        write_rasters(raw, PLACES)
        rasters = {"raw": raw, "deflate": Path(name) / "deflate"}
        deflate(raw, rasters["deflate"])
        store = TileStore(write_store(Path(name) / "store", tiles_of(raw), TILES))
        pool = random_tiles(64, SMALL.size_px)
        small = TileStore(write_store(Path(name) / "small", pool, 4 * TILES))
        for case in (SMALL, replace(SMALL, augment="d4")):
            yield share_of_a_step("tiles kept in memory", small, case)
        with mock.patch.object(loader_module, "RESIDENT_BYTES", 0):
            yield from _against_peers(store, rasters)
            yield from _ways_to_gather(store)
            yield from _cold(store)
            yield share_of_a_step("mapped tiles", store, LARGE)
            torch.set_num_threads(cores)
            yield from _on_all_cores(store, rasters)
        if torch.cuda.is_available():
            yield from rows_on(torch.device("cuda"), store)


def _against_peers(store: TileStore, rasters: dict[str, Path]) -> Iterator[Row]:
    """On one thread."""
    load = _loading(store)
    fast = interleave(
        {"ours": load, "copy": _copying(np.float32)}, ROUNDS, time.process_time
    )
    share = median(fast["copy"]) / median(fast["ours"])
    yield row(
        "normalised 128 px batches",
        BATCH / median(fast["ours"]),
        "samples/s",
        spread=spread(fast["ours"]),
        limit=BATCH / median(fast["copy"]),
        ratio_to_limit=share,
        goal=">= 0.5 of limit",
        met=share >= 0.5,
        note="limit: copying the finished float32 batch once",
    )
    ours = BATCH / median(fast["ours"])
    yield from _peer_rows("the same", ours, rasters, time.process_time)


def _on_all_cores(store: TileStore, rasters: dict[str, Path]) -> Iterator[Row]:
    """As a process runs that sets no number of threads."""
    cores = torch.get_num_threads()
    work = {"normalised": _loading(store), "stored integers of": _gathering(store)}
    seconds = interleave(
        {
            (name, threads): partial(_on_threads, threads, run)
            for name, run in work.items()
            for threads in (1, cores)
        },
        2 * ROUNDS,
    )
    for name in work:
        one, all_cores = seconds[name, 1], seconds[name, cores]
        yield row(
            f"{name} 128 px batches, {cores} threads",
            BATCH / median(all_cores),
            "samples/s",
            spread=spread(all_cores),
            peer=BATCH / median(one),
            ratio_to_peer=median(one) / median(all_cores),
            note="peer: one thread; seconds of the clock",
        )
    ours = BATCH / median(seconds["normalised", cores])
    yield from _peer_rows(
        f"normalised 128 px batches, {cores} threads",
        ours,
        {"deflate": rasters["deflate"]},
        time.perf_counter,
    )


def _on_threads(threads: int, run: Work) -> None:
    torch.set_num_threads(threads)
    run()


def _peer_rows(
    name: str, ours: float, rasters: dict[str, Path], clock: Callable[[], float]
) -> Iterator[Row]:
    """Against each peer; ``ours`` in samples a second."""
    peers = peers_over(rasters)
    work = {key: partial(next, samples) for key, samples in peers.items()}
    for (peer, files), seconds in interleave(work, SLOW_ROUNDS, clock).items():
        least = GOALS[peer] if files == "deflate" else None
        ratio = ours * median(seconds) / SLOW_BATCH
        yield row(
            f"{name}, peer: {peer}, {files} files",
            ours,
            "samples/s",
            spread=spread(seconds),
            peer=SLOW_BATCH / median(seconds),
            ratio_to_peer=ratio,
            goal=f">= {least} x peer" if least else "",
            met=ratio >= least if least else None,
            note="spread of the peer",
        )
    if not has("torchgeo"):
        yield missing(f"{name}, peer: torchgeo", "torchgeo")


def _loading(store: TileStore) -> Work:
    rng = np.random.default_rng(0)
    loader = _loader(store)
    for _ in loader.iterate(np.arange(TILES), BATCH):
        pass  # a first epoch, in which the system maps every page
    return lambda: loader.load(*_draw(rng))


def _gathering(store: TileStore) -> Work:
    """Stored integers, as they are sent to a GPU."""
    rng = np.random.default_rng(0)
    readers = {
        s: TileReader(s, store.shards[s], Scaler(s, store.normalisation, CPU))
        for s in BANDS
    }
    rooms = _rooms()

    def gather() -> None:
        rows, window = _draw(rng)
        for sensor, reader in readers.items():
            reader.gather(rows, window, rooms[sensor])

    return gather


def _rooms() -> dict[str, Tensor]:
    return {
        s: torch.zeros(BATCH, CROP_PX, CROP_PX, len(BANDS[s]), dtype=torch.int16)
        for s in BANDS
    }


def _copying(kind: type[np.generic]) -> Work:
    """Copies as many numbers as a batch has, each time others, beyond the caches."""
    sources = np.ones((COPIED_BATCHES, BATCH * NUMBERS), kind)
    room = np.zeros(BATCH * NUMBERS, kind)
    turn = itertools.cycle(sources)
    return lambda: np.copyto(room, next(turn))


def _ways_to_gather(store: TileStore) -> list[Row]:
    """Stored integers of a batch, as they are sent to a GPU, in several ways."""
    rng = np.random.default_rng(0)
    rooms = _rooms()
    mapped = {
        sensor: torch.from_numpy(np.load(file, mmap_mode="c").view(np.int16))
        for sensor in BANDS
        for file in [store.folder / f"{sensor}-00000.npy"]
    }
    inside = min(map(len, mapped.values()))

    def index_select() -> None:
        rows, window = _draw(rng)
        chosen = torch.from_numpy(rows % inside)
        for sensor, x in mapped.items():
            part = x[:, window.rows, window.cols]
            torch.index_select(part, 0, chosen, out=rooms[sensor])

    def fancy() -> None:
        rows, window = _draw(rng)
        for x in mapped.values():
            x.numpy()[rows % inside, window.rows, window.cols]

    seconds = interleave(
        {
            "tile by tile": _gathering(store),
            "torch.index_select": index_select,
            "numpy indexing": fancy,
            "copy": _copying(np.int16),
        },
        2 * ROUNDS,
        time.process_time,
    )
    limit = BATCH / median(seconds.pop("copy"))
    return [
        row(
            f"stored integers of 128 px batches, {name}",
            BATCH / median(times),
            "samples/s",
            spread=spread(times),
            limit=limit,
            ratio_to_limit=BATCH / median(times) / limit,
            goal=">= 0.5 of limit" if name == "tile by tile" else "",
            met=BATCH / median(times) >= 0.5 * limit
            if name == "tile by tile"
            else None,
            note="limit: copying as many bytes in a row; a crop's rows lie apart",
        )
        for name, times in seconds.items()
    ]


def _forget(folder: Path) -> None:
    """Have the system drop a store's files from the page cache."""
    for file in folder.glob("*.npy"):
        with file.open("rb") as opened:
            os.fsync(opened.fileno())
            os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _cold(store: TileStore) -> list[Row]:
    """Batches from disk, with the tiles asked for at once and without."""
    if not hasattr(os, "posix_fadvise"):
        return []
    rng = np.random.default_rng(0)
    folder = store.folder.with_name("cold")
    shutil.copytree(store.folder, folder)

    def seconds(*, ahead: bool) -> float:
        _forget(folder)
        loader = _loader(TileStore(folder))
        never = mock.patch.object(ShardReader, "will_need", return_value=None)
        with nullcontext() if ahead else never:
            start = time.perf_counter()
            loader.load(*_draw(rng))
            return time.perf_counter() - start

    ahead, plain = [], []
    for _ in range(COLD_ROUNDS):
        ahead.append(seconds(ahead=True))
        plain.append(seconds(ahead=False))
    return [
        row(
            "128 px batches from disk, tiles asked for at once",
            BATCH / median(ahead),
            "samples/s",
            spread=spread(ahead),
            peer=BATCH / median(plain),
            ratio_to_peer=median(plain) / median(ahead),
            note="peer: the same files, each page read when it is touched",
        )
    ]
