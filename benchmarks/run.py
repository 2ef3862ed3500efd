"""Run every benchmark and write ``results.json`` and ``results.md`` beside this file.

``python benchmarks/run.py`` runs all, ``python benchmarks/run.py loss loader`` some.
Each benchmark has a Python of its own, so that none sees another's threads or memory.
What has a goal is copied into ``docs/performance.md``, between its two marks.
"""

import argparse
import importlib.util
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
RESULTS = FOLDER / "results.json"
TABLE = FOLDER / "results.md"
PAGE = FOLDER.parent / "docs" / "performance.md"
MARKS = ("<!-- results: written by make bench -->", "<!-- end of results -->")
LONGEST_S = 300
_HEAD = (
    *("measured", "ours", "unit", "spread", "peer", "x peer", "limit", "of limit"),
    *("goal", "met", "note"),
)
_KEYS = (
    *("name", "value", "unit", "spread", "peer", "ratio_to_peer", "limit"),
    *("ratio_to_limit", "goal", "met", "note"),
)


_QUOTED = ("name", "value", "unit", "ratio_to_peer", "ratio_to_limit", "goal", "met")
_QUOTED_HEAD = ("measured", "ours", "unit", "x peer", "of limit", "goal", "met")


def main(names: list[str]) -> int:
    """Run benchmarks and write their results.

    Args:
        names: Benchmarks without ``bench_``; all where none is given.

    Returns:
        1 if one failed, else 0.
    """
    results: dict[str, Any] = {"machine": _machine(), "benchmarks": {}}
    if names and RESULTS.is_file():  # the others' results stay
        results["benchmarks"] = json.loads(RESULTS.read_text())["benchmarks"]
    failed = []
    for name in names or _all():
        start = time.perf_counter()
        rows, fault = _run(name)
        seconds = time.perf_counter() - start
        entry = {"seconds": round(seconds, 1), "rows": rows, "fault": fault}
        results["benchmarks"][name] = entry
        _say(f"{name}: {'FAILED' if fault else f'{len(rows)} rows'}, {seconds:.0f} s")
        if fault:
            failed.append(name)
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    TABLE.write_text(table(results))
    if PAGE.is_file():
        PAGE.write_text(quote(PAGE.read_text(), results))
    _say(f"written: {RESULTS.relative_to(FOLDER.parent)}, {TABLE.name}")
    return int(bool(failed))


def quote(page: str, results: dict[str, Any]) -> str:
    """A page with the results that have a goal between its marks.

    Args:
        page: Markdown with both ``MARKS``.
        results: Content of ``results.json``.

    Returns:
        The page, its old table replaced.
    """
    before, rest = page.split(MARKS[0])
    after = rest.split(MARKS[1])[1]
    rows = [
        _line([name, *(_cell(row.get(key)) for key in _QUOTED)])
        for name, entry in sorted(results["benchmarks"].items())
        for row in entry["rows"]
        if row.get("goal")
    ]
    head = [_line(("benchmark", *_QUOTED_HEAD)), _line(["---"] * (len(_QUOTED) + 1))]
    lines = [MARKS[0], "", _about(results["machine"]), "", *head, *rows, "", MARKS[1]]
    return before + "\n".join(lines) + after


def table(results: dict[str, Any]) -> str:
    """Results as Markdown.

    Args:
        results: Content of ``results.json``.

    Returns:
        A table a benchmark.
    """
    lines = [
        "# Benchmarks",
        "",
        f"{_about(results['machine'])} Medians of interleaved runs; spread is half the "
        "middle half of the runs over the median. `x peer`: how many times better than "
        "the peer; `of limit`: share of what the machine can do at most. `make bench` "
        "writes this file.",
    ]
    for name, entry in sorted(results["benchmarks"].items()):
        lines += ["", f"## {name}", ""]
        if entry["fault"]:
            lines += [f"failed: {entry['fault']}"]
            continue
        lines += [_line(_HEAD), _line(["---"] * len(_HEAD))]
        lines += [_line([_cell(r.get(key)) for key in _KEYS]) for r in entry["rows"]]
    return "\n".join(lines) + "\n"


def _about(machine: dict[str, Any]) -> str:
    return (
        f"{machine['cpu']}, {machine['cores']} cores, Python {machine['python']}, "
        f"torch {machine['torch']}, {machine['date']}."
    )


def _line(cells: list[str] | tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return str(value).replace("|", "/").replace("\n", " ")


def _all() -> list[str]:
    return sorted(
        file.stem.removeprefix("bench_") for file in FOLDER.glob("bench_*.py")
    )


def _run(name: str) -> tuple[list[dict[str, Any]], str]:
    """Rows of a benchmark, and what went wrong."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "rows.json"
        command = [sys.executable, __file__, "--one", name, "--out", str(out)]
        try:
            ended = subprocess.run(
                command,
                stderr=subprocess.PIPE,
                text=True,
                timeout=LONGEST_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return [], f"took longer than {LONGEST_S} s"
        if ended.returncode or not out.is_file():
            _say(ended.stderr)
            # the last line says what, without the paths of this machine
            return [], ended.stderr.strip().splitlines()[-1]
        rows: list[dict[str, Any]] = json.loads(out.read_text())
        return rows, ""


def _one(name: str, out: Path) -> None:
    """Run a benchmark in this process."""
    file = FOLDER / f"bench_{name}.py"
    if not file.is_file():
        sys.exit(f"no benchmark {name}; there are {', '.join(_all())}")
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    out.write_text(json.dumps(module.main([])))


def _machine() -> dict[str, Any]:
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        models = [
            x for x in info.read_text().splitlines() if x.startswith("model name")
        ]
        cpu = models[0].split(":")[1].strip() if models else cpu
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "torch": metadata.version("torch"),
        "date": datetime.now(UTC).date().isoformat(),
    }


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="benchmarks without bench_")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        _one(arguments.one, arguments.out)
    else:
        sys.exit(main(arguments.names))
