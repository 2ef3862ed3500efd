"""Tiling SEN12MS patches: rate against plain reads, workers, memory, listing.

Patches of 256 px are simulated once, written with deflate and linked under as many
names as asked for, about 700 a scene as in the data set; files lie in the page cache.
``--patches 2000 --memory 500 5000 --listed 180662`` are the sizes of the goals. Run as
a script, it prints a table: name, value, unit, x peer, of limit, goal, note.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import rasterio
from distributed import LocalCluster
from measure import Row, in_fresh_process, median, row, spread

from sentinel_fusion.data.patches import Patch
from sentinel_fusion.data.sources.sen12ms import list_patches
from sentinel_fusion.data.synthetic.layout import write_sen12ms
from sentinel_fusion.data.tiles import TileRules, write_tiles
from sentinel_fusion.data.tiling.dask_workers import run_on_workers
from sentinel_fusion.data.tiling.run import Run, run_here

PATCH_PX = 256
DIFFERENT = 16
A_SCENE = 717
"""Patches of SEN12MS over its scenes."""
WHOLE = 180_662
GOALS = {"reads": 0.7, "workers": 1.7, "memory": 1.1}
RULES = TileRules(
    size_px=PATCH_PX,
    stride_px=PATCH_PX,
    max_invalid_share=0.01,
    min_label_share=0.0,
    min_class_share=0.1,
    shard_mib=256,
)
SMALL_SHARDS_MIB = 32
"""So that a few hundred patches are shared out evenly."""


def main(argv: list[str]) -> Iterator[Row]:
    """Measure.

    Args:
        argv: Options; ``--help`` lists them.

    Yields:
        Result rows.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patches", type=int, default=150)
    parser.add_argument("--memory", type=int, nargs=2, default=(100, 500))
    parser.add_argument("--listed", type=int, default=18_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rasters = write_patches(folder, max(given.patches, *given.memory))
        listed = partial(list_patches, rasters)
        pairs, triplets = (
            listed(with_labels=labels)[: given.patches] for labels in (False, True)
        )
        yield _against_reads("S1 and S2", pairs, given.rounds, folder)
        yield _against_reads("S1, S2 and land cover", triplets, given.rounds, folder)
        yield from _workers(pairs, given.rounds, folder)
        yield _memory(rasters, given.memory, folder)
        yield _listing(folder / "empty", given.listed)


def write_patches(folder: Path, count: int) -> Path:
    """Simulated patches in SEN12MS's layout, ``DIFFERENT`` ones over and over.

    Args:
        folder: Existing folder.
        count: Patches.

    Returns:
        The folder of the rasters.
    """
    drawn, rasters = folder / "drawn", folder / "rasters"
    write_sen12ms(
        drawn,
        seed=0,
        num_places=DIFFERENT,
        patches_per_place=1,
        patch_px=PATCH_PX,
        workers=1,
    )
    for file in drawn.rglob("*.tif"):
        _deflate(file)
    originals = sorted(drawn.rglob("*_s1_*.tif"))
    for number in range(count):
        for kind in ("s1", "s2", "lc"):
            original = str(originals[number % DIFFERENT]).replace("s1_", f"{kind}_")
            os.link(original, _place(rasters, number, kind))
    return rasters


def _place(folder: Path, number: int, kind: str) -> Path:
    """Where a raster of a patch lies in the layout of the data set."""
    scene, patch = divmod(number, A_SCENE)
    place = folder / "ROIs1970_fall" / f"{kind}_{scene + 1}"
    place.mkdir(parents=True, exist_ok=True)
    return place / f"ROIs1970_fall_{kind}_{scene + 1}_p{patch}.tif"


def _deflate(file: Path) -> None:
    with rasterio.open(file) as raster:
        pixels, profile = raster.read(), raster.profile
    packed = {**profile, "compress": "deflate", "interleave": "pixel"}
    with rasterio.open(file, "w", **packed) as raster:
        raster.write(pixels)


def _read(patches: list[Patch]) -> None:
    for patch in patches:
        for file in filter(None, (patch.s1, patch.s2, patch.label)):
            with rasterio.open(file) as raster:
                raster.read()


@contextmanager
def tiled(
    patches: list[Patch], folder: Path, rules: TileRules = RULES, run: Run = run_here
) -> Iterator[Path]:
    """A store, removed again outside of what is timed.

    Args:
        patches: What to tile.
        folder: Existing folder.
        rules: How.
        run: Who does it.

    Yields:
        The store.
    """
    with tempfile.TemporaryDirectory(dir=folder) as name:
        store = Path(name) / "store"
        write_tiles(
            patches,
            store,
            rules,
            with_labels=patches[0].label is not None,
            progress=lambda: None,
            run=run,
        )
        yield store


def _seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def _against_reads(what: str, patches: list[Patch], rounds: int, folder: Path) -> Row:
    count = len(patches)
    reads, tiling = [], []
    for _ in range(rounds):
        reads.append(_seconds(partial(_read, patches)))
        start = time.process_time()
        with tiled(patches, folder) as store:
            tiling.append(time.process_time() - start)
            stored = sum(file.stat().st_size for file in store.iterdir())
    share = median([a / b for a, b in zip(reads, tiling, strict=True)])
    return row(
        f"tiling {what}, a core",
        count / median(tiling),
        "patches/s",
        spread=spread(tiling),
        limit=count / median(reads),
        ratio_to_limit=share,
        goal=f">= {GOALS['reads']} of limit",
        met=share >= GOALS["reads"],
        note="limit: plain rasterio reads of the same files, processor seconds; "
        f"{count} patches of {PATCH_PX} px, {stored / count / 1e6:.2f} MB stored each",
    )


def _workers(patches: list[Patch], rounds: int, folder: Path) -> Iterator[Row]:
    rules = replace(RULES, shard_mib=SMALL_SHARDS_MIB)
    options = {"threads_per_worker": 1, "memory_limit": 0, "dashboard_address": ":0"}
    seconds: dict[int, list[float]] = {1: [], 2: []}
    start = time.perf_counter()
    with LocalCluster(n_workers=2, **options) as two:
        started = time.perf_counter() - start
        with LocalCluster(n_workers=1, **options) as one:
            for number in range(rounds + 1):
                for workers, cluster in ((1, one), (2, two)):
                    address = cluster.scheduler_address
                    run = partial(run_on_workers, workers=workers, scheduler=address)
                    start = time.perf_counter()
                    with tiled(patches, folder, rules, run):
                        if number:  # the first time workers import what they need
                            seconds[workers].append(time.perf_counter() - start)
    rates = {n: len(patches) / median(found) for n, found in seconds.items()}
    gain = median([a / b for a, b in zip(*seconds.values(), strict=True)])
    yield row(
        "tiling on two Dask workers",
        rates[2],
        "patches/s",
        spread=spread(seconds[2]),
        peer=rates[1],
        ratio_to_peer=gain,
        goal=f">= {GOALS['workers']} x peer",
        met=gain >= GOALS["workers"],
        note=f"peer: one worker; wall clock, {os.cpu_count()} cores",
    )
    yield row("start of a local cluster of two", started, "s")


_PEAK = """
import json, sys
from pathlib import Path
from bench_tiles import list_patches, tiled
from measure import peak_mib
rasters, folder, count, out = Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:]
with tiled(list_patches(rasters, with_labels=False)[:int(count)], folder):
    json.dump(peak_mib(), open(out, "w"))
"""


def _memory(rasters: Path, counts: tuple[int, int], folder: Path) -> Row:
    few, many = (
        in_fresh_process(_PEAK, str(rasters), str(folder), str(count))
        for count in counts
    )
    return row(
        f"peak memory of tiling {counts[1]} patches",
        many,
        "MiB",
        peer=few,
        ratio_to_peer=few / many,
        goal="within 10 %",
        met=many <= GOALS["memory"] * few,
        note=f"peer: {counts[0]} patches; whole process",
    )


def _listing(folder: Path, count: int) -> Row:
    for number in range(count):
        for kind in ("s1", "s2", "lc"):
            _place(folder, number, kind).touch()
    seconds = _seconds(partial(list_patches, folder, with_labels=True))
    return row(
        f"listing SEN12MS's {WHOLE:,} triplets",
        seconds * WHOLE / count,
        "s",
        goal="seconds",
        met=seconds * WHOLE / count < 60,
        note=f"from {count:,} triplets of empty files, processor seconds",
    )


if __name__ == "__main__":
    for found in main(sys.argv[1:]):
        figures = (found["value"], found["ratio_to_peer"], found["ratio_to_limit"])
        texts = ["" if figure is None else str(figure) for figure in figures]
        cells = (found["name"], texts[0], found["unit"], *texts[1:], found["goal"])
        sys.stdout.write(f"| {' | '.join(cells)} | {found['note']} |\n")
