"""The runner of several cells, in small DVC repositories of shell commands."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from dvc.repo import Repo

from sentinel_fusion.repro import longest_first

ROOT = Path(__file__).parents[1]
CELL = (
    "if test $(cat {name}.in) = killer; then sleep 4; kill -9 $PPID; fi; "
    "test $(cat {name}.in) != broken && cp {name}.in {name}.out && "
    "echo x >> {name}.runs"
)


class Project:
    """A repository with a cell a name, each copying a file of its own."""

    def __init__(self, folder: Path, names: tuple[str, ...]) -> None:
        self.folder = folder
        stages = {
            "upstream": {"cmd": "echo up > up", "outs": ["up"]},
            **{
                f"grid_{name}": {
                    "cmd": CELL.format(name=name),
                    "deps": [f"{name}.in", "up"],
                    "outs": [f"{name}.out"],
                }
                for name in names
            },
        }
        (folder / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}))
        for name in names:
            (folder / f"{name}.in").write_text("first")
        Repo.init(str(folder), no_scm=True).close()

    def repro(self, jobs: int) -> subprocess.CompletedProcess[str]:
        level = "Level(('upstream',), GROUPS, is_warm=False)"
        code = (
            "import logging, sys; from sentinel_fusion import repro as r\n"
            "logging.basicConfig(level=logging.INFO, format='%(message)s')\n"
            f"GROUPS = tuple({self.groups})\n"
            f"r.levels = lambda: [r.{level}]\n"
            f"sys.argv[1:] = ['--jobs', '{jobs}']; sys.exit(r.main())"
        )
        binaries = Path(sys.executable).parent
        env = os.environ | {
            "PATH": f"{binaries}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT / "src"),
        }
        return subprocess.run(
            [sys.executable, "-c", code],
            cwd=self.folder,
            env=env,
            capture_output=True,
            text=True,
        )

    @property
    def groups(self) -> list[str]:
        stages = yaml.safe_load((self.folder / "dvc.yaml").read_text())["stages"]
        return [name for name in stages if name.startswith("grid_")]

    def runs(self, name: str) -> int:
        file = self.folder / f"{name}.runs"
        return len(file.read_text().split()) if file.exists() else 0

    def is_up_to_date(self) -> bool:
        with Repo(str(self.folder)) as repo:
            return not repo.status()


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path, ("a", "b", "c"))


def test_stale_cells_are_run_and_recorded(project: Project) -> None:
    done = project.repro(2)
    assert done.returncode == 0, done.stderr
    assert [project.runs(name) for name in "abc"] == [1, 1, 1]
    assert project.is_up_to_date()


@pytest.mark.slow
def test_a_second_run_finds_nothing_to_do(project: Project) -> None:
    project.repro(2)
    project.repro(2)
    assert [project.runs(name) for name in "abc"] == [1, 1, 1]


@pytest.mark.slow
def test_only_the_changed_cell_is_run(project: Project) -> None:
    project.repro(2)
    (project.folder / "b.in").write_text("second")
    project.repro(2)
    assert [project.runs(name) for name in "abc"] == [1, 2, 1]
    assert (project.folder / "b.out").read_text() == "second"


@pytest.mark.slow
def test_what_was_run_before_comes_from_the_run_cache(project: Project) -> None:
    for content in ("first", "second", "first"):
        (project.folder / "b.in").write_text(content)
        done = project.repro(2)
    assert project.runs("b") == 2
    assert "1 cells found in the run cache" in done.stderr
    assert (project.folder / "b.out").read_text() == "first"


@pytest.mark.slow
def test_a_failing_cell_is_named_and_finished_ones_are_recorded(
    project: Project,
) -> None:
    (project.folder / "c.in").write_text("broken")
    done = project.repro(2)
    assert done.returncode == 1
    assert "grid_c failed" in done.stderr
    (project.folder / "c.in").write_text("mended")
    project.repro(2)
    assert [project.runs(name) for name in "abc"] == [1, 1, 1]


@pytest.mark.slow
def test_a_killed_run_loses_no_finished_cell(project: Project) -> None:
    (project.folder / "c.in").write_text("killer")
    assert project.repro(2).returncode == -signal.SIGKILL
    (project.folder / "c.in").write_text("mended")
    project.repro(2)
    assert [project.runs(name) for name in "abc"] == [1, 1, 2]
    assert project.is_up_to_date()


@pytest.mark.slow
def test_one_job_gives_the_same_lock_as_two(tmp_path: Path) -> None:
    locks = []
    for jobs in (1, 2):
        folder = tmp_path / str(jobs)
        folder.mkdir()
        project = Project(folder, ("a", "b"))
        project.repro(jobs)
        locks.append(yaml.safe_load((folder / "dvc.lock").read_text()))
    assert locks[0] == locks[1]


def test_levels_hold_every_grid_stage_of_the_pipeline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from sentinel_fusion.repro import levels

    monkeypatch.chdir(ROOT)
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    grid = {name for name in stages if name.startswith("grid_")}
    assert grid <= {group for level in levels() for group in level.groups}


def test_no_job_is_refused(project: Project) -> None:
    done = project.repro(0)
    assert done.returncode == 2
    assert "--jobs must be >= 1, got 0" in done.stderr


def test_the_longest_cells_start_first_and_unknown_ones_before_them(
    tmp_path: Path,
) -> None:
    costs = tmp_path / "cost.json"
    rows = [
        {"stage": "pretrain", "arm": "mma", "seconds": 3.0},
        {"stage": "grid", "arm": "s1", "task": "t", "label_frac": 0.1, "seconds": 9.0},
        {"stage": "grid", "arm": "s1", "task": "t", "label_frac": 1.0, "seconds": 5.0},
    ]
    costs.write_text(json.dumps(rows))
    cells = ["pretrain@mma", "grid_t@s1-1.0", "grid_t@new-0.1", "grid_t@s1-0.1"]
    ordered = ["grid_t@new-0.1", "grid_t@s1-0.1", "grid_t@s1-1.0", "pretrain@mma"]
    assert longest_first(cells, costs) == ordered


def test_cells_keep_their_order_where_no_cost_is_known(tmp_path: Path) -> None:
    assert longest_first(["b", "a"], tmp_path / "none.json") == ["b", "a"]
