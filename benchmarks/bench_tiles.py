"""Tiling SEN12MS patches: rate against plain reads, workers, memory, listing.

Patches of 256 px are simulated once, written with deflate and linked under as many
names as asked for, about 700 a scene as in the data set; files lie in the page cache.
``--patches 2000 --memory 500 5000 --listed 180662`` are the sizes of the goals.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import rasterio
from distributed import LocalCluster

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
ROUNDS = 5
GOALS = {"reads": 0.7, "workers": 1.7, "memory": 1.1}
RULES = TileRules(
    size_px=PATCH_PX,
    stride_px=PATCH_PX,
    max_invalid_share=0.01,
    min_label_share=0.0,
    min_class_share=0.1,
    shard_mib=256,
)
SMALL_SHARDS_MIB = 64
"""So that a few hundred patches are shared out evenly."""
Row = dict[str, Any]


def main(argv: list[str]) -> list[Row]:
    """Measure and print a table.

    Args:
        argv: Options; ``--help`` lists them.

    Returns:
        A row a measurement: "name", "value", "unit", "goal", "met" and "note".
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patches", type=int, default=200)
    parser.add_argument("--memory", type=int, nargs=2, default=(100, 500))
    parser.add_argument("--listed", type=int, default=18_000)
    given = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rasters = _write_patches(folder, max(given.patches, *given.memory))
        rows = [
            *_against_reads(rasters, given.patches, folder),
            *_workers(rasters, given.patches, folder),
            *_memory(rasters, given.memory, folder),
            _listing(folder / "empty", given.listed),
        ]
    sys.stdout.write(_table(rows))
    return rows


def _write_patches(folder: Path, count: int) -> Path:
    drawn, rasters = folder / "drawn", folder / "rasters"
    write_sen12ms(
        drawn,
        seed=0,
        num_places=DIFFERENT,
        patches_per_place=1,
        patch_px=PATCH_PX,
        workers=1,
    )
    originals = sorted(drawn.rglob("*_s1_*.tif"))
    for file in drawn.rglob("*.tif"):
        _deflate(file)
    for number in range(count):
        scene, patch = divmod(number, A_SCENE)
        for kind in ("s1", "s2", "lc"):
            original = Path(
                str(originals[number % DIFFERENT]).replace("s1_", f"{kind}_")
            )
            target = rasters / "ROIs1970_fall" / f"{kind}_{scene + 1}"
            target.mkdir(parents=True, exist_ok=True)
            os.link(original, target / f"ROIs1970_fall_{kind}_{scene + 1}_p{patch}.tif")
    return rasters


def _deflate(file: Path) -> None:
    with rasterio.open(file) as raster:
        pixels, profile = raster.read(), raster.profile
    with rasterio.open(
        file, "w", **{**profile, "compress": "deflate", "interleave": "pixel"}
    ) as raster:
        raster.write(pixels)


def _read(patches: list[Patch]) -> None:
    for patch in patches:
        for file in filter(None, (patch.s1, patch.s2, patch.label)):
            with rasterio.open(file) as raster:
                raster.read()


@contextmanager
def _tiled(
    patches: list[Patch], folder: Path, rules: TileRules = RULES, run: Run = run_here
) -> Iterator[Path]:
    """A store, removed again outside of what is timed."""
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


def _seconds(work: Callable[[], object], clock: Callable[[], float]) -> float:
    start = clock()
    work()
    return clock() - start


def _against_reads(rasters: Path, count: int, folder: Path) -> list[Row]:
    rows = []
    for with_labels, what in ((False, "S1+S2"), (True, "S1+S2+land cover")):
        patches = list_patches(rasters, with_labels=with_labels)[:count]
        reads, tiling, ratios = [], [], []
        for _ in range(ROUNDS):
            reads.append(_seconds(partial(_read, patches), time.process_time))
            start = time.process_time()
            with _tiled(patches, folder) as store:
                tiling.append(time.process_time() - start)
                stored = sum(file.stat().st_size for file in store.iterdir())
            ratios.append(reads[-1] / tiling[-1])
        ratio = statistics.median(ratios)
        rows += [
            _row(
                f"plain rasterio reads, {what}",
                count / statistics.median(reads),
                "patches/s and core",
            ),
            _row(
                f"tiling, {what}",
                count / statistics.median(tiling),
                "patches/s and core",
                note=f"{stored / count / 1e6:.2f} MB stored a patch",
            ),
            _row(
                f"tiling over plain reads, {what}",
                ratio,
                "ratio",
                goal=f">= {GOALS['reads']}",
                met=ratio >= GOALS["reads"],
                note=f"processor seconds, {count} patches, {ROUNDS} rounds",
            ),
        ]
    return rows


def _workers(rasters: Path, count: int, folder: Path) -> list[Row]:
    patches = list_patches(rasters, with_labels=False)[:count]
    rules = replace(RULES, shard_mib=SMALL_SHARDS_MIB)
    seconds: dict[int, list[float]] = {1: [], 2: []}
    options = {"threads_per_worker": 1, "memory_limit": 0, "dashboard_address": None}
    start = time.perf_counter()
    with LocalCluster(n_workers=2, **options) as two:
        started = time.perf_counter() - start
        with LocalCluster(n_workers=1, **options) as one:
            runs = {
                workers: partial(
                    run_on_workers, workers=workers, scheduler=cluster.scheduler_address
                )
                for workers, cluster in ((1, one), (2, two))
            }
            for number in range(ROUNDS + 1):
                for workers, run in runs.items():
                    start = time.perf_counter()
                    with _tiled(patches, folder, rules, run):
                        if number:  # the first time workers import what they need
                            seconds[workers].append(time.perf_counter() - start)
    gain = statistics.median(a / b for a, b in zip(*seconds.values(), strict=True))
    return [
        _row(
            "two Dask workers against one",
            gain,
            "ratio",
            goal=f">= {GOALS['workers']}",
            met=gain >= GOALS["workers"],
            note=f"wall clock, {count} patches, {os.cpu_count()} cores",
        ),
        _row("start of a local cluster of two", started, "s"),
    ]


_MEASURE = """
import json, sys
from pathlib import Path
sys.path.insert(0, {here!r})
import bench_tiles as bench
rasters, folder, count = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
patches = bench.list_patches(rasters, with_labels=False)[:count]
with bench._tiled(patches, folder):
    status = Path("/proc/self/status").read_text().split()
print(json.dumps(int(status[status.index("VmHWM:") + 1]) / 1024))
"""


def _peak_mib(rasters: Path, count: int, folder: Path) -> float:
    code = _MEASURE.format(here=str(Path(__file__).parent))
    command = [sys.executable, "-c", code, str(rasters), str(folder), str(count)]
    ended = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(json.loads(ended.stdout))


def _memory(rasters: Path, counts: tuple[int, int], folder: Path) -> list[Row]:
    peaks = [_peak_mib(rasters, count, folder) for count in counts]
    growth = peaks[1] / peaks[0]
    return [
        *(
            _row(f"peak memory, {count} patches", peak, "MiB")
            for count, peak in zip(counts, peaks, strict=True)
        ),
        _row(
            "growth of peak memory",
            growth,
            "ratio",
            goal=f"<= {GOALS['memory']}",
            met=growth <= GOALS["memory"],
            note=f"{counts[1]} against {counts[0]} patches",
        ),
    ]


def _listing(folder: Path, count: int) -> Row:
    for number in range(count):
        scene, patch = divmod(number, A_SCENE)
        for kind in ("s1", "s2", "lc"):
            name = f"ROIs1970_fall_{kind}_{scene + 1}_p{patch}.tif"
            file = folder / "ROIs1970_fall" / f"{kind}_{scene + 1}" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()
    seconds = _seconds(
        partial(list_patches, folder, with_labels=True), time.process_time
    )
    return _row(
        "listing SEN12MS's triplets",
        seconds * WHOLE / count,
        f"s for {WHOLE}",
        goal="seconds",
        met=seconds * WHOLE / count < 60,
        note=f"from {count} triplets of empty files",
    )


def _row(
    name: str,
    value: float,
    unit: str,
    *,
    goal: str = "",
    met: bool | None = None,
    note: str = "",
) -> Row:
    rounded = float(f"{value:.4g}")
    return dict(name=name, value=rounded, unit=unit, goal=goal, met=met, note=note)


def _table(rows: list[Row]) -> str:
    keys = ("name", "value", "unit", "goal", "met", "note")
    words = {None: "", True: "yes", False: "no"}
    lines = [keys, ["---"] * len(keys)]
    lines += [[words.get(row[key], row[key]) for key in keys] for row in rows]
    return "".join(f"| {' | '.join(map(str, line))} |\n" for line in lines)


if __name__ == "__main__":
    main(sys.argv[1:])
