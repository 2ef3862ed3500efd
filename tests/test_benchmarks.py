import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

FOLDER = Path(__file__).parents[1] / "benchmarks"
ROWS = ("list", "Iterator")
MACHINE = {
    "card": "",
    "cpu": "x",
    "cores": 2,
    "python": "3",
    "torch": "2",
    "date": "today",
}
ROW = {
    "name": "copying",
    "value": 2.5,
    "unit": "ms",
    "spread": 0.1,
    "peer": 5.0,
    "ratio_to_peer": 2.0,
    "limit": None,
    "ratio_to_limit": None,
    "goal": ">= 2 x peer",
    "met": True,
    "note": "a | b",
}


def _load(name: str, folder: Path = FOLDER) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, folder / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _results(**rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {"benchmarks": {name: _entry(r) for name, r in rows.items()}}


def _entry(rows: list[dict[str, Any]], **machine: str) -> dict[str, Any]:
    return {"machine": {**MACHINE, **machine}, "rows": rows, "fault": ""}


@pytest.fixture
def bench(tmp_path: Path) -> Path:
    """The runner beside two benchmarks, of which one fails."""
    folder = tmp_path / "benchmarks"
    folder.mkdir()
    shutil.copy(FOLDER / "run.py", folder)
    (folder / "bench_good.py").write_text(f"def main(argv):\n    return [{ROW!r}]\n")
    (folder / "bench_bad.py").write_text(
        "def main(argv):\n    raise ValueError('no luck')\n"
    )
    return folder


def _run(folder: Path, *names: str) -> int:
    command = [sys.executable, str(folder / "run.py"), *names]
    return subprocess.run(command, capture_output=True, check=False).returncode


def test_a_benchmark_that_fails_is_reported_and_the_others_count(bench: Path) -> None:
    assert _run(bench) == 1
    results = json.loads((bench / "results.json").read_text())["benchmarks"]
    assert results["good"]["rows"] == [ROW]
    assert results["bad"]["fault"] == "ValueError: no luck"
    assert "failed: ValueError: no luck" in (bench / "results.md").read_text()


def test_one_benchmark_leaves_the_results_of_the_others(bench: Path) -> None:
    _run(bench)
    assert _run(bench, "good") == 0
    results = json.loads((bench / "results.json").read_text())["benchmarks"]
    assert set(results) == {"good", "bad"}


def _add(folder: Path, name: str, body: str) -> None:
    main = f"def main(argv):\n    yield {ROW!r}\n    {body}\n"
    file = folder / f"bench_{name}.py"
    file.write_text(f"import os, signal, sys, time\n{main}")


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ("os.kill(os.getpid(), signal.SIGKILL)", "killed, as when memory runs out"),
        ("os._exit(3)", "ended with exit code 3 and no message"),
        ("sys.exit('no luck')", "no luck"),
    ],
)
def test_what_was_measured_before_a_failure_is_kept(
    bench: Path, body: str, fault: str
) -> None:
    _add(bench, "late", body)
    assert _run(bench, "late", "good") == 1
    results = json.loads((bench / "results.json").read_text())["benchmarks"]
    assert (results["late"]["rows"], results["late"]["fault"]) == ([ROW], fault)
    assert results["good"]["fault"] == ""


def test_what_was_measured_before_the_time_was_up_is_kept(bench: Path) -> None:
    _add(bench, "slow", "time.sleep(60)")
    run = _load("run", bench)
    assert run._run("slow", 2) == ([ROW], "took longer than 2 s")


def test_results_are_written_after_each_benchmark(
    bench: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = _load("run", bench)

    def stop(name: str, longest_s: float) -> tuple[list[dict[str, Any]], str]:
        if name == "good":
            raise KeyboardInterrupt
        return [ROW], ""

    monkeypatch.setattr(run, "_run", stop)
    with pytest.raises(KeyboardInterrupt):
        run.main(["bad", "good"])
    results = json.loads((bench / "results.json").read_text())["benchmarks"]
    assert set(results) == {"bad"}


def test_results_of_a_card_stand_beside_those_of_a_cpu(
    bench: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = _load("run", bench)
    limits = []

    def measure(name: str, longest_s: float) -> tuple[list[dict[str, Any]], str]:
        limits.append(longest_s)
        return [ROW], ""

    monkeypatch.setattr(run, "_run", measure)
    for card in ("", "H100"):
        monkeypatch.setattr(run, "_card", lambda card=card: card)
        run.main(["good"])
    results = json.loads((bench / "results.json").read_text())["benchmarks"]
    assert list(results) == ["good", "good@H100"]
    assert [entry["machine"]["card"] for entry in results.values()] == ["", "H100"]
    assert limits == [run.LONGEST_S, run.LONGEST_ON_CARD_S]
    assert "H100, " in (bench / "results.md").read_text()


def test_results_of_a_benchmark_that_is_gone_are_dropped(bench: Path) -> None:
    (bench / "results.json").write_text(json.dumps(_results(gone=[ROW], bad=[ROW])))
    _run(bench, "good")
    results = json.loads((bench / "results.json").read_text())["benchmarks"]
    assert set(results) == {"bad", "good"}


def test_an_unknown_benchmark_is_refused_with_those_there_are(bench: Path) -> None:
    assert _run(bench, "best") == 1
    results = json.loads((bench / "results.json").read_text())["benchmarks"]
    assert results["best"]["fault"] == "no benchmark best; there are bad, good"


def test_a_table_has_a_line_a_row_and_empty_cells_for_what_does_not_apply() -> None:
    (line,) = [
        line
        for line in _load("run").table(_results(memory=[ROW])).splitlines()
        if line.startswith("| copying")
    ]
    assert line == (
        "| copying | 2.5 | ms | 0.1 | 5 | 2 |  |  | >= 2 x peer | yes | a / b |"
    )


def test_a_page_quotes_rows_with_a_goal_between_its_marks() -> None:
    run = _load("run")
    page = f"before\n{run.MARKS[0]}\nold\n{run.MARKS[1]}\nafter\n"
    other = {**ROW, "name": "aimless", "goal": ""}
    quoted = run.quote(page, _results(memory=[ROW, other]))
    assert "| memory | copying | 2.5 | ms | 2 |  | >= 2 x peer | yes |" in quoted
    assert "aimless" not in quoted
    assert "old" not in quoted
    assert quoted.startswith("before\n")
    assert quoted.endswith("\nafter\n")
    assert run.quote(quoted, _results(memory=[ROW, other])) == quoted


def test_a_page_says_what_ran_on_which_of_several_machines() -> None:
    run = _load("run")
    results = _results(loss=[ROW])
    results["benchmarks"]["loss@H100"] = _entry([ROW], card="H100")
    quoted = run.quote(f"{run.MARKS[0]}{run.MARKS[1]}", results)
    about = "x, 2 cores, Python 3, torch 2, today."
    assert f"\n- loss: {about}\n- loss@H100: H100, {about}\n" in quoted


@pytest.mark.parametrize(
    ("mine", "met"), [(80.0, True), (69.0, False), (59.0, False), (32.0, False)]
)
def test_a_steps_goal_is_about_both_limits_and_the_published_way(
    mine: float, met: bool
) -> None:
    case = _load("step_case")
    # 100 pairs a second by the matrix rate, 500 by memory as it runs, 40 unfused
    limits = case.Limits(
        flops=1.0, traffic=25.0, fused=2.0, arithmetic=100, memory=1000
    )
    assert limits.tighter() == ("matrix rate", 100)
    assert limits.is_met(mine, peer=10.0) is met
    assert not limits.is_met(mine, peer=mine / 2.9)


def test_a_steps_tighter_limit_may_be_memory() -> None:
    case = _load("step_case")
    limits = case.Limits(
        flops=1.0, traffic=40.0, fused=20.0, arithmetic=99, memory=1000
    )
    assert limits.tighter() == ("memory rate", 50)
    assert not limits.is_met(36.0, peer=1.0)  # 1.5 x 25 unfused
    assert limits.is_met(38.0, peer=1.0)


def test_a_step_at_224_px_on_cuda_has_the_goal() -> None:
    case = _load("step_case")
    cuda, cpu = torch.device("cuda"), torch.device("cpu")
    assert case.Case("swin_t", 224, 128, cuda, 1).has_goal
    assert not case.Case("swin_t", 224, 128, cpu, 1).has_goal
    assert not case.Case("swin_t", 128, 128, cuda, 1).has_goal
    assert not case.Case("resnet18", 224, 128, cuda, 1).has_goal


def test_spread_is_half_the_middle_half_over_the_median() -> None:
    assert _load("measure").spread([1.0, 2.0, 3.0, 4.0, 5.0]) == pytest.approx(0.5)


def test_ways_are_timed_in_turn_after_one_run_each() -> None:
    calls: list[str] = []
    work = {name: lambda name=name: calls.append(name) for name in "ab"}
    seconds = _load("measure").interleave(work, rounds=2)
    assert calls == ["a", "b"] * 3
    assert {name: len(times) for name, times in seconds.items()} == {"a": 2, "b": 2}


@pytest.mark.parametrize(
    "file", sorted(FOLDER.glob("bench_*.py")), ids=lambda f: f.stem
)
def test_every_benchmark_has_a_main_that_takes_arguments(file: Path) -> None:
    heads = [f"def main(argv: list[str]) -> {kind}[Row]:" for kind in ROWS]
    assert any(head in file.read_text() for head in heads)


def test_the_page_has_both_marks() -> None:
    page = (FOLDER.parent / "docs" / "performance.md").read_text()
    assert all(page.count(mark) == 1 for mark in _load("run").MARKS)
