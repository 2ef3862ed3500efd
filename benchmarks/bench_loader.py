"""Random 128 px samples of both sensors: ours, torchgeo, the published way.

One process, one thread, files in the page cache; seconds are the processor's. The
published way is that of the papers' code as it is described: rasters opened for every
sample, values clipped, every crop divided by its own maximum, a DataLoader.
"""

import itertools
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import rasterio
import torch
from loader_on_cuda import rows_on
from measure import Row, Work, has, interleave, median, missing, row, spread
from rasterio.windows import Window as RasterWindow
from stores import deflate, random_tiles, tiles_of, write_rasters, write_store
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from sentinel_fusion.bands import BANDS
from sentinel_fusion.data import loader as loader_module
from sentinel_fusion.data.augment import Window, build_augment
from sentinel_fusion.data.loader import BatchLoader, TileStore, load_augmented
from sentinel_fusion.data.scaling import Scaler
from sentinel_fusion.data.shards import ShardReader
from sentinel_fusion.data.tile_reader import TileReader
from sentinel_fusion.train.arms import ArmConfig, build_method

PLACES = 16
TILES = 256
TILE_PX = 256
CROP_PX = 128
BATCH = 32
SLOW_BATCH = 8
ROUNDS = 15
COLD_ROUNDS = 5
SLOW_ROUNDS = 5
GOALS = {"torchgeo": 100, "published way": 40}
CPU = torch.device("cpu")
NUMBERS = CROP_PX**2 * sum(map(len, BANDS.values()))
"""Of a sample."""
COPIED_BATCHES = 6


@dataclass(frozen=True)
class Case:
    """A pre-training step whose loading is timed."""

    architecture: str
    width: int
    size_px: int
    batch: int
    augment: str
    steps: int


SMALL = Case("resnet10t", 8, 32, 128, "none", 8)
LARGE = Case("resnet18", 64, CROP_PX, BATCH, "d4_crop", 2)


class PublishedWay(Dataset[dict[str, Tensor]]):
    """Samples as the papers' code reads them, both sensors and no labels."""

    def __init__(self, files: list[Path]) -> None:
        """Take the optical files."""
        self._files = files

    def __len__(self) -> int:
        """Number of patches."""
        return len(self._files)

    def __getitem__(self, number: int) -> dict[str, Tensor]:
        """One sample."""
        s2 = self._files[number]
        s1 = Path(str(s2).replace("/s2_", "/s1_").replace("_s2_", "_s1_"))
        top, left = np.random.default_rng().integers(0, TILE_PX - CROP_PX + 1, 2)
        window = RasterWindow(int(left), int(top), CROP_PX, CROP_PX)
        sample = {}
        for name, file, low, high in (("s1", s1, -25, 0), ("s2", s2, 0, 10_000)):
            with rasterio.open(file) as raster:
                pixels = raster.read(window=window).astype(np.float32)
            pixels = np.clip(pixels, low, high) - low
            sample[name] = torch.from_numpy(pixels / max(float(pixels.max()), 1e-6))
        return sample


def _torchgeo(rasters: Path) -> Dataset[Any]:
    from torchgeo.datasets import SEN12MS

    def crop(sample: dict[str, Tensor]) -> dict[str, Tensor]:
        top, left = torch.randint(TILE_PX - CROP_PX + 1, (2,)).tolist()
        return {"image": sample["image"][:, top : top + CROP_PX, left : left + CROP_PX]}

    dataset: Dataset[Any] = SEN12MS(str(rasters), transforms=crop)
    return dataset


def _endless(dataset: Dataset[Any]) -> Iterator[Any]:
    while True:
        yield from DataLoader(dataset, batch_size=SLOW_BATCH, shuffle=True)


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
            yield _share_of_a_step("tiles kept in memory", small, case)
        with mock.patch.object(loader_module, "RESIDENT_BYTES", 0):
            yield from _against_peers(store, rasters)
            yield from _ways_to_gather(store)
            yield from _cold(store)
            yield _share_of_a_step("mapped tiles", store, LARGE)
        if torch.cuda.is_available():
            yield from rows_on(torch.device("cuda"), store)


def _against_peers(store: TileStore, rasters: dict[str, Path]) -> list[Row]:
    rng = np.random.default_rng(0)
    loader = _loader(store)
    for _ in loader.iterate(np.arange(TILES), BATCH):
        pass  # a first epoch, in which the system maps every page
    fast = interleave(
        {
            "ours": lambda: loader.load(*_draw(rng)),
            "copy": _copying(np.float32),
        },
        ROUNDS,
        time.process_time,
    )
    peers = {}
    for files, folder in rasters.items():
        optical = sorted(folder.rglob("*_s2_*.tif"))
        peers["published way", files] = _endless(PublishedWay(optical))
        if has("torchgeo"):
            peers["torchgeo", files] = _endless(_torchgeo(folder))
    work = {key: partial(next, samples) for key, samples in peers.items()}
    slow = interleave(work, SLOW_ROUNDS, time.process_time)
    ours = BATCH / median(fast["ours"])
    share = median(fast["copy"]) / median(fast["ours"])
    rows = [
        row(
            "normalised 128 px batches",
            ours,
            "samples/s",
            spread=spread(fast["ours"]),
            limit=BATCH / median(fast["copy"]),
            ratio_to_limit=share,
            goal=">= 0.5 of limit",
            met=share >= 0.5,
            note="limit: copying the finished float32 batch once",
        )
    ]
    for (peer, files), seconds in slow.items():
        least = GOALS[peer] if files == "deflate" else None
        ratio = ours * median(seconds) / SLOW_BATCH
        rows.append(
            row(
                f"the same, peer: {peer}, {files} files",
                ours,
                "samples/s",
                spread=spread(seconds),
                peer=SLOW_BATCH / median(seconds),
                ratio_to_peer=ratio,
                goal=f">= {least} x peer" if least else "",
                met=ratio >= least if least else None,
                note="spread of the peer",
            )
        )
    if not has("torchgeo"):
        rows.append(missing("the same, peer: torchgeo", "torchgeo"))
    return rows


def _copying(kind: type[np.generic]) -> Work:
    """Copies as many numbers as a batch has, each time others, beyond the caches."""
    sources = np.ones((COPIED_BATCHES, BATCH * NUMBERS), kind)
    room = np.zeros(BATCH * NUMBERS, kind)
    turn = itertools.cycle(sources)
    return lambda: np.copyto(room, next(turn))


def _ways_to_gather(store: TileStore) -> list[Row]:
    """Stored integers of a batch, as they are sent to a GPU, in several ways."""
    rng = np.random.default_rng(0)
    readers = {
        s: TileReader(s, store.shards[s], Scaler(s, store.normalisation, CPU))
        for s in BANDS
    }
    rooms = {
        s: torch.zeros(BATCH, CROP_PX, CROP_PX, len(BANDS[s]), dtype=torch.int16)
        for s in BANDS
    }
    mapped = {
        sensor: torch.from_numpy(np.load(file, mmap_mode="c").view(np.int16))
        for sensor in BANDS
        for file in [store.folder / f"{sensor}-00000.npy"]
    }
    inside = min(map(len, mapped.values()))

    def ours() -> None:
        rows, window = _draw(rng)
        for sensor, reader in readers.items():
            reader.gather(rows, window, rooms[sensor])

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
            "tile by tile": ours,
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


def _share_of_a_step(name: str, store: TileStore, case: Case) -> Row:
    """Share of loading and augmentation in pre-training steps."""
    arm = ArmConfig(
        method="dual_simclr",
        method_options={
            "projection_dim": 128,
            "temperature": 0.07,
            "negatives": "both",
        },
        loss="nt_xent",
        encoder="resnet",
        encoder_options={"architecture": case.architecture, "width": case.width},
        inputs=("s1", "s2"),
        bands={},
        fusion="late",
        size_px=case.size_px,
        seed=0,
    )
    method = build_method(arm, store.normalisation).train()
    optimizer = torch.optim.AdamW(method.parameters(), lr=1e-4, fused=True)
    loader, augment = _loader(store), build_augment(case.augment, case.size_px)
    generator, rng = torch.Generator().manual_seed(0), np.random.default_rng(0)
    loading, steps = [], []
    for number in range(case.steps + 1):
        start = time.process_time()
        rows = rng.integers(0, len(store), case.batch)
        images = load_augmented(loader, rows, augment, generator)
        loaded = time.process_time()
        optimizer.zero_grad(set_to_none=True)
        method.training_loss(images).backward()  # type: ignore[operator]
        optimizer.step()
        if number:
            loading.append(loaded - start)
            steps.append(time.process_time() - start)
    share = median(loading) / median(steps)
    return row(
        f"loading and augmentation in a pre-training step, {name}",
        100 * share,
        "% of the step",
        spread=spread(loading),
        goal="< 5 %",
        met=share < 0.05,
        note=f"{case.architecture} of width {case.width}, {case.batch} pairs of "
        f"{case.size_px} px, {case.augment}, float32",
    )
