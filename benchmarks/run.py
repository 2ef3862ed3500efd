"""Run every benchmark and write ``results.json`` and ``results.md`` beside this file.

``python benchmarks/run.py`` runs all, ``python benchmarks/run.py loss loader`` some.
Each benchmark has a Python of its own, so that none sees another's threads or memory,
and hands over its rows as they come: what was measured before it failed or took too
long is kept. On a machine with a CUDA device results are named ``loss@<card>`` and
stand beside those of a machine without. What has a goal is copied into
``docs/performance.md``, between its two marks.
"""

import argparse
import importlib.util
import json
import os
import platform
import shutil
import signal
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
LONGEST_ON_CARD_S = 3600
"""Where networks are compiled."""
_CARD = """
import torch
print(torch.cuda.get_device_name() if torch.cuda.is_available() else "")
"""
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
    machine = _machine()
    longest_s = LONGEST_ON_CARD_S if machine["card"] else LONGEST_S
    results = _earlier()
    failed = []
    for name in names or _all():
        start = time.perf_counter()
        rows, fault = _run(name, longest_s)
        seconds = time.perf_counter() - start
        entry = {"seconds": round(seconds, 1), "rows": rows, "fault": fault}
        key = f"{name}@{machine['card']}" if machine["card"] else name
        results["benchmarks"][key] = {"machine": machine, **entry}
        _write(results)
        state = f"{len(rows)} rows{', then FAILED' if fault else ''}"
        _say(f"{key}: {state}, {seconds:.0f} s")
        if fault:
            failed.append(name)
    _say(f"written: {RESULTS.relative_to(FOLDER.parent)}, {TABLE.name}")
    return int(bool(failed))


def _earlier() -> dict[str, Any]:
    """Results of benchmarks that are still there."""
    if not RESULTS.is_file():
        return {"benchmarks": {}}
    results: dict[str, Any] = json.loads(RESULTS.read_text())
    results["benchmarks"] = {
        key: entry
        for key, entry in results["benchmarks"].items()
        if key.split("@")[0] in _all()
    }
    return results


def _write(results: dict[str, Any]) -> None:
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    TABLE.write_text(table(results))
    if PAGE.is_file():
        PAGE.write_text(quote(PAGE.read_text(), results))


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
    lines = [MARKS[0], "", *_machines(results), "", *head, *rows, "", MARKS[1]]
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
        "Medians of interleaved runs; spread is half the middle half of the runs over "
        "the median. `x peer`: how many times better than the peer; `of limit`: share "
        "of what the machine can do at most. `make bench` writes this file.",
    ]
    for name, entry in sorted(results["benchmarks"].items()):
        lines += ["", f"## {name}", "", _about(entry["machine"]), ""]
        if entry["fault"]:
            lines += [f"failed: {entry['fault']}", ""]
        if not entry["rows"]:
            continue
        lines += [_line(_HEAD), _line(["---"] * len(_HEAD))]
        lines += [_line([_cell(r.get(key)) for key in _KEYS]) for r in entry["rows"]]
    return "\n".join(lines) + "\n"


def _machines(results: dict[str, Any]) -> list[str]:
    """A line a machine, with what ran on it where there is more than one."""
    names: dict[str, list[str]] = {}
    for name, entry in sorted(results["benchmarks"].items()):
        names.setdefault(_about(entry["machine"]), []).append(name)
    if len(names) == 1:
        return list(names)
    return [f"- {', '.join(ran)}: {about}" for about, ran in names.items()]


def _about(machine: dict[str, Any]) -> str:
    card = f"{machine['card']}, " if machine.get("card") else ""
    return (
        f"{card}{machine['cpu']}, {machine['cores']} cores, "
        f"Python {machine['python']}, torch {machine['torch']}, {machine['date']}."
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


def _run(name: str, longest_s: float) -> tuple[list[dict[str, Any]], str]:
    """Rows of a benchmark, and what went wrong."""
    with tempfile.TemporaryDirectory() as folder:
        out, said = Path(folder) / "rows", Path(folder) / "stderr"
        command = [sys.executable, __file__, "--one", name, "--out", str(out)]
        out.touch()
        try:
            # into a file: a pipe would wait for what the benchmark started as well
            with said.open("w") as stderr:
                ended = subprocess.run(
                    command, stderr=stderr, timeout=longest_s, check=False
                )
            fault = _fault(ended.returncode, said.read_text(errors="replace"))
        except subprocess.TimeoutExpired:
            fault = f"took longer than {longest_s:g} s"
        # of a row that was being written when the process ended there is no newline
        whole, _, _ = out.read_text().rpartition("\n")
        return [json.loads(line) for line in whole.splitlines()], fault


def _fault(code: int, stderr: str) -> str:
    if not code:
        return ""
    _say(stderr)
    if code == -signal.SIGKILL:
        return "killed, as when memory runs out"
    # the last line says what, without the paths of this machine
    lines = stderr.strip().splitlines()
    return lines[-1] if lines else f"ended with exit code {code} and no message"


def _one(name: str, out: Path) -> None:
    """Run a benchmark in this process, a line of JSON a row."""
    file = FOLDER / f"bench_{name}.py"
    if not file.is_file():
        sys.exit(f"no benchmark {name}; there are {', '.join(_all())}")
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with out.open("w") as rows:
        for row in module.main([]):
            rows.write(json.dumps(row) + "\n")
            rows.flush()


def _machine() -> dict[str, Any]:
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        models = [
            x for x in info.read_text().splitlines() if x.startswith("model name")
        ]
        cpu = models[0].split(":")[1].strip() if models else cpu
    return {
        "card": _card(),
        "cpu": cpu,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "torch": metadata.version("torch"),
        "date": datetime.now(UTC).date().isoformat(),
    }


def _card() -> str:
    """Name of the CUDA device that PyTorch would take, "" where there is none."""
    if shutil.which("nvidia-smi") is None:
        return ""  # no driver: saves the start of PyTorch
    command = [sys.executable, "-c", _CARD]
    return subprocess.run(
        command, capture_output=True, text=True, check=True
    ).stdout.strip()


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
