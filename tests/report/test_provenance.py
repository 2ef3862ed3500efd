import subprocess
from pathlib import Path

import pytest

from sentinel_fusion.report.provenance import (
    data_hashes,
    machine,
    revision,
    versions,
)

LOCK = """
schema: '2.0'
stages:
  split:
    cmd: python -m stages.split
    outs:
    - path: data/splits
      hash: md5
      md5: 92c2.dir
  clean:
    cmd: 'true'
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / "params.yaml").write_text("seed: 0\n")
    (tmp_path / "metrics").mkdir()
    (tmp_path / "metrics" / "scores.csv").write_text("arm\n")
    (tmp_path / "dvc.lock").write_text("stages: {}\n")
    for words in (
        ("init", "-q"),
        ("add", "-A"),
        (*_name("user.name"), *_name("user.email"), "commit", "-qm", "one"),
    ):
        subprocess.run(["git", "-C", str(tmp_path), *words], check=True)
    return tmp_path


def _name(key: str) -> tuple[str, str]:
    return "-c", f"{key}=tester"


def test_a_clean_repository_has_no_changes(repository: Path) -> None:
    found = revision(repository)
    assert len(found["revision"]) == 40
    assert found["uncommitted changes"] == "none"


def test_what_the_pipeline_writes_is_no_change(repository: Path) -> None:
    (repository / "metrics" / "scores.csv").write_text("arm\nlate\n")
    (repository / "dvc.lock").write_text("stages: {a: {}}\n")
    assert revision(repository)["uncommitted changes"] == "none"


def test_changed_and_new_files_are_named(repository: Path) -> None:
    (repository / "params.yaml").write_text("seed: 1\n")
    (repository / "new.py").touch()
    assert revision(repository)["uncommitted changes"] == "params.yaml, new.py"


def test_a_folder_without_git_has_no_revision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert "not a git repository" in revision(tmp_path)["revision"]


def test_a_machine_without_git_has_no_revision(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    assert "not available" in revision(repository)["revision"]


def test_data_are_known_by_dvcs_hash_and_that_of_their_pixels(tmp_path: Path) -> None:
    lock = tmp_path / "dvc.lock"
    lock.write_text(LOCK)
    stats = {"labelled": {"content_sha256": "ab12", "tiles": 3}}
    assert data_hashes(lock, ["data/splits", "data/tiles"], stats) == {
        "data/splits (DVC)": "92c2.dir",
        "data/tiles (DVC)": "not available",
        "pixels of labelled (SHA-256)": "ab12",
    }


def test_without_a_lock_no_hash_is_known(tmp_path: Path) -> None:
    found = data_hashes(tmp_path / "dvc.lock", ["data/splits"], {})
    assert found == {"data/splits (DVC)": "not available"}


def test_every_library_has_a_version() -> None:
    found = versions()
    assert {"Python", "torch", "dvc", "altair"} <= set(found)
    assert all(version[0].isdigit() for version in found.values())


def test_a_machine_is_described_without_its_name() -> None:
    found = machine()
    assert int(found["cores"]) >= 1
    assert Path("/etc/hostname").read_text().strip() not in found.values()
