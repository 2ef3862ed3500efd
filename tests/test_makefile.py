"""What the two commands say when the machine lacks something."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("Makefile", "pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def _make(folder: Path, *words: str, **env: str) -> list[str]:
    done = subprocess.run(
        ["make", *words],
        cwd=folder,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    return [line for line in done.stderr.splitlines() if not line.startswith("make")]


@pytest.mark.parametrize("target", ["repro", "test"])
def test_a_missing_python_is_one_clear_line(folder: Path, target: str) -> None:
    lines = _make(folder, target, "PYTHON=/nonexistent/python3")
    assert len(lines) == 1
    assert "Python 3.11 or newer is needed" in lines[0]


@pytest.mark.slow
def test_a_missing_registry_is_one_clear_line(folder: Path) -> None:
    nowhere = {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": ""}
    lines = _make(folder, "repro", **nowhere)
    assert len(lines) == 1
    assert "is a package registry reachable" in lines[0]


def test_benchmarks_of_a_gpu_without_one_are_one_clear_line(folder: Path) -> None:
    env = folder / ".venv"
    (env / "bin").mkdir(parents=True)
    (env / "bin" / "python").symlink_to("/bin/false")  # PyTorch finds no device
    (folder / "requirements-bench.lock").touch()
    for made in ("installed", "peers"):
        (env / made).touch()
    lines = _make(folder, "bench-gpu")
    assert len(lines) == 1
    assert "bench-gpu needs a CUDA device" in lines[0]
