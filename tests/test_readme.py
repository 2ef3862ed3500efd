"""Every command in the README exists."""

import importlib.util
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```(?:bash|sh)\n(.*?)```", README, flags=re.DOTALL)
COMMANDS = [
    re.sub(r"^([A-Z_]+=\S+ )+", "", line.split(" #")[0].strip())
    for block in BLOCKS
    for line in block.splitlines()
    if line.strip() and not line.startswith("#")
]


def _starting(*words: str) -> list[str]:
    return [c for c in COMMANDS if c.split()[: len(words)] == list(words)]


def test_every_command_is_of_a_kind_that_is_checked() -> None:
    checked = {"make", "dvc", "python", "torchrun", "srun", "cp", "git", "source", "cd"}
    assert {command.split()[0] for command in COMMANDS} <= checked


@pytest.mark.parametrize("command", _starting("make"))
def test_make_targets_exist(command: str) -> None:
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert command.split()[1] in targets


@pytest.mark.parametrize("command", _starting("dvc"))
def test_dvc_commands_and_their_options_exist(command: str) -> None:
    words = shlex.split(command)
    verbs = words[1 : 3 if words[1] in {"exp", "metrics", "plots", "params"} else 2]
    done = subprocess.run(
        [str(Path(sys.executable).with_name("dvc")), *verbs, "--help"],
        capture_output=True,
        text=True,
    )
    options = {word for word in words if re.fullmatch(r"-{1,2}[A-Za-z-]+", word)}
    assert done.returncode == 0
    assert all(option in done.stdout for option in options)


@pytest.mark.parametrize("command", _starting("dvc", "exp", "run"))
def test_params_set_on_the_command_line_exist(command: str) -> None:
    words = shlex.split(command)
    settings = [words[i + 1] for i, word in enumerate(words) if word == "-S"]
    for setting in settings:
        node = yaml.safe_load((ROOT / "params.yaml").read_text())
        for part in setting.split("=")[0].split("."):
            node = node[part]


@pytest.mark.parametrize(
    "command", [*_starting("python"), *_starting("torchrun"), *_starting("srun")]
)
def test_modules_exist(command: str) -> None:
    words = command.split()
    assert importlib.util.find_spec(words[words.index("-m") + 1]) is not None


@pytest.mark.parametrize("command", _starting("cp"))
def test_copied_files_exist(command: str) -> None:
    assert (ROOT / command.split()[1]).is_file()


@pytest.mark.parametrize("target", re.findall(r"\]\((?!http)([^)#]+)\)", README))
def test_linked_files_exist(target: str) -> None:
    assert (ROOT / target).exists()


def _committed(name: str) -> str:
    return subprocess.run(
        ["git", "show", f"HEAD:{name}"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout


def test_the_table_is_the_committed_one() -> None:
    assert _committed("metrics/label_efficiency.md").strip() in README
