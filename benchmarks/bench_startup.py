"""How long a stage takes to its first useful work: its imports, in a fresh Python.

For stages that train, an arm is built as well, which imports what params.yaml names.
"""

import os
import re
import subprocess
import sys
import time

from measure import ROOT, Row, median, row, spread

ROUNDS = 2
GOAL_S = 3.0
SHOWN = 4
_IMPORT = re.compile(r"import time:\s+(\d+) \|\s+\d+ \|\s+(\S+)")
_LEAVE = "\nimport os, sys; sys.stderr.flush(); os._exit(0)"
"""Tidying up is no part of a start."""
_BUILT = """
import stages.{stage}
from sentinel_fusion.bands import BANDS
from sentinel_fusion.data.stats import Normalisation
from sentinel_fusion.params import load_params
from sentinel_fusion.train.arms import ArmConfig, build_method
params = load_params()
ones = {{sensor: [1.0] * len(names) for sensor, names in BANDS.items()}}
config = ArmConfig(**params.arm_settings(params.finetune.arm))
build_method(config, Normalisation(mean=ones, sd=ones))
"""


def main(argv: list[str]) -> list[Row]:
    """Measure.

    Args:
        argv: Stages; all where none is given.

    Returns:
        A row a stage, the slowest first.
    """
    files = sorted((ROOT / "stages").glob("*.py"))
    scripts = [f.stem for f in files if '"__main__"' in f.read_text()]
    code = {stage: f"import stages.{stage}" for stage in argv or scripts}
    for stage in ("pretrain", "grid"):
        if stage in code:
            code[f"{stage}, an arm built"] = _BUILT.format(stage=stage)
    runs: dict[str, list[tuple[float, str]]] = {name: [] for name in code}
    for _ in range(ROUNDS):
        for name, source in code.items():
            runs[name].append(_start(source))
    rows = [_row(name, timed) for name, timed in runs.items()]
    return sorted(rows, key=lambda r: -r["value"])


def _row(name: str, runs: list[tuple[float, str]]) -> Row:
    seconds = [time_s for time_s, _ in runs]
    return row(
        f"start of {name}",
        median(seconds),
        "s",
        spread=spread(seconds),
        limit=GOAL_S,
        goal=f"<= {GOAL_S:g} s",
        met=median(seconds) <= GOAL_S,
        note="most of it: " + ", ".join(_heaviest(runs[-1][1])),
    )


def _start(source: str) -> tuple[float, str]:
    """Seconds of a fresh Python, and what it says of every import."""
    start = time.perf_counter()
    ended = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", source + _LEAVE],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"},
        check=True,
        capture_output=True,
        text=True,
    )
    return time.perf_counter() - start, ended.stderr


def _heaviest(said: str) -> list[str]:
    """Libraries whose own modules take longest to import."""
    total: dict[str, float] = {}
    for microseconds, module in _IMPORT.findall(said):
        package = module.split(".")[0]
        if module.startswith("torch._dynamo"):
            package = "torch._dynamo"
        total[package] = total.get(package, 0.0) + int(microseconds) / 1e6
    slowest = sorted(total, key=lambda package: -total[package])[:SHOWN]
    return [f"{package} {total[package]:.2f} s" for package in slowest]
