"""Seconds a tile and peak memory, of tiling, pre-training and scoring, by size.

Stores of small random tiles; the larger ones are above the size that is kept in memory,
so that their tiles are read from the mapped shards. Seconds are the processor's, on one
thread; of pre-training and scoring each the mean of a process's passes, the first left
out, and the processes take turns from size to size. Of scoring, what a few tiles take
is subtracted first: some milliseconds whatever the size.
``--full`` goes to larger sizes, in some minutes.
"""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import fmean

from bench_tiles import write_patches
from measure import Row, in_fresh_process, median, row, spread
from stores import random_tiles, write_store

TILE_PX = 32
SIZES, FULL_SIZES = (1_000, 10_000), (1_000, 10_000, 50_000)
SINGLE_LABEL_SIZES = (100_000, 400_000)
SEGMENTATION_SIZES, FULL_SEGMENTATION_SIZES = (5_000, 20_000), (5_000, 50_000)
FEW = {"single_label": 1_000, "segmentation": 100}
"""Task -> tiles whose time is subtracted."""
TURNS = 3
PATCHES, FULL_PATCHES = (100, 400), (100, 400, 2_000)
MOST = 1.1
Measured = tuple[list[float], float]
"""Seconds a tile of some passes, and peak memory in MiB."""
_TILE = """
import json, sys, time
from pathlib import Path
from bench_tiles import list_patches, tiled
from measure import PeakAnonymous
rasters, folder, count, out = Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:]
patches = list_patches(rasters, with_labels=False)[:int(count)]
with tiled(patches[:20], folder):
    pass  # what is imported and made once
seconds = []
with PeakAnonymous() as peak:
    for _ in range(max(2, 400 // len(patches))):
        start = time.process_time()
        with tiled(patches, folder):
            seconds.append((time.process_time() - start) / len(patches))
json.dump([seconds, peak.mib], open(out, "w"))
"""
_PRETRAIN = """
import json, sys, time
from pathlib import Path
import numpy as np, torch
from measure import PeakAnonymous
from sentinel_fusion.data.augment import build_augment
from sentinel_fusion.data.loader import BatchLoader, TileStore
from sentinel_fusion.train.arms import ArmConfig, build_method
from sentinel_fusion.train.checkpoint import Checkpoints
from sentinel_fusion.train.device import prepare_process
from sentinel_fusion.train.pretrain import PretrainSettings, pretrain
from sentinel_fusion.train.pretrain_data import PretrainData
from sentinel_fusion.train.one_rank import OneRank
folder, out = Path(sys.argv[1]), sys.argv[2]
WATCHED = 1024  # pretrain.watched_tiles
cpu = torch.device("cpu")
prepare_process(1, cpu)
store = TileStore(folder)
tiles = len(store)
method = build_method(ArmConfig(
    method="dual_simclr",
    method_options={"projection_dim": 32, "temperature": 0.07, "negatives": "both"},
    loss="nt_xent", encoder="resnet",
    encoder_options={"architecture": "resnet10t", "width": 8},
    inputs=("s1", "s2"), bands={}, fusion="late", size_px=store.size_px, seed=0,
), store.normalisation)
rows = np.arange(tiles)
data = PretrainData(
    loader=BatchLoader(store, ("s1", "s2"), store.normalisation, cpu),
    train_rows=rows[tiles // 10:], val_rows=rows[:min(WATCHED, tiles // 10)],
    tile_ids=store.index(["tile_id"])["tile_id"].to_numpy(),
    augment=build_augment("none", None),
)
settings = PretrainSettings(
    epochs=max(2, 8000 // tiles), batch_size=100, micro_batch=0, learning_rate=1e-3,
    weight_decay=0.0, warmup_steps=1, seed=0, precision="float32", compile="off")
ends = []
with PeakAnonymous() as peak:
    pretrain(method, data, settings, OneRank(cpu),
             Checkpoints(folder / "checkpoints", "a", every_s=1e9),
             [lambda method, curve: ends.append(time.process_time())])
seconds = np.diff(ends) / tiles
json.dump([seconds.tolist(), peak.mib], open(out, "w"))
"""
_EVALUATE = """
import importlib, json, sys, time
from pathlib import Path
import numpy as np
from measure import PeakAnonymous
from sentinel_fusion.classes import NUM_CLASSES
from sentinel_fusion.data.predictions import PredictionWriter
from sentinel_fusion.metrics.scores import score_predictions
from stages.scored_cells import read_members
folder, tiles, task, out = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
metrics = importlib.import_module(f"sentinel_fusion.metrics.{task}")
def predictions(seed, split, rows):
    rng = np.random.default_rng([seed, rows[0]])
    shape = (len(rows),) if task == "single_label" else (len(rows), 32, 32)
    wanted = rng.integers(0, NUM_CLASSES, shape).astype(np.uint8)
    probability = rng.integers(0, 256, (*shape, NUM_CLASSES), dtype=np.uint8)
    if task == "single_label":
        probability = (probability / 256).astype(np.float32)
    return metrics.prediction_columns(probability, wanted).assign(
        tile_id=[f"tile-{n}" for n in rows],
        place_id=[f"place-{n // 700}" for n in rows],
        use="frozen", seed=seed, split=split, row=rows)
if not folder.exists():
    folder.mkdir()
    with PredictionWriter(folder) as writer:
        for seed in range(2):
            val, test = np.split(np.arange(tiles), [tiles // 4])
            for split, rows in (("val", val), ("test", test)):
                for start in range(0, len(rows), 1024):
                    writer.append(predictions(seed, split, rows[start:start + 1024]))
    json.dump(None, open(out, "w"))
    sys.exit()
seconds = []
passes = min(10, max(3, (400_000 if task == "single_label" else 40_000) // tiles))
with PeakAnonymous() as peak:
    for _ in range(1 + passes):
        start = time.process_time()
        for _ in score_predictions(read_members([folder]), task):
            pass
        seconds.append((time.process_time() - start) / 2 / tiles)
json.dump([seconds[1:], peak.mib], open(out, "w"))
"""
_GROWING = {
    "single_label": "; a part is read at a time, which some 30,000 tiles fill",
    "segmentation": "; a part is read at a time, which 455 tiles fill",
}


def main(argv: list[str]) -> Iterator[Row]:
    """Measure.

    Args:
        argv: "--full" for the largest sizes as well.

    Yields:
        Rows of the time and of the memory of each kind of work.
    """
    is_full = "--full" in argv
    sizes = FULL_SIZES if is_full else SIZES
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        yield from _tiling(folder, FULL_PATCHES if is_full else PATCHES)
        pool = random_tiles(64, TILE_PX)
        stores = {n: write_store(folder / f"store-{n}", pool, n) for n in sizes}
        runs = _in_turn(
            sizes, lambda tiles: in_fresh_process(_PRETRAIN, str(stores[tiles]))
        )
        yield from _rows("pre-training epoch", sizes, list(runs.values()))
        yield from _scoring("single_label", folder, SINGLE_LABEL_SIZES)
        yield from _scoring(
            "segmentation",
            folder,
            FULL_SEGMENTATION_SIZES if is_full else SEGMENTATION_SIZES,
        )


def _tiling(folder: Path, counts: tuple[int, ...]) -> list[Row]:
    rasters = str(write_patches(folder, counts[-1]))
    runs = [in_fresh_process(_TILE, rasters, str(folder), str(n)) for n in counts]
    return _rows("tiling", counts, runs, unit="patch")


def _scoring(task: str, folder: Path, sizes: tuple[int, ...]) -> list[Row]:
    few = FEW[task]

    def score(tiles: int) -> Measured:
        predictions = folder / f"{task}-{tiles}"
        found: Measured = in_fresh_process(
            _EVALUATE, str(predictions), str(tiles), task
        )
        return found

    for tiles in (few, *sizes):
        score(tiles)  # writes what the others read
    runs = _in_turn((few, *sizes), score)
    once = few * median(runs[few][0])
    further = [
        ([(tiles * s - once) / (tiles - few) for s in runs[tiles][0]], runs[tiles][1])
        for tiles in sizes
    ]
    return _rows(f"scoring, {task}", sizes, further, note=_GROWING[task])


def _in_turn(
    sizes: tuple[int, ...], run: Callable[[int], Measured]
) -> dict[int, Measured]:
    """Size -> the mean pass of each turn, and the largest peak memory."""
    seconds: dict[int, list[float]] = {size: [] for size in sizes}
    peaks = dict.fromkeys(sizes, 0.0)
    for _ in range(TURNS):
        for size in sizes:
            passes, mib = run(size)
            seconds[size].append(fmean(passes))
            peaks[size] = max(peaks[size], mib)
    return {size: (seconds[size], peaks[size]) for size in sizes}


def _rows(
    name: str,
    sizes: tuple[int, ...],
    runs: list[Measured],
    *,
    unit: str = "tile",
    note: str = "",
) -> list[Row]:
    """Largest against smallest size."""
    (few_s, few_mib), (many_s, many_mib) = runs[0], runs[-1]
    growth, more = median(many_s) / median(few_s), many_mib / few_mib
    steps = ", ".join(
        f"{tiles:,}: {1e3 * median(seconds):.3g} ms, {mib:.0f} MiB"
        for tiles, (seconds, mib) in zip(sizes, runs, strict=True)
    )
    plural = {"tile": "tiles", "patch": "patches"}[unit]
    between = f"{sizes[-1]:,} {plural}, of {sizes[0]:,}"
    return [
        row(
            f"{name}, time a {unit}: {between}",
            1e3 * median(many_s),
            "ms",
            spread=spread(many_s),
            peer=1e3 * median(few_s),
            ratio_to_peer=1 / growth,
            goal="within 10 %",
            met=1 / MOST <= growth <= MOST,  # less: fixed costs, not the size
            note=steps,
        ),
        row(
            f"{name}, peak memory: {between}",
            many_mib,
            "MiB",
            peer=few_mib,
            ratio_to_peer=1 / more,
            goal="within 10 %",
            met=more <= MOST,
            note=f"of the process's own, without files mapped or cached{note}",
        ),
    ]
