"""The runner of several cells, against a stand-in for the dvc command."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

import pytest
import yaml

from sentinel_fusion import repro

ROOT = Path(__file__).parents[1]
STAND_IN = """#!{python}
import json, os, pathlib, sys
here = pathlib.Path({folder!r})
words = [word for word in sys.argv[1:] if not word.startswith("-")]
with (here / "calls").open("a") as log:
    log.write(os.environ.get("WARM", "cold") + " " + " ".join(sys.argv[1:]) + "\\n")
if words[0] == "status":
    stale = json.loads((here / "stale").read_text())
    print(json.dumps({{cell: ["changed"] for cell in stale}}))
elif "broken" in words[-1]:
    sys.exit("cell says no")
"""
STAGES = ["recipe_pretrain", "split", "grid_maps", "recipe_maps", "grid_tiles"]
Repro = Callable[..., tuple[int, list[str]]]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a pipeline and the stand-in."""
    script = tmp_path / "dvc"
    script.write_text(STAND_IN.format(python=sys.executable, folder=str(tmp_path)))
    script.chmod(0o755)
    stages = yaml.safe_dump({"stages": dict.fromkeys(STAGES)}, sort_keys=False)
    (tmp_path / "dvc.yaml").write_text(stages)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    return tmp_path


@contextmanager
def _warm_python() -> Iterator[dict[str, str]]:
    yield os.environ | {"WARM": "warm"}


@pytest.fixture
def run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Repro:
    """Run with some stale cells; exit status and the calls of the stand-in."""
    monkeypatch.setattr(repro, "warm_python", _warm_python)

    def call(stale: list[str], jobs: int) -> tuple[int, list[str]]:
        (folder / "stale").write_text(json.dumps(stale))
        monkeypatch.setattr(sys, "argv", ["repro", "--jobs", str(jobs)])
        status = repro.main()
        return status, (folder / "calls").read_text().splitlines()

    return call


def _single(calls: list[str]) -> list[str]:
    return [call for call in calls if "--single-item" in call]


def test_one_job_is_a_plain_repro(run: Repro) -> None:
    assert run(["grid_maps@a"], 1) == (0, ["cold repro"])


def test_the_command_line_is_a_module(folder: Path) -> None:
    command = [sys.executable, "-m", "sentinel_fusion.repro"]
    assert subprocess.run(command, check=False).returncode == 0
    assert (folder / "calls").read_text() == "cold repro\n"


def test_stale_cells_run_alone_and_a_plain_repro_closes(run: Repro) -> None:
    status, calls = run(["grid_maps@a", "grid_tiles@b", "split"], 2)
    wanted = "warm --wait-for-lock repro --single-item grid_"
    assert set(_single(calls)) == {f"{wanted}maps@a", f"{wanted}tiles@b"}
    assert (status, calls[-1]) == (0, "cold repro")


def test_what_comes_first_is_brought_up_to_date_before_its_level(run: Repro) -> None:
    _, calls = run(["grid_maps@a"], 2)
    cell = calls.index("warm --wait-for-lock repro --single-item grid_maps@a")
    assert "cold repro --quiet split recipe_pretrain recipe_maps" in calls[:cell]


@pytest.mark.parametrize(
    ("cell", "python"),
    [("download@a", "cold"), ("pretrain@a", "warm"), ("grid_tiles@a", "warm")],
)
def test_training_runs_on_the_warm_python(run: Repro, cell: str, python: str) -> None:
    _, calls = run([cell], 2)
    call = f"{python} --wait-for-lock repro --single-item {cell}"
    assert _single(calls) == [call]


def test_no_warm_python_is_started_for_nothing(
    run: Repro, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repro, "warm_python", None)
    assert run([], 2)[0] == 0


def test_a_failing_cell_stops_the_run_and_is_named(
    run: Repro, caplog: pytest.LogCaptureFixture
) -> None:
    status, calls = run(["grid_maps@broken"], 2)
    assert status == 1
    assert "grid_maps@broken failed" in caplog.text
    assert "cell says no" in caplog.text
    assert calls[-1] != "cold repro"


def test_a_failing_upstream_stops_the_run(run: Repro, folder: Path) -> None:
    script = folder / "dvc"
    script.write_text(script.read_text().replace("broken", "check_arms"))
    assert run(["grid_maps@a"], 2) == (1, ["cold repro --quiet check_arms"])


def test_no_job_is_refused(run: Repro, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        run([], 0)
    assert "--jobs must be >= 1, got 0" in capsys.readouterr().err


def test_finished_cells_are_counted_and_timed(
    run: Repro, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    run([f"grid_maps@{name}" for name in "abc"], 2)
    counts = [m.split("]")[0] for m in caplog.messages if m.startswith("[")]
    assert counts == ["[1/3", "[2/3", "[3/3"]


def test_every_task_of_the_pipeline_runs_beside_the_headline(folder: Path) -> None:
    groups = [level.groups for level in repro.levels()]
    assert ("finetune", "grid_maps", "grid_tiles") in groups


def _repository_stages() -> set[str]:
    return set(yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"])


def test_levels_name_every_stage_of_the_repository_but_the_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(ROOT)
    named = {name for lv in repro.levels() for name in (*lv.upstream, *lv.groups)}
    stages = set(yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"])
    assert named == stages - {"check_params"}


@pytest.mark.parametrize(
    ("number", "jobs", "sizes"),
    [
        (0, 2, []),
        (1, 2, [1]),
        (7, 2, [1] * 7),
        (16, 2, [2] * 8),
        (17, 2, [2] * 8 + [1]),
        (48, 2, [6] * 8),
        (100, 2, [6] * 16 + [4]),
        (100, 20, [1] * 100),
    ],
)
def test_batches_are_small_and_at_most_six(
    number: int, jobs: int, sizes: list[int]
) -> None:
    cells = [f"grid@{cell}" for cell in range(number)]
    assert [len(batch) for batch in repro.batches(cells, jobs)] == sizes


@pytest.mark.parametrize("number", [0, 5, 48, 101])
def test_batches_keep_the_order_of_the_cells(number: int) -> None:
    cells = [f"grid@{cell}" for cell in range(number)]
    assert list(chain.from_iterable(repro.batches(cells, 2))) == cells


def test_a_batch_is_one_process(folder: Path) -> None:
    repro.run_batch(["grid_maps@a", "grid_maps@b"], dict(os.environ))
    assert (folder / "calls").read_text().splitlines() == [
        "cold --wait-for-lock repro --single-item grid_maps@a grid_maps@b"
    ]


def test_a_batch_that_fails_shows_what_it_printed(folder: Path) -> None:
    message = "grid_maps@a, grid_maps@broken failed:\ncell says no"
    with pytest.raises(RuntimeError, match=message):
        repro.run_batch(["grid_maps@a", "grid_maps@broken"], dict(os.environ))
