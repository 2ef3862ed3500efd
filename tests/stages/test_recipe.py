import hashlib
import os
from pathlib import Path

import pytest
import yaml
from stages.recipe import main

PIPELINE = {"stages": {"recipe": {"deps": ["b.py", "a.py"], "params": ["x", "y.z"]}}}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pipeline whose stage depends on two files and two params."""
    monkeypatch.chdir(tmp_path)
    Path("dvc.yaml").write_text(yaml.safe_dump(PIPELINE))
    Path("params.yaml").write_text(yaml.safe_dump({"x": 1, "y": {"z": [2], "w": 3}}))
    for name in ("a.py", "b.py"):
        Path(name).write_text(name)
    return tmp_path


def _recipe() -> list[str]:
    main("recipe")
    return Path("data/recipes/recipe").read_text().splitlines()


@pytest.mark.usefixtures("folder")
def test_a_recipe_is_hashes_by_name_then_values_of_params() -> None:
    a, b = (hashlib.sha256(name).hexdigest() for name in (b"a.py", b"b.py"))
    assert _recipe() == [f"a.py {a}", f"b.py {b}", "x 1", "y.z [2]"]


@pytest.mark.parametrize(
    ("file", "content"),
    [("a.py", "changed"), ("params.yaml", "x: 1\ny: {z: [3], w: 3}")],
)
def test_a_change_of_code_or_param_changes_the_recipe(
    folder: Path, file: str, content: str
) -> None:
    before = _recipe()
    (folder / file).write_text(content)
    assert _recipe() != before


def test_another_param_does_not_change_the_recipe(folder: Path) -> None:
    before = _recipe()
    (folder / "params.yaml").write_text("x: 1\ny: {z: [2], w: 4}")
    assert _recipe() == before


def test_a_cached_file_linked_there_survives(folder: Path) -> None:
    _recipe()
    os.link("data/recipes/recipe", folder / "cached")
    before = (folder / "cached").read_text()
    (folder / "a.py").write_text("changed")
    _recipe()
    assert (folder / "cached").read_text() == before
