import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT.parent / "shared" / "sample"
Params = dict[str, Any]
ARMS = ["late", "dual_simclr"]


class Clone:
    """A temporary clone of the working tree with params of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        binaries = str(Path(sys.executable).parent)
        self.env = {**os.environ, "PATH": f"{binaries}:{os.environ['PATH']}"}
        files = self._list_files()
        for name in files:
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target)
        for command in (
            ("git", "init", "-q", "-b", "main"),
            ("git", "config", "user.email", "tester@example.invalid"),
            ("git", "config", "user.name", "tester"),
        ):
            self.run(*command)

    @staticmethod
    def _list_files() -> list[str]:
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            check=True,
            capture_output=True,
            text=True,
        ).stdout.split("\n")
        return [n for n in listed if n and n != "dvc.lock" and (ROOT / n).is_file()]

    def run(self, *command: str, check: bool = True) -> str:
        done = subprocess.run(
            command, cwd=self.folder, env=self.env, capture_output=True, text=True
        )
        output = done.stdout + done.stderr
        assert done.returncode == 0 or not check, output
        return output

    def stages_run_by(self, *command: str, check: bool = True) -> set[str]:
        output = self.run(*command, check=check)
        return set(re.findall(r"Running stage '([^']+)'", output))

    def edit_params(self, change: Callable[[Params], None]) -> None:
        file = self.folder / "params.yaml"
        params = yaml.safe_load(file.read_text())
        change(params)
        file.write_text(yaml.safe_dump(params, sort_keys=False))

    def commit(self, message: str) -> None:
        self.run("git", "add", "-A")
        self.run("git", "commit", "-qm", message, "--allow-empty")

    def restore(self) -> None:
        self.run("git", "checkout", "-q", "-f", "main")
        self.run("git", "clean", "-qfd")
        self.run("dvc", "checkout", "-q", "--force")


def shrink(params: Params) -> None:
    params["seeds"] = [0, 1]
    params["download"]["synthetic"] |= {
        "patch_px": 64,
        "pretrain_places": 6,
        "validation_places": 6,
        "test_places": 6,
        "workers": 1,
    }
    params["tile"] |= {"size_px": 32, "stride_px": 32}
    params["pretrain"] |= {"epochs": 2, "batch_size": 8, "warmup_steps": 1}
    params["finetune"] |= {"steps": 4, "batch_size": 8, "eval_every": 2}
    params["task_budgets"]["segmentation"] = {}
    params["arms"] = {name: params["arms"][name] for name in ARMS}
    params["grid"] = {
        "label_fracs": [0.5, 1.0],
        "arms": {
            "single_label": ARMS.copy(),
            "multi_label": ["late"],
            "segmentation": ["dual_simclr"],
        },
    }
    params["ensembles"] = {"ensemble": ARMS.copy()}
    params["intervals"] |= {
        "draws": 100,
        "claims": {"label_frac": 1.0, "reference_frac": 1.0},
    }
    params["maps"] |= {"tiles": 2, "arms": ["dual_simclr"]}
    params["diagnostics"] |= {"arms": ["dual_simclr"]}
    params["calibration"] |= {"arms": ARMS.copy()}
    params["export"] |= {"arms": ["dual_simclr"]}


@pytest.fixture(scope="session")
def reproduced(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A clone on tiny data whose pipeline ran once; tests restore it."""
    clone = Clone(tmp_path_factory.mktemp("clone"))
    clone.edit_params(shrink)
    clone.commit("tiny params")
    clone.run("dvc", "repro")
    clone.commit("results")
    return clone


@pytest.fixture
def clone(reproduced: Clone) -> Clone:
    reproduced.restore()
    return reproduced
